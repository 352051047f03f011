"""Which kernels have been compiled: found in the modules, and told by what numba keeps."""
import importlib.util
import os
import re
from pathlib import Path

import awe.science
from awe.science import compiling
from awe.science.kernel import Kernel

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


def kernel_in(source: Path) -> Kernel:
    spec = importlib.util.spec_from_file_location("own", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.one_more


def test_a_kernel_is_missing_until_it_is_used_and_when_it_has_changed(tmp_path, monkeypatch):
    source = tmp_path / "own.py"
    source.write_text(KERNEL)
    known = {"own.one_more": kernel_in(source)}
    monkeypatch.setattr(compiling, "kernels", lambda: known)
    assert compiling.missing() == ["own.one_more"] and compiling.told("making") == "making, compiling kernels once"
    assert known["own.one_more"](1) == 2
    assert compiling.missing() == [] and compiling.told("making") == "making"
    os.utime(source, (0, 0))
    assert not compiling.missing(), "a copy with another date is the same source"
    source.write_text(KERNEL.replace("+ 1", "+ 2"))
    known["own.one_more"] = kernel_in(source)
    assert compiling.missing() == ["own.one_more"]


def test_what_a_warm_up_had_no_use_for_is_known_until_a_module_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "_note", lambda: tmp_path / "left_over.txt")
    assert compiling.left_over() == []
    compiling.leave_over(["exact.exact", "match._proposals"])
    assert compiling.left_over() == ["exact.exact", "match._proposals"]
    monkeypatch.setattr(compiling, "_digest", lambda: "of other sources")
    assert compiling.left_over() == []
