from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from awe.errors import ConfigError
from awe.simulate import Run, RunConfig, simulate_run

TINY = RunConfig.small(width=128, height=128, biases=1, darks=1, domes=1, twilights=1, exposures=2)


def digests(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*")) if path.is_file()
    }


def test_same_seed_gives_the_same_files_in_another_process(tmp_path: Path) -> None:
    simulate_run(tmp_path / "a", seed=5, config=TINY)
    program = (
        "from pathlib import Path; from awe.simulate import RunConfig, simulate_run; simulate_run(Path(r'%s'), seed=5, "
        "config=RunConfig.small(width=128, height=128, biases=1, darks=1, domes=1, twilights=1, exposures=2))"
    )
    subprocess.run([sys.executable, "-c", program % (tmp_path / "b")], check=True, cwd=Path(__file__).parents[2])
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_other_seed_gives_other_pixels_and_other_sky(tmp_path: Path) -> None:
    a = simulate_run(tmp_path / "a", seed=5, config=TINY)
    b = simulate_run(tmp_path / "b", seed=6, config=TINY)
    assert not np.array_equal(fits.getdata(a.raw_files[0], 1), fits.getdata(b.raw_files[0], 1))
    assert fits.getdata(a.truth_sources)["ra"][0] != fits.getdata(b.truth_sources)["ra"][0]


def test_one_more_bias_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    config = RunConfig.small(biases=1, darks=0, domes=0, twilights=0, exposures=0)
    a = simulate_run(tmp_path / "a", seed=5, config=config)
    b = simulate_run(tmp_path / "b", seed=5, config=replace(config, biases=2))
    assert np.array_equal(fits.getdata(a.raw_files[0], 2), fits.getdata(b.raw_files[0], 2))


def test_seed_is_drawn_and_recorded(tmp_path: Path) -> None:
    config = RunConfig.small(biases=1, darks=0, domes=0, twilights=0, exposures=0)
    runs = [simulate_run(tmp_path / name, config=config) for name in "ab"]
    assert runs[0].seed != runs[1].seed
    assert [json.loads(run.truth_run.read_text())["seed"] for run in runs] == [run.seed for run in runs]


def test_everything_named_in_the_run_is_there(run: Run) -> None:
    paths = [*run.raw_files, run.instrument, run.reference, run.reference_mapping, run.truth_sources,
             run.truth_exposures, run.truth_reference, run.truth_camera, run.truth_run,
             *run.truth_detectors.values(), *run.truth_pixels.values()]
    assert [path for path in paths if not path.is_file()] == []
    assert {path for path in run.directory.rglob("*") if path.is_file()} == set(paths)
    tomllib.loads(run.instrument.read_text())


def test_progress_is_told_of_every_file(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    run = simulate_run(tmp_path / "a", 1, TINY, progress=lambda done, total, what: told.append((done, total, what)))
    assert [t[0] for t in told] == list(range(1, len(run.raw_files) + 1))
    assert {t[1] for t in told} == {len(run.raw_files)}
    assert [t[2] for t in told] == [path.name for path in run.raw_files]


def test_many_chips_nights_and_filters(tmp_path: Path) -> None:
    config = RunConfig.small(width=64, height=64, chips=7, nights=2, filters=("g", "i"), biases=1, darks=1, domes=1,
                             twilights=1, exposures=1)
    run = simulate_run(tmp_path / "a", 1, config)
    assert len(run.raw_files) == 2 * (2 + 2 * 3)
    headers = [fits.getheader(path) for path in run.raw_files]
    assert len({header["EXPNUM"] for header in headers}) == len(headers)
    assert sorted(header["DATE-OBS"] for header in headers) == [header["DATE-OBS"] for header in headers]
    with fits.open(run.raw_files[0]) as hdus:
        assert list(dict.fromkeys(h.header["CCDNAME"] for h in hdus[1:])) == [
            "ccd50", "ccd53", "ccd54", "ccd55", "ccd56", "ccd57", "ccd58"]
        assert len(hdus) == 1 + 4 + 3 * 2


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not an empty directory"):
        simulate_run(tmp_path, 1, TINY)
    with pytest.raises(ConfigError, match="seed is -1"):
        simulate_run(tmp_path / "new", -1, TINY)
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(("changes", "words"), [
    ({"chips": 0}, "chips is 0"), ({"exposures": -1}, "exposures is -1"), ({"width": 20}, "20 x 256"),
    ({"filters": ("r", "H")}, "choose from u, g, r"), ({"filters": ()}, "choose from"),
])
def test_settings_that_cannot_be(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        RunConfig.small(**changes)


def test_missing_galsim_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "galsim", None)
    with pytest.raises(ConfigError, match=r"pip install 'awe\[simulate\]'"):
        simulate_run(tmp_path / "a", 1, TINY)
    assert not (tmp_path / "a").exists()


def test_import_does_not_load_galsim() -> None:
    program = "import sys, awe.simulate; sys.exit('galsim' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2]).returncode == 0


def test_simulator_imports_nothing_of_the_code_it_tests() -> None:
    program = (
        "import sys, awe.simulate; own = {m.split('.')[1] for m in sys.modules if m.startswith('awe.')}; "
        "sys.exit(str(own - {'simulate', 'errors'}) if own - {'simulate', 'errors'} else 0)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2]).returncode == 0
