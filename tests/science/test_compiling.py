"""Which kernels have been compiled: found in the modules, and told by what numba keeps."""
import importlib.util
import os
import re
from pathlib import Path

import awe.science
from awe.science import compiling

KERNEL = """
from awe.science.kernel import njit

@njit(cache=True)
def one_more(x):
    return x + 1
"""


def test_kernels_of_all_modules_are_found():
    sources = {path.stem: path.read_text() for path in Path(awe.science.__path__[0]).glob("*.py")}
    with_kernels = {name for name, text in sources.items() if re.search(r"^@njit\((?!.*inline)", text, re.MULTILINE)}
    assert {name.partition(".")[0] for name in compiling.kernels()} == with_kernels


def test_a_kernel_is_missing_until_it_is_used_and_when_it_has_changed(tmp_path, monkeypatch):
    source = tmp_path / "own.py"
    source.write_text(KERNEL)
    spec = importlib.util.spec_from_file_location("own", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(compiling, "kernels", lambda: {"own.one_more": module.one_more})
    assert compiling.missing() == ["own.one_more"] and compiling.told("making") == "making, compiling kernels once"
    assert module.one_more(1) == 2
    assert compiling.missing() == [] and compiling.told("making") == "making"
    later = source.stat().st_mtime + 10
    os.utime(source, (later, later))
    assert compiling.missing() == ["own.one_more"]


def test_what_a_warm_up_had_no_use_for_is_known_until_a_module_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "_note", lambda: tmp_path / "left_over.txt")
    assert compiling.left_over() == []
    compiling.leave_over(["exact.exact", "match._proposals"])
    assert compiling.left_over() == ["exact.exact", "match._proposals"]
    os.utime(tmp_path / "left_over.txt", (0, 0))
    assert compiling.left_over() == []
