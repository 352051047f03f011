"""The truth files agree with the raw files, judged by astropy alone."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from scipy.ndimage import median_filter

from awe.simulate import Run

from .raw import electrons, files_of

CHIPS = ("ccd50", "ccd53")


@pytest.fixture(scope="module")
def records(run: Run) -> dict[str, dict[str, Any]]:
    return {record["file"]: record for record in json.loads(run.truth_exposures.read_text())}


def true_wcs(record: dict[str, Any], chip: str) -> WCS:
    return WCS(fits.Header(record["wcs"][chip]))


def bright_stars(run: Run, record: dict[str, Any], chip: str, limit: float, edge: int = 20) -> tuple[Table, np.ndarray]:
    """Unsaturated stars without a bright neighbour, and their 0-based pixels."""
    sources = Table.read(run.truth_sources)
    magnitude = sources["mag_" + record["filter"]]
    x, y = true_wcs(record, chip).world_to_pixel_values(sources["ra"], sources["dec"])
    inside = (x > edge) & (y > edge) & (x < 255 - edge) & (y < 255 - edge)
    chosen = []
    for i in np.flatnonzero(inside & (sources["type"] == "star") & (magnitude > 15.5) & (magnitude < limit)):
        near = np.hypot(x - x[i], y - y[i]) < 28
        near[i] = False
        if not np.any(near & (magnitude < magnitude[i] + 3.0)):
            chosen.append(i)
    return sources[chosen], np.column_stack([x[chosen], y[chosen]])


def clean(run: Run, path: Path, chip: str, response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A science frame in electrons, calibrated with the truth, and where it is good."""
    detector = np.load(run.truth_detectors[chip])
    record = {a["name"]: a for c in json.loads(run.truth_camera.read_text())["chips"] if c["name"] == chip
              for a in c["amplifiers"]}
    gain = np.ones((256, 256))
    for amplifier in record.values():
        gain[:, amplifier["position"][2]:amplifier["position"][3]] = amplifier["gain"]
    image = electrons(path, chip, (256, 256)) - gain * detector["bias"] - detector["dark"] * 60
    good = np.ones(256 * 256, dtype=bool)
    pixels = np.load(run.truth_pixels[path.stem, chip])
    for kind in ("cosmic", "hot", "cold", "saturated"):
        good[pixels[f"{kind}_index"]] = False
    return image / response, good.reshape(256, 256)


@pytest.mark.parametrize("name", ["r", "g"])
def test_positions_of_bright_stars(run: Run, records: dict[str, dict[str, Any]], name: str) -> None:
    offsets = []
    for path in files_of(run, "object", name):
        record = records[path.name]
        for chip in CHIPS:
            image, good = clean(run, path, chip, np.load(run.truth_detectors[chip])[f"response_{name}"])
            for x, y in bright_stars(run, record, chip, 18.5)[1]:
                x0, y0 = round(x), round(y)
                if not good[y0 - 5:y0 + 6, x0 - 5:x0 + 6].all():
                    continue
                stamp = image[y0 - 5:y0 + 6, x0 - 5:x0 + 6] - np.median(image)
                weight = stamp * np.exp(-0.5 * ((np.mgrid[-5:6, -5:6] ** 2).sum(axis=0)) / 4)
                grid_y, grid_x = np.mgrid[-5:6, -5:6]
                offsets.append([(weight * grid_x).sum() / weight.sum() + x0 - x,
                                (weight * grid_y).sum() / weight.sum() + y0 - y])
    offsets = np.array(offsets)
    assert len(offsets) > 20
    # a window about the nearest pixel pulls the centroid inwards by less than half of the sub-pixel offset
    assert np.abs(np.median(offsets, axis=0)).max() < 0.1
    assert np.abs(offsets).max() < 0.6


def test_counts_of_bright_stars(run: Run, records: dict[str, dict[str, Any]]) -> None:
    """Aperture sums give the true magnitude with the exposure's zero point, clouds and airmass included."""
    differences = []
    for path in files_of(run, "object"):
        record = records[path.name]
        name = record["filter"]
        for chip in CHIPS:
            image, good = clean(run, path, chip, np.load(run.truth_detectors[chip])[f"response_{name}"])
            stars, pixels = bright_stars(run, record, chip, 18.0)
            for star, (x, y) in zip(stars, pixels, strict=True):
                distance = np.hypot(*(np.mgrid[:256, :256] - np.array([y, x])[:, None, None]))
                aperture, ring = distance < 14, (distance > 16) & (distance < 26)
                if not good[aperture].all():
                    continue
                counts = (image[aperture] - np.median(image[ring & good])).sum()
                fwhm = record["conditions"]["seeing"] / run.config.pixel_scale
                alpha = fwhm / (2 * np.sqrt(2 ** (1 / 3.5) - 1))
                inside = 1 - (1 + (14 / alpha) ** 2) ** (1 - 3.5)
                magnitude = record["zero_point"] - 2.5 * np.log10(counts / inside / record["exposure_time"])
                differences.append(magnitude - star[f"mag_{name}"])
    assert len(differences) > 10
    assert abs(np.median(differences)) < 0.01
    assert np.percentile(np.abs(differences), 68) < 0.03


def test_conditions_span_what_was_asked(run: Run, records: dict[str, dict[str, Any]]) -> None:
    for name in run.config.filters:
        conditions = [r["conditions"] for r in records.values() if r["kind"] == "object" and r["filter"] == name]
        seeing = [c["seeing"] for c in conditions]
        clear = [c["transparency"] for c in conditions]
        assert max(seeing) / min(seeing) == pytest.approx(1.5)
        assert -2.5 * np.log10(min(clear) / max(clear)) == pytest.approx(0.2)


def test_headers_are_wrong_by_pointing_and_once_by_a_degree(run: Run, records: dict[str, dict[str, Any]]) -> None:
    turns = []
    for path in files_of(run, "object"):
        claimed, true = WCS(fits.getheader(path, 1)), true_wcs(records[path.name], "ccd50")
        edge = 32  # prescan and overscan of the first amplifier
        a = claimed.pixel_to_world(128 + edge, 128)
        b = true.pixel_to_world(128, 128)
        assert 5 < a.separation(b).arcsec < 35
        a2, b2 = claimed.pixel_to_world(128 + edge, 228), true.pixel_to_world(128, 228)
        turns.append(abs((a.position_angle(a2) - b.position_angle(b2)).wrap_at("180d").deg))
    turns.sort()
    assert turns[-1] == pytest.approx(1.0, abs=0.15)
    assert turns[-2] < 0.3


def test_true_wcs_is_cubic_and_reversible(run: Run, records: dict[str, dict[str, Any]]) -> None:
    record = records[files_of(run, "object")[0].name]
    wcs = true_wcs(record, "ccd50")
    assert record["wcs"]["ccd50"]["CTYPE1"] == "RA---TPV"
    plain = WCS(fits.Header({k: str(v).replace("TPV", "TAN") if "CTYPE" in k else v
                             for k, v in record["wcs"]["ccd50"].items() if not k.startswith("PV")}))
    assert 0.2 < wcs.pixel_to_world(0, 0).separation(plain.pixel_to_world(0, 0)).arcsec < 0.6
    x, y = np.meshgrid([0.0, 255.0], [0.0, 255.0])
    again = wcs.world_to_pixel_values(*wcs.pixel_to_world_values(x, y))
    assert np.allclose(again, [x, y], atol=1e-4)


def test_science_frames_deviate_where_the_truth_says(run: Run, records: dict[str, dict[str, Any]]) -> None:
    """Isolated cosmic rays stand above their surroundings by what was injected; nothing else does."""
    path = files_of(run, "object", "r")[0]
    chip = "ccd53"
    response = np.load(run.truth_detectors[chip])["response_r"]
    detector = np.load(run.truth_detectors[chip])
    pixels = np.load(run.truth_pixels[path.stem, chip])
    image, good = clean(run, path, chip, np.ones_like(response))
    residual = (image - median_filter(np.where(good, image, np.median(image)), 5)).ravel()
    index, amount, sigma = (pixels[f"cosmic_{part}"] for part in ("index", "electrons", "sigma"))
    strong = (amount > 10 * sigma) & ~np.isin(index, detector["hot_index"]) & ~np.isin(index, pixels["saturated_index"])
    assert strong.sum() > 5
    assert np.median(residual[index[strong]] / amount[strong]) == pytest.approx(1.0, abs=0.1)
    assert np.all(np.diff(index) > 0) and tuple(pixels["shape"]) == (256, 256)
    hot = pixels["hot_index"]
    assert np.array_equal(hot, detector["hot_index"])
    assert np.allclose(pixels["hot_electrons"], (detector["dark"].ravel()[hot] - 0.02) * 60, atol=0.5)
    assert np.all(pixels["cold_electrons"] < 0)


def test_saturated_pixels_are_those_at_the_level_of_the_header(run: Run) -> None:
    found = 0
    for path in files_of(run, "object"):
        for chip in CHIPS:
            pixels = np.load(run.truth_pixels[path.stem, chip])
            image = electrons(path, chip, (256, 256)).ravel()
            saturated = pixels["saturated_index"]
            found += len(saturated)
            assert np.all(image[saturated] > 0.95 * run.config.full_well)
            others = np.delete(image, saturated)
            assert others.max() < 1.0 * run.config.full_well
    assert found > 0


def test_reference_catalogue_has_its_declared_errors(run: Run) -> None:
    rows, truth = Table.read(run.reference), Table.read(run.truth_reference)["truth"]
    sources = Table.read(run.truth_sources)
    epoch = fits.getval(run.truth_sources, "EPOCH", 1)
    right = truth > 0
    wrong = 1 - right.mean()
    assert 0.005 < wrong < 0.15
    stars = sources[truth[right] - 1]
    assert set(stars["type"]) == {"star"}
    years, rows = epoch - rows["epoch"][right], rows[right]
    moved = SkyCoord(rows["ra"] + years * rows["pmra"] / 3.6e6 / np.cos(np.radians(rows["dec"])),
                     rows["dec"] + years * rows["pmdec"] / 3.6e6, unit="deg")
    dx, dy = moved.spherical_offsets_to(SkyCoord(stars["ra"], stars["dec"], unit="deg"))
    expected = np.hypot(15, 0.5 * (epoch - 2016))
    for offsets in (dx.to_value("mas"), dy.to_value("mas")):
        assert np.std(offsets) == pytest.approx(expected, rel=0.15)
        assert abs(np.mean(offsets)) < 5 * expected / np.sqrt(len(stars))
    assert np.std(rows["mag_r"] - stars["mag_r"]) == pytest.approx(0.02, rel=0.15)
    assert rows["ra"].unit == "deg" and rows["pmra"].unit == "mas / yr"


def test_reference_catalogue_is_incomplete_at_the_faint_end(run: Run) -> None:
    truth = set(Table.read(run.truth_reference)["truth"])
    sources = Table.read(run.truth_sources)
    stars = sources[sources["type"] == "star"]
    there = np.isin(stars["number"], list(truth))
    assert there[stars["mag_r"] < 19].mean() > 0.85
    assert 0.1 < there[(stars["mag_r"] > 20) & (stars["mag_r"] < 21.5)].mean() < 0.75
    assert there[stars["mag_r"] > 22].sum() == 0
