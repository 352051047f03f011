"""Streaming 100 MiB over HTTP: `awe.fileserver` beside nginx (sendfile) on the same file and machine.

Both serve from a warm page cache over the loopback; the same bare socket reads both and counts the bytes; the median
of paired runs. The bar is a ratio of rates: ours at no less than half of nginx. nginx from any package will do; where
there is none, the script says so and measures ours alone.
"""
from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from awe.fileserver import Grant, Store
from awe.fileserver.server import app, serve

MIB = 1 << 20
SIZE = 100 * MIB
BAR = 0.5
NGINX = """
daemon off; worker_processes auto; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; sendfile_max_chunk 0; tcp_nopush on; default_type application/octet-stream;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
user root;
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(port: int, path: str) -> float:
    """Read one answer to its end; return the seconds from connecting on."""
    buffer = bytearray(MIB)
    start = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        got = len(head.partition(b"\r\n\r\n")[2])
        while count := connection.recv_into(buffer):
            got += count
    if b" 200 " not in head.partition(b"\r\n")[0] or got != SIZE:
        raise SystemExit(f"{path} on port {port} answered {head[:60]!r} and {got} bytes")
    return time.perf_counter() - start


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """Run a server until the block ends."""
    process = subprocess.Popen(command)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def serve_store(root: str, port: int) -> None:
    """Be our server; run as a process of its own."""
    serve(app(Store(root), lambda name, token: Grant(name)), port=port)


def measure(folder: Path, runs: int) -> tuple[list[float], list[float]]:
    """Return the seconds of our runs, and of nginx's, taken in turns."""
    data = os.urandom(SIZE)
    sha, store = hashlib.sha256(data).hexdigest(), Store.create(folder / "store")
    store.put(data)
    (folder / "file").write_bytes(data)
    ours, theirs = [], []
    with contextlib.ExitStack() as stack:
        port, peer_port, nginx = free_port(), free_port(), shutil.which("nginx")
        stack.enter_context(running([sys.executable, __file__, "--serve", str(store.root), str(port)], port))
        if nginx:
            (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=peer_port))
            os.chmod(folder, 0o755)
            stack.enter_context(running([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], peer_port))
        for run in range(runs + 1):
            seconds = fetch(port, f"/files/{sha}"), fetch(peer_port, "/file") if nginx else 0.0
            if run:  # the first warms both
                ours.append(seconds[0])
                theirs.append(seconds[1])
    return ours, theirs if nginx else []


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="3 runs instead of 15")
    parser.add_argument("--serve", nargs=2, metavar=("ROOT", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve_store(options.serve[0], int(options.serve[1]))
        return 0
    with tempfile.TemporaryDirectory(prefix="awe-serve-") as folder:
        ours, theirs = measure(Path(folder), 3 if options.quick else 15)
    our_rate = SIZE / MIB / statistics.median(ours)
    peer_rate = SIZE / MIB / statistics.median(theirs) if theirs else None
    ratio = statistics.median(t / o for o, t in zip(ours, theirs, strict=True)) if theirs else None
    row = {"name": "serve 100 MiB", "peer": "nginx" if theirs else "none: nginx is not installed", "unit": "MiB/s",
           "ours": our_rate, "theirs": peer_rate, "ratio": ratio, "bar": BAR, "at_least": True,
           "passed": None if ratio is None else ratio >= BAR}
    if options.json:
        print(json.dumps([row]))
    elif theirs:
        print(f"serve 100 MiB  {our_rate:.0f} MiB/s  nginx {peer_rate:.0f} MiB/s  {ratio:.2f}  at least {BAR}")
    else:
        print(f"serve 100 MiB  {our_rate:.0f} MiB/s  nginx is not installed, so there is no ratio (apt-get install nginx)")
    return 0 if ratio is None or ratio >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
