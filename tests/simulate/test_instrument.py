"""The instrument file that comes with a run describes its raw files completely."""
from __future__ import annotations

import json
from datetime import date

import pytest
from astropy.io import fits

from awe.instruments import check, identify, load, night_of, translate
from awe.simulate import Run

PURPOSES = {"bias": "bias", "dark": "dark", "dome flat": "domeflat", "twilight flat": "twilightflat", "object": "science"}


def test_every_raw_file_is_translated_whole(run: Run) -> None:
    definition = load(run.instrument)
    assert definition.name == "simcam" and definition.parity == -1
    for path in run.raw_files:
        header = fits.getheader(path)
        assert identify(path, [definition]) == definition
        translation = translate(path, definition)
        assert translation.problems == [] and [raw.warnings for raw in translation] == [[], []]
        for raw, chip in zip(translation, ("ccd50", "ccd53"), strict=True):
            assert raw.purpose == PURPOSES[header["IMAGETYP"]]
            assert (raw.chip, raw.filter, raw.exposure) == (chip, header.get("FILTER"), path.stem)
            assert (raw.shape, raw.exptime, raw.readout_mode) == ((256, 256), header["EXPTIME"], "slow")
            assert night_of(raw.date_obs, definition.utc_offset) == date(2024, 3, 10)
            if raw.purpose == "science":
                assert raw.object == "FIELD1" and raw.wcs_cards["CTYPE1"] == "RA---TAN"
                assert raw.ra == pytest.approx(raw.wcs_cards["CRVAL1"], abs=1e-5)
                assert raw.dec == pytest.approx(raw.wcs_cards["CRVAL2"], abs=1e-5)


def test_amplifiers_are_those_of_the_truth(run: Run) -> None:
    truth = {chip["name"]: chip["amplifiers"] for chip in json.loads(run.truth_camera.read_text())["chips"]}
    for raw in translate(run.raw_files[0], load(run.instrument)):
        for described, real in zip(raw.amplifiers, truth[raw.chip], strict=True):
            for word in ("name", "hdu", "data", "overscan", "prescan", "position", "flip_x", "saturation"):
                assert described[word] == real[word], (raw.chip, word)
            assert described["gain"] == pytest.approx(real["gain"], abs=0.006)
            assert described["read_noise"] == pytest.approx(real["read_noise"], abs=0.06)


def test_instrument_file_passes_its_own_check(run: Run) -> None:
    report = check(load(run.instrument), run.raw_files)
    assert report.is_clean, str(report)
    assert report.counts == {"bias": 5, "dark": 3, "domeflat": 10, "twilightflat": 10, "science": 10}
