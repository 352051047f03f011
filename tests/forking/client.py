"""``python -IS client.py SOCKET WORDS...``: stand in for a process that is forked elsewhere, for programs that start one."""
import json
import os
import signal
import socket
import sys

with socket.socket(socket.AF_UNIX) as asked:
    asked.connect(sys.argv[1])
    request = {"words": sys.argv[2:], "folder": os.getcwd(), "environment": dict(os.environ)}
    socket.send_fds(asked, [json.dumps(request).encode() + b"\n"], [0, 1, 2])
    answers = asked.makefile("r")
    pid = int(answers.readline())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda which, _: os.kill(pid, which))
    code = int(answers.readline())
sys.exit(code if code >= 0 else 128 - code)
