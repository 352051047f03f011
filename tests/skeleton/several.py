"""Several commands of awe in one fresh process: ``python -m tests.skeleton.several JSON``, each with its exit code and what it said."""
from __future__ import annotations

import contextlib
import io
import json
import sys

from awe.cli import main


def run(words: list[str]) -> dict[str, object]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    print(json.dumps([run(words) for words in json.loads(sys.argv[1])]))
