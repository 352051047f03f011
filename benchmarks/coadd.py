"""Resampling and coadding eight calibrated frames, files in and files out: SWarp, reproject, and ours.

Eight frames of 2048x4096 pixels with cubic TPV distortion, rotations of 0.08 degrees, dithers of 25 arcsec and weight maps with bad
pixels; third parties' software reads the same files.  SWarp writes a coadd and its weight map, and so do we (no variance, no mask, on
neither side); both interpolate by Lanczos-3 and do not subtract a background.  SWarp is given memory for all of it and as many
threads as we have; its temporary files are in the same folder.  reproject's fastest method is run on one frame and counted eight times
(its coadding would add to that).  Beside the time: scatter and offset of the magnitudes and positions of stars against what was drawn,
the sky noise, peak memory.  Whole processes, from start to exit.
"""
from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from awe.science.coadd import coadd
from awe.science.fitsform import file_of
from awe.science.grid import Tile, Window, join
from awe.science.regrid import NO_BITS, NOTHING, Resampling, Section
from awe.science.wcs import Wcs, read_wcs

TILE, CENTRE, SCALE = "t092-150", (150.5, 2.5), 0.4
PV = ((0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.15, 0.0, 0.1), (0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.12, 0.0, 0.15))
BAR, BAR_REPROJECT = 5.0, 20.0
SIGMA = 2.0  # of a star, pixels
SKY = 15.0  # its noise in one frame


# ---------------------------------------------------------------- frames

def make_frames(folder: Path, shape: tuple[int, int], count: int) -> None:
    """Write frames, their weight maps, and what was drawn."""
    rng = np.random.default_rng(20260311)
    half = np.array(shape[::-1]) * SCALE / 2 - 40
    sky = Wcs.tangent(*CENTRE, 1.0)
    n = int(1500 * shape[0] * shape[1] / (2048 * 4096))
    ra, dec = sky.pixel_to_sky(rng.uniform(-half[0], half[0], n), rng.uniform(-half[1], half[1], n))
    flux = 10 ** rng.uniform(4.0, 5.5, n)
    for k in range(count):
        shift = rng.uniform(-25, 25, 2) / 3600
        wcs = Wcs.tangent(CENTRE[0] + shift[0], CENTRE[1] + shift[1], SCALE, crpix=(shape[1] / 2, shape[0] / 2),
                          rotation=rng.uniform(-0.08, 0.08))
        wcs = Wcs(wcs.crval, wcs.crpix, wcs.cd, *PV)
        image = rng.normal(0.0, SKY, shape).astype(np.float32)
        draw(image, *wcs.sky_to_pixel(ra, dec), flux)
        weight = np.full(shape, 1 / SKY**2, np.float32)
        bad = rng.random(shape) < 5e-4
        image[bad], weight[bad] = 3e4, 0
        header = fits.Header(list(wcs.cards().items()))
        fits.PrimaryHDU(image, header).writeto(folder / f"frame{k}.fits")
        fits.PrimaryHDU(weight, header).writeto(folder / f"frame{k}.weight.fits")
    np.save(folder / "stars.npy", np.array([ra, dec, flux]))


def draw(image: np.ndarray[Any, Any], x: Any, y: Any, flux: Any) -> None:
    """Add round Gaussian stars."""
    reach = 14
    for a, b, f in zip(x, y, flux, strict=True):
        ix, iy = int(round(a)), int(round(b))
        if reach < ix < image.shape[1] - reach and reach < iy < image.shape[0] - reach:
            along, up = (np.exp(-0.5 * ((np.arange(-reach, reach + 1) + i - c) / SIGMA) ** 2) for i, c in ((ix, a), (iy, b)))
            image[iy - reach:iy + reach + 1, ix - reach:ix + reach + 1] += f / (2 * np.pi * SIGMA**2) * np.outer(up, along)


def footprint(folder: Path, shape: tuple[int, int], count: int) -> Window:
    """The part of the grid that frames cover."""
    found = []
    for k in range(count):
        wcs = read_wcs(fits.getheader(folder / f"frame{k}.fits"))
        assert wcs is not None
        found.append(Tile(TILE).window(SCALE, wcs.footprint(shape, per_side=32)))
    return join(found)


# ---------------------------------------------------------------- ours

def ours(folder: Path, combine: str) -> None:
    """Resample and average the frames of a folder; what the measured process does."""
    layers = []
    for path in sorted(folder.glob("frame?.fits")):
        data, weight = (mapped(each) for each in (path, path.with_suffix(".weight.fits")))
        wcs = read_wcs(fits.getheader(path))
        assert wcs is not None
        way = Resampling.of(sections(data, weight), data.shape, wcs, TILE, SCALE, has_variance=False, has_mask=False)
        layers.append(way.layer())
    found = coadd(layers, combine=combine)
    cards = Tile(TILE).wcs(SCALE, found.window).cards()
    for plane, name in ((found.data, "ours.fits"), (found.weight, "ours.weight.fits")):
        hdu = fits.PrimaryHDU(plane)
        hdu.header.update(cards)
        (folder / name).write_bytes(file_of([(hdu, plane)]))


def mapped(path: Path) -> np.ndarray[Any, Any]:
    """The pixels of a plain file, not read yet."""
    with fits.open(path, memmap=True) as hdus:
        start, shape = hdus[0]._data_offset, hdus[0].shape
    return np.memmap(path, ">f4", "r", start, shape)


def sections(data: np.ndarray[Any, Any], weight: np.ndarray[Any, Any]) -> Callable[[int, int, int, int], Section]:
    """Parts of a frame, with NaN where the weight is 0."""
    def part(y0: int, y1: int, x0: int, x1: int) -> Section:
        image, inverse = (plane[y0:y1, x0:x1].astype(np.float32) for plane in (data, weight))
        good = inverse > 0
        image[~good] = np.nan
        return Section(image, NOTHING, np.divide(np.float32(1), inverse, out=inverse, where=good), NO_BITS, (x0, y0))
    return part


# ---------------------------------------------------------------- peers

def swarp(folder: Path, window: Window, combine: str, threads: int) -> list[str]:
    """The words that start SWarp; its centre is the middle of our window, so that grids agree to a fraction of a pixel."""
    ra, dec = (float(v) for v in Tile(TILE).grid(SCALE).pixel_to_sky(window.x0 + (window.nx - 1) / 2, window.y0 + (window.ny - 1) / 2))
    options = {"IMAGEOUT_NAME": folder / "swarp.fits", "WEIGHTOUT_NAME": folder / "swarp.weight.fits", "WEIGHT_TYPE": "MAP_WEIGHT",
               "COMBINE_TYPE": combine.upper(), "RESAMPLING_TYPE": "LANCZOS3", "SUBTRACT_BACK": "N", "RESCALE_WEIGHTS": "N",
               "FSCALASTRO_TYPE": "VARIABLE",
               "CENTER_TYPE": "MANUAL", "CENTER": f"{ra:.10f},{dec:.10f}", "IMAGE_SIZE": f"{window.nx},{window.ny}",
               "PIXELSCALE_TYPE": "MANUAL", "PIXEL_SCALE": SCALE, "NTHREADS": threads, "MEM_MAX": 2048, "COMBINE_BUFSIZE": 2048,
               "RESAMPLE_DIR": folder, "WRITE_XML": "N", "VERBOSE_TYPE": "QUIET", "COPY_KEYWORDS": "OBJECT"}
    return ["SWarp", *(str(path) for path in sorted(folder.glob("frame?.fits"))), "-c", str(folder / "swarp.conf"),
            *(word for name, value in options.items() for word in (f"-{name}", str(value)))]


def reproject_one(folder: Path, window: Window) -> float:
    """Seconds that reproject takes for one frame, in process, by its fastest method that keeps fluxes nearly."""
    from astropy.wcs import WCS  # the peer's own imports are not what is measured
    from reproject import reproject_interp
    target = WCS(fits.Header(list(Tile(TILE).wcs(SCALE, window).cards().items())))
    with fits.open(folder / "frame0.fits") as hdus:
        start = time.perf_counter()
        reproject_interp(hdus[0], target, shape_out=window.shape, order="bilinear", parallel=2, return_footprint=False)
        return time.perf_counter() - start


# ---------------------------------------------------------------- how good, how fast

def accuracy(image: Path, weight: Path, folder: Path) -> dict[str, float]:
    """Scatter and median of magnitudes and positions against what was drawn, and the noise of the sky."""
    data, wcs = fits.getdata(image).astype(float), read_wcs(fits.getheader(image))
    assert wcs is not None
    data[fits.getdata(weight) <= 0] = np.nan
    ra, dec, flux = np.load(folder / "stars.npy")
    x, y = wcs.sky_to_pixel(ra, dec)
    reach, found = 9, []
    gy, gx = np.mgrid[-reach:reach + 1, -reach:reach + 1]
    apart = np.hypot(x[:, None] - x, y[:, None] - y) + 1e9 * np.eye(len(x))
    for k in np.flatnonzero(apart.min(axis=1) > 30):
        ix, iy = int(round(x[k])), int(round(y[k]))
        if min(ix, iy) < 60 or ix > data.shape[1] - 60 or iy > data.shape[0] - 60 or flux[k] < 5e4:
            continue
        cut = data[iy - reach:iy + reach + 1, ix - reach:ix + reach + 1]
        dx, dy = x[k] - ix, y[k] - iy
        for _ in range(3):  # window positions converge by doubling the offset
            w = np.exp(-0.5 * ((gx - dx) ** 2 + (gy - dy) ** 2) / SIGMA**2)
            dx, dy = dx + 2 * np.sum(w * cut * (gx - dx)) / np.sum(w * cut), dy + 2 * np.sum(w * cut * (gy - dy)) / np.sum(w * cut)
        inside = np.hypot(gx - (x[k] - ix), gy - (y[k] - iy)) <= 8
        found.append((-2.5 * np.log10(np.sum(cut[inside]) / flux[k]), dx + ix - x[k], dy + iy - y[k]))
    values = np.array(found)
    sky = data[60:-60:3, 60:-60:3]
    spread = 1.4826 * np.nanmedian(np.abs(values - np.median(values, axis=0)), axis=0)
    return {"stars": len(values), "magnitudes_mmag": 1e3 * float(spread[0]), "offset_mmag": 1e3 * float(np.median(values[:, 0])),
            "x_mas": 1e3 * SCALE * float(spread[1]), "y_mas": 1e3 * SCALE * float(spread[2]),
            "bias_mas": 1e3 * SCALE * float(np.hypot(*np.median(values[:, 1:], axis=0))),
            "sky": float(1.4826 * np.nanmedian(np.abs(sky - np.nanmedian(sky))))}


def timed(words: list[str], **environment: str) -> tuple[float, float]:
    """Seconds and peak memory (MiB) of a process."""
    start = time.perf_counter()
    process = subprocess.Popen(words, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{words[0]} ended with exit code {process.returncode}")
    return seconds, used.ru_maxrss / 1024


def compared(folder: Path, window: Window, combine: str, threads: int, pairs: int) -> dict[str, Any]:
    """One row: ours beside SWarp, in turns."""
    mine = [sys.executable, __file__, "--run", combine, "--folder", str(folder)]
    theirs = swarp(folder, window, combine, threads)
    limits = {"NUMBA_NUM_THREADS": str(threads), "PYTHONPATH": str(Path(__file__).parent.parent)}
    timed(mine, **limits)  # once for the caches of either: compiled kernels, pages of files
    runs = []
    for number in range(pairs):
        both = [timed(mine, **limits), timed(theirs)] if number % 2 else [timed(theirs), timed(mine, **limits)][::-1]
        runs.append(both)
    ours_s, theirs_s = (statistics.median(run[k][0] for run in runs) for k in (0, 1))
    ratio = statistics.median(run[1][0] / run[0][0] for run in runs)
    note = {name: accuracy(folder / f"{name}.fits", folder / f"{name}.weight.fits", folder) for name in ("ours", "swarp")}
    memory = {"ours_MiB": max(run[0][1] for run in runs), "swarp_MiB": max(run[1][1] for run in runs)}
    name = f"coadd of eight frames, {combine}, {threads} thread{'s' * (threads > 1)}"
    return {"name": name, "peer": "SWarp", "unit": "s", "ours": ours_s,
            "theirs": theirs_s, "ratio": ratio, "bar": BAR if threads == 2 else None, "at_least": True,
            "passed": ratio >= BAR if threads == 2 else None, "accuracy": note, **memory}


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="one pair on small frames, instead of seven on full ones")
    parser.add_argument("--pairs", type=int, help="how many pairs")
    parser.add_argument("--run", metavar="COMBINE", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where the frames are kept for the next time")
    options = parser.parse_args()
    if options.run:
        ours(options.folder, options.run)
        return 0
    folder = options.folder or Path(tempfile.mkdtemp(prefix="awe-coadd-"))
    try:
        rows = measured(folder, (512, 1024) if options.quick else (2048, 4096), options.pairs or (1 if options.quick else 7))
    finally:
        if options.folder is None:
            shutil.rmtree(folder)
    for row in rows if not options.json else []:
        print("  ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()))
    if options.json:
        print(json.dumps(rows))
    return 0 if all(row["passed"] is not False for row in rows) else 1


def measured(folder: Path, shape: tuple[int, int], pairs: int) -> list[dict[str, Any]]:
    """All rows; peers that are not installed are passed over with a word."""
    folder.mkdir(exist_ok=True)
    if not (folder / "stars.npy").exists():
        make_frames(folder, shape, 8)
    window = footprint(folder, shape, 8)
    (folder / "swarp.conf").write_text("")
    rows = []
    if shutil.which("SWarp") is None:
        print("SWarp is not installed (Debian: swarp): not compared with it", file=sys.stderr)
        timed([sys.executable, __file__, "--run", "weighted", "--folder", str(folder)])
    else:
        ways = (("weighted", 2), ("clipped", 2), ("weighted", 1))
        rows = [compared(folder, window, combine, threads, pairs) for combine, threads in ways]
    try:
        one = reproject_one(folder, window)
    except ImportError:
        print("reproject is not installed: not compared with it", file=sys.stderr)
        return rows
    mine = rows[0]["ours"] if rows else timed([sys.executable, __file__, "--run", "weighted", "--folder", str(folder)])[0]
    rows.append({"name": "coadd of eight frames, weighted, 2 threads", "peer": "reproject, bilinear, eight times one frame", "unit": "s",
                 "ours": mine, "theirs": 8 * one, "ratio": 8 * one / mine, "bar": BAR_REPROJECT, "at_least": True,
                 "passed": 8 * one / mine >= BAR_REPROJECT})
    return rows


if __name__ == "__main__":
    sys.exit(main())
