"""A hundred readers at once: `awe serve` as a process of its own, on an instance with 100,000 frames.

Each reader holds one connection, asks for a page, reads all of it, and asks for the next, in an order of their own: the front page,
lists of the database viewer, objects, quality pages, lineages, calibrations of a month.  Bars: 50 pages a second, and 95 of 100
answers within 2 s.  There is no peer.  The processor time of the server for a page stands beside it, which a busy machine changes less.
"""
from __future__ import annotations

import argparse
import asyncio
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from databases import Make, run
from pages import Filled, filled

FRAMES, READERS, SECONDS = 100_000, 100, 20.0
PAGES_A_SECOND, P95 = 50.0, 2.0
#: Seconds in which the server has to be there.
PATIENCE = 60.0


def read_often(there: Filled) -> list[str]:
    """The pages that are read, as often as they stand here."""
    viewer = "/database/ReducedScienceFrame"
    narrow = f"{viewer}?path=chip.name&op={quote('==')}&value=ccd53&to=&size=25"
    return ["/", "/", "/database", viewer + "?size=25", narrow, f"/object/{there.frame}", f"/object/{there.frame}", f"/object/{there.flat}",
            f"/quality/{there.flat}", f"/lineage/{there.frame}", "/jobs", "/projects", "/targets", f"/calts/edit/{there.frame}",
            "/calts?chip=ccd53&period=month&when=2016-05-01"]


async def read(port: int, urls: list[str], head: str, until: float, spent: list[float], seed: int) -> None:
    """One reader: page after page on one connection."""
    order = random.Random(seed)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    while time.perf_counter() < until:
        start = time.perf_counter()
        writer.write(f"GET {order.choice(urls)} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in answer.split(b"\r\n", 1)[0]:
            raise SystemExit(f"the server answered {answer[:200]!r}")
        await reader.readexactly(int(answer.split(b"content-length: ")[1].split(b"\r\n")[0]))
        spent.append(time.perf_counter() - start)
    writer.close()


async def read_all(port: int, urls: list[str], head: str, seconds: float) -> list[float]:
    """All readers; how long each answer took."""
    spent: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(read(port, urls, head, until, spent, seed) for seed in range(READERS)))
    return spent


def wait_for(port: int) -> None:
    """Wait until the server listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"the server was not there after {PATIENCE:.0f} s")


def processor_time(pid: int) -> float:
    """Seconds that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="utf8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(kind: str, make: Make, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Fill an instance, serve it, and let everybody read."""
    with filled(kind, make, FRAMES // 10 if options.quick else FRAMES) as there:
        head = "".join(f"{name}: {value}\r\n" for name, value in there.headers.items())
        yield from read_by_many(kind, there, head, SECONDS / 4 if options.quick else SECONDS)


def read_by_many(kind: str, there: Filled, head: str, seconds: float) -> Iterator[dict[str, Any]]:
    """The figures of one server, after each page was asked for once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "awe", "serve", "--home", str(there.home), "--port", str(port)])
    try:
        wait_for(port)
        urls = read_often(there)
        asyncio.run(read_all(port, urls, head, 3.0))
        before, start = processor_time(server.pid), time.perf_counter()
        spent = sorted(asyncio.run(read_all(port, urls, head, seconds)))
        rate, used = len(spent) / (time.perf_counter() - start), processor_time(server.pid) - before
    finally:
        server.terminate()
        server.wait(30)
    late = spent[int(0.95 * len(spent))]
    name = f"{kind}: {READERS} readers"
    told = f"{1000 * used / len(spent):.0f} ms of the server's processor a page, median {statistics.median(spent):.2f} s"
    alone = {"peer": "-", "theirs": None, "ratio": None}
    yield {"name": f"{name} ({told})", "unit": "pages/s", "ours": rate, "bar": PAGES_A_SECOND, "at_least": True,
           "passed": rate >= PAGES_A_SECOND, **alone}
    yield {"name": f"{name}, 95 of 100", "unit": "s", "ours": late, "bar": P95, "at_least": False, "passed": late <= P95, **alone}


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure))
