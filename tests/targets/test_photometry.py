"""Extinction, colour terms and associations on the simulated run."""
from __future__ import annotations

import json
from contextlib import nullcontext

import numpy as np
import pytest

from awe.cli.main import main
from awe.errors import PermanentError
from awe.ingest.instrument import set_parameters
from awe.simulate.definition import WAVELENGTHS
from awe.targets import (
    AssociateList,
    AtmosphericExtinction,
    DualSourceList,
    Flag,
    PhotometricParameters,
    PhotTransformation,
    PSFModel,
    SourceList,
)
from awe.targets.sourcelist import moved
from tests.targets.walk import COLOURS, FIELD

#: Wavelength of the simulated r, nm.
R = float(WAVELENGTHS["r"])


def test_a_night_at_one_airmass_has_the_standing_coefficient(instance):
    found = AtmosphericExtinction.get(filter="r")
    assert found.quality_flags & Flag.STANDING_EXTINCTION and found.n_frames == 0 and found.airmass_span < 0.2
    assert found.extinction == pytest.approx(0.10, abs=0.03), "that of the simulation, by the wavelength of the band"
    chips = json.loads(found.by_detector)
    assert set(chips) == {"ccd50", "ccd53"} and found.zero_point == pytest.approx(25.5, abs=0.25), "but for clouds"
    assert found.zero_point_at("ccd50", 2.0) == pytest.approx(chips["ccd50"] - 2 * found.extinction)
    with pytest.raises(PermanentError, match="there are ccd50, ccd53"):
        found.zero_point_at("ccd99", 1.0)


@pytest.mark.parametrize(("pars", "value"), [({"method": "standing", "coefficient": 0.2}, 0.2),
                                             ({"method": "report", "reported": 0.2, "reported_wavelength": R}, 0.2),
                                             ({"method": "known", "known_zero_point": 25.4}, 0.17)])
def test_extinction_by_other_methods(fresh, pars, value):
    found = AtmosphericExtinction.get(filter="r", pars={"AtmosphericExtinction": pars})
    assert found.extinction == pytest.approx(value, abs=1e-6 if pars["method"] != "known" else 0.08)
    assert not found.quality_flags & Flag.STANDING_EXTINCTION


def test_a_colour_term_is_measured_and_used_by_zero_points(fresh):
    measured = PhotTransformation.get(filter="r", colour="g-r")
    assert measured.term == pytest.approx(1.0, abs=3 * measured.term_error + 0.005) and measured.n_stars > 50
    assert set(np.unique(measured.sources["frame"])) == set(range(6))
    plain = PhotometricParameters.select_all()[0]
    asked = {"exposure": plain.exposure, "chip": plain.chip.name}
    set_parameters(PhotometricParameters, "simcam", {"refcat": COLOURS, "reference_band": "g", "colour": "g-r"}, "g is the key band")
    found = PhotometricParameters.get(**asked)
    assert found.transformation is measured and (found.band, found.colour_term) == ("g", measured.term)
    assert found.zero_point == pytest.approx(plain.zero_point, abs=0.03), "r at a colour of 0 is g"
    fitted = PhotometricParameters.get(**asked, pars={"PhotometricParameters": {"colour_term_from": "fitted"}})
    assert fitted.transformation is None and fitted.colour_term == pytest.approx(1.0, abs=5 * fitted.colour_term_error)


def test_a_list_is_associated_with_itself_and_read_from_both_sides(instance):
    pairs = AssociateList.get(object=FIELD, second_filter="r")
    assert pairs.second_object == FIELD and pairs.first is pairs.second
    one, two = pairs.values("FLUX_AUTO")
    assert np.array_equal(one, two) and pairs.n_pairs == pairs.first.n_sources and pairs.separation == 0
    assert len(pairs.sources(2)) == pairs.n_pairs and len(pairs.without_partner(1)) == 0


def test_what_is_measured_at_the_places_of_sources_is_what_was_detected(instance):
    listed = SourceList.find(object=FIELD)
    table = listed.table(("NUMBER", "FLUX_TOTAL", "FLUXERR_TOTAL", "FLAGS", "FRAC_APER3"))
    at = np.flatnonzero((table["FLAGS"] == 0) & (table["FRAC_APER3"] == 0) & (table["FLUX_TOTAL"] > 50 * table["FLUXERR_TOTAL"]))
    found = listed.forced_sources(table[table.ra][at], table[table.dec][at])
    back = np.argsort(found["NUMBER"])
    ratio = found["FLUX_FORCED"][back] / table["FLUX_TOTAL"][at]
    assert len(at) > 10 and np.median(ratio) == pytest.approx(1.0, abs=0.01) and np.std(ratio) < 0.03
    assert (found["MAGLIM_FORCED"] < found["MAG_FORCED"]).all()


def test_empty_sky_has_limits_and_no_flux(instance):
    listed = SourceList.find(object=FIELD)
    image, wcs = listed.frame.image, listed.frame.as_wcs()
    rng = np.random.default_rng(7)
    rows, columns = np.nonzero(image.coverage >= 3)
    chosen = rng.choice(len(rows), 400, replace=False)
    ra, dec = wcs.pixel_to_sky(columns[chosen].astype(float), rows[chosen].astype(float))
    table = listed.table(("NUMBER",))
    far = np.array([np.min(np.hypot((table[table.ra] - a) * np.cos(np.radians(b)), table[table.dec] - b)) for a, b in
                    zip(ra, dec, strict=True)]) > 5 / 3600
    found = listed.forced_sources(ra[far], dec[far])
    good = found["FLAGS_FORCED"] == 0
    pull = (found["FLUX_FORCED"] / found["FLUXERR_FORCED"])[good]
    assert good.sum() > 40 and 0.6 < 1.4826 * np.median(np.abs(pull - np.median(pull))) < 1.6
    assert np.median(found["MAGLIM_FORCED"][good]) == pytest.approx(listed.limiting_magnitude, abs=0.6)
    assert np.isnan(listed.forced_sources(0.0, 80.0)["FLUX_FORCED"]).all()


def test_positions_on_a_frame_by_the_command(instance, capsys, monkeypatch):
    model = PSFModel.select_all()[0]
    bright = model.sources.rows(np.argsort(model.sources["MAG_PSF"])[:1])
    ra, dec = float(bright["ALPHA_J2000"][0]), float(bright["DELTA_J2000"][0])
    monkeypatch.setattr("awe.cli.measuring.opened", lambda options: nullcontext(instance))
    assert main(["forced", model.object_id, f"{ra:.7f},{dec:.7f}", "--json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert row["MAG_FORCED"] == pytest.approx(float(bright["MAG_PSF"][0]), abs=0.02)
    assert row["MAGLIM_FORCED"] < row["MAG_FORCED"]


def test_fits_of_the_psf_stand_beside_apertures(instance):
    sources = SourceList.select_all()[0]
    table = sources.table()
    total, fitted, error = (np.asarray(table[name]) for name in ("FLUX_TOTAL", "FLUX_PSF", "FLUXERR_PSF"))
    sure = (fitted > 50 * error) & (np.asarray(table["FLAGS"]) == 0)
    assert np.count_nonzero(sure) >= 10
    assert abs(np.median(-2.5 * np.log10(total[sure] / fitted[sure]))) < 0.01
    assert sources.n_point_sources == np.count_nonzero(np.asarray(table["FLAGS"]) & 64)


def test_sources_of_one_image_are_measured_on_another(instance):
    """Here the other is the same, so that all is as if there were one."""
    dual, single = DualSourceList.select_all()[0], SourceList.select_all()[0]
    assert dual.detection.object_id == dual.frame.object_id and dual.n_sources == single.n_sources
    np.testing.assert_allclose(np.asarray(dual.table()["FLUX_AUTO"]), np.asarray(single.table()["FLUX_AUTO"]), rtol=0.02, atol=0.05)


def test_parts_of_planes_reach_beyond_them():
    plane = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(moved(plane, -1, 1, (3, 3), -5.0), [[-5, 4, 5], [-5, 8, 9], [-5, -5, -5]])
    assert (moved(plane, 10, 0, (2, 2), 7.0) == 7).all()
