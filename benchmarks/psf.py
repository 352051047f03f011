"""A PSF model and magnitudes fitted with it, in process, beside SExtractor with PSFEx, and beside photutils' fits.

One frame with a PSF that varies over the field, drawn by GalSim.  SExtractor's side is its usual three steps (a catalogue with vignettes,
PSFEx of degree 2, a catalogue with PSF magnitudes), ours background, detection, model and fits: detection counts on both sides.
Our linear algebra computes in one thread, as whenever a target is made.
photutils fits the same positions with the same PSF, which it is given.  The accuracy of all stands beside.
"""
from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from scipy.spatial import cKDTree

from awe.dataflow.steady import one_thread
from awe.science.background import background
from awe.science.photometry import growth, radii_of
from awe.science.psf import seeing
from awe.science.psfbuild import build_psf
from awe.science.psffit import PsfPhotometry, psf_photometry
from awe.science.psfmodel import PsfModel
from awe.science.sources import extract
from benchmarks import sextractor
from benchmarks.pairs import processor, seconds
from benchmarks.starfield import StarField, draw

OPTIONS = {"GAIN": 1.0, "BACK_SIZE": 64, "SEEING_FWHM": 3.2, "SATUR_LEVEL": 1e7, "PHOT_APERTURES": 12}
VIGNETTES = ("NUMBER", "X_IMAGE", "Y_IMAGE", "FLUX_RADIUS", "SNR_WIN", "FLUX_APER", "FLUXERR_APER", "ELONGATION", "FLAGS", "VIGNET(35,35)")
FITTED = ("NUMBER", "X_IMAGE", "Y_IMAGE", "XPSF_IMAGE", "YPSF_IMAGE", "FLUX_PSF", "FLUXERR_PSF", "FLAGS")
MOST_OF_PHOTUTILS = 300


def ours(path: Path) -> tuple[PsfPhotometry, PsfModel, Any]:
    """From the file to fluxes."""
    data = np.ascontiguousarray(fits.getdata(path), np.float32)
    sky = background(data)
    fwhm = seeing(extract(data, gain=1.0, sky=sky, filter_type="conv", threshold=8.0)).fwhm
    radii = radii_of(fwhm)
    found = extract(data, gain=1.0, sky=sky, filter_type="conv", radii=radii)
    plane, noise = data - sky.level, sky.rms**2
    built = build_psf(plane, noise, 1.0, found, growth(found, radii))
    assert built.model is not None, built.reason
    x, y = (np.asarray(found[name] - 1.0, np.float64) for name in ("X_IMAGE", "Y_IMAGE"))
    return psf_photometry(plane, noise, x, y, built.model, gain=1.0), built.model, (plane, noise)


def theirs(path: Path, folder: Path) -> Any:
    """From the file to fluxes."""
    first = sextractor.prepare(folder / "first", VIGNETTES)
    given = [word for name, value in OPTIONS.items() for word in (f"-{name}", str(value))]
    subprocess.run([first[0], str(path), *first[1:-1], "FITS_LDAC", "-CATALOG_NAME", str(folder / "stars.cat"), *given], check=True)
    program = sextractor.psfex()
    assert program is not None
    default = subprocess.run([program, "-d"], capture_output=True, text=True, check=True).stdout
    (folder / "default.psfex").write_text(default)
    subprocess.run([program, str(folder / "stars.cat"), "-c", str(folder / "default.psfex"), "-PSF_DIR", str(folder), "-PSF_SIZE", "35,35",
                    "-PSFVAR_DEGREES", "2", "-VERBOSE_TYPE", "QUIET", "-WRITE_XML", "N", "-CHECKPLOT_DEV", "NULL", "-CHECKIMAGE_TYPE",
                    "NONE", "-NTHREADS", "2"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    second = sextractor.prepare(folder / "second", FITTED)
    return sextractor.run(second, path, folder / "psf.cat", **OPTIONS, PSF_NAME=str(folder / "stars.psf"))


def photutils_seconds(field: StarField, fitted: PsfPhotometry, model: PsfModel, planes: Any) -> tuple[float, Any] | None:
    """Seconds of photutils for a source, and its fluxes of the brightest; None where it is not installed."""
    try:
        from astropy.table import Table
        from photutils.psf import ImagePSF, PSFPhotometry
    except ImportError:
        return None
    order = np.argsort(-np.nan_to_num(fitted.flux), kind="stable")[:MOST_OF_PHOTUTILS]
    shape = field.data.shape
    stamp = model.image(shape[1] / 2, shape[0] / 2).astype(float)
    fit = PSFPhotometry(ImagePSF(stamp, oversampling=model.oversampling), (11, 11), aperture_radius=4.0)
    start = time.perf_counter()
    table = fit(planes[0].astype(float), error=np.sqrt(planes[1] + np.maximum(planes[0], 0)).astype(float),
                init_params=Table({"x": fitted.x[order], "y": fitted.y[order], "flux": fitted.flux[order]}))
    return (time.perf_counter() - start) / len(order), np.asarray(table["flux_fit"])


def accuracy(field: StarField, x: Any, y: Any, flux: Any) -> tuple[float, float, int]:
    """Median and robust scatter of magnitudes less the truth, of bright isolated stars, about their zero point; and how many."""
    places = np.column_stack([field.x, field.y])
    tree = cKDTree(places)
    alone = tree.query(places, k=2)[0][:, 1] > 12
    distance, at = tree.query(np.nan_to_num(np.column_stack([x, y]), nan=-1e6))
    use = (distance < 1.0) & alone[at] & (field.flux[at] > 2e4) & (flux > 0)
    difference = -2.5 * np.log10(flux[use] / field.flux[at][use])
    middle = float(np.median(difference))
    return middle, 1.4826 * float(np.median(np.abs(difference - middle))), int(np.count_nonzero(use))


def measure(folder: Path, runs: int, shape: tuple[int, int]) -> list[dict[str, Any]]:
    field = draw(shape, int(3000 * shape[0] * shape[1] / 2**23), 0, seed=3, brightest=14.5, faintest=21.0)
    path = field.write(folder / "field.fits")
    fitted, model, planes = ours(path)
    rows: list[dict[str, Any]] = []

    def told(name: str, value: float, unit: str, other: float | None = None, peer: str = "truth", bar: float | None = None) -> None:
        rows.append({"name": name, "peer": peer, "unit": unit, "ours": value, "theirs": other, "ratio": None, "bar": bar, "at_least": False,
                     "passed": None if bar is None else bool(value <= bar)})
    bias, scatter, number = accuracy(field, fitted.x, fitted.y, fitted.flux)
    if sextractor.sextractor() and sextractor.psfex():
        peer = theirs(path, folder)
        _, other, _ = accuracy(field, peer["XPSF_IMAGE"] - 1.0, peer["YPSF_IMAGE"] - 1.0, peer["FLUX_PSF"])
        told(f"PSF magnitudes, scatter of {number} stars", 1000 * scatter, "mmag", 1000 * other, "SExtractor + PSFEx")
        for what, clock, judged in (("", seconds, True), (", processor time", processor, False)):
            pairs = [(clock(lambda: ours(path)), clock(lambda: theirs(path, folder))) for _ in range(runs)]
            a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
            ratio = statistics.median(one / two for one, two in pairs)
            rows.append({"name": f"detection, PSF model and magnitudes{what}", "peer": "SExtractor + PSFEx", "unit": "s", "ours": a,
                         "theirs": b, "ratio": ratio, "bar": 0.1 if judged else None, "at_least": False,
                         "passed": bool(ratio <= 0.1) if judged else None})
    else:
        print(f"SExtractor and PSFEx are not installed: {sextractor.INSTALL}", file=sys.stderr)
    told(f"PSF magnitudes, bias of {number} stars", 1000 * abs(bias), "mmag", bar=5.0)
    known = photutils_seconds(field, fitted, model, planes)
    if known is None:
        print("photutils is not installed: pip install photutils", file=sys.stderr)
        return rows
    start = time.perf_counter()
    psf_photometry(planes[0], planes[1], fitted.x, fitted.y, model, gain=1.0)
    mine = (time.perf_counter() - start) / len(fitted.x)
    ratio = mine / known[0]
    rows.append({"name": "PSF fit, of a source", "peer": "photutils", "unit": "s", "ours": mine, "theirs": known[0], "ratio": ratio,
                 "bar": 0.01, "at_least": False, "passed": bool(ratio <= 0.01)})
    return rows


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="a quarter of the frame and 2 runs instead of 7")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="awe-psf-") as folder, one_thread():
        rows = measure(Path(folder), 2 if options.quick else 7, (2048, 1024) if options.quick else (4096, 2048))
    if options.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print("  ".join(f"{key} {value}" for key, value in row.items() if value is not None))
    return 0 if all(row["passed"] is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
