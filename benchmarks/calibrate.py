"""One science frame of 2048 x 4096 pixels calibrated: beside ccdproc with astroscrappy.

Each does the same from the raw FITS file of unsigned 16-bit numbers: overscan per row, bias, flat, mask of bad and saturated pixels,
uncertainty, cosmic rays by L.A.Cosmic (four rounds, separable medians, thresholds 4.5 and 0.3, contrast 5); we give a weight besides.
The scene is GalSim's: stars of 3 pixels FWHM on a sky of 400 electrons.  How many of the pixels that cosmic rays hit are found, and how
many others are taken for one, stands beside.
"""
from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from pairs import Bar, alone, at_most, faster, peak, row, write_planes

from awe.instruments import stored_images
from awe.science.assemble import assemble
from awe.science.bands import set_threads
from awe.science.calibrate import Calibrated, calibrate, reweigh
from awe.science.cosmic import cosmic_rays
from awe.science.mask import Bit

GAIN, NOISE, LEVEL, OVERSCAN, SATURATION = 1.5, 4.0, 1000.0, 48, 60000.0
SKY = 400.0


def simulate(folder: Path, ny: int, nx: int) -> None:
    """The raw frame, its bias, flat and bad pixels, and where cosmic rays hit."""
    from skyscene import scene

    rng = np.random.default_rng(21)
    made = scene(ny, nx, 3.0, ny * nx // 2800, SKY, 250.0, 22)
    y, x = np.mgrid[-1:1:ny * 1j, -1:1:nx * 1j]
    flat = ((1 - 0.1 * (x * x + y * y)) * rng.normal(1, 0.01, (ny, nx))).astype(np.float32)
    flat /= np.median(flat)
    bias = (5 * np.exp(-(x + 1) * 20) + 2 * y).astype(np.float32)
    drift = np.cumsum(rng.normal(0, 0.05, ny))[:, None]
    raw = rng.standard_normal((ny, nx + OVERSCAN), np.float32) * (NOISE / GAIN) + LEVEL + drift
    raw[:, :nx] += ((made.electrons - made.hits) * flat + made.hits) / GAIN + bias
    fits.writeto(folder / "raw.fits", np.clip(np.round(raw), 0, 65535).astype(np.uint16))
    bad = rng.random((ny, nx)) < 5e-4
    for name, plane in (("bias", bias), ("flat", flat), ("variance", np.full((ny, nx), (NOISE / GAIN) ** 2 / 10, np.float32)),
                        ("flatvariance", np.full((ny, nx), 2e-6, np.float32)), ("bad", bad.astype(np.uint8))):
        fits.writeto(folder / f"{name}.fits", plane)
    np.savez(folder / "truth.npz", hits=made.hits.astype(np.float32), light=made.light, flat=flat)


def plane(folder: Path, name: str, kind: Any = np.float32) -> NDArray[Any]:
    """A calibration, in the byte order of this machine."""
    return np.asarray(fits.getdata(folder / f"{name}.fits")).astype(kind)


def ours(folder: Path) -> Calibrated:
    """As the target ReducedScienceFrame does it."""
    bias, flat = plane(folder, "bias"), plane(folder, "flat")
    ny, nx = bias.shape
    amplifier = {"name": "A", "hdu": 0, "data": [0, ny, 0, nx], "position": [0, ny, 0, nx], "overscan": [0, ny, nx, nx + OVERSCAN],
                 "gain": GAIN, "read_noise": NOISE, "saturation": SATURATION}
    raw = assemble(stored_images(folder / "raw.fits", [0], "raw.fits"), [amplifier])
    frame = calibrate(raw, bias, flat=flat, masks=[plane(folder, "bad", np.uint16)], bias_variance=plane(folder, "variance"),
                      flat_variance=plane(folder, "flatvariance"))
    found = cosmic_rays(frame.data, mask=frame.mask, flat=flat, unlit=frame.unlit)
    return reweigh(frame, found.mask)


def write_ours(folder: Path) -> None:
    found = ours(folder)
    write_planes(folder / "ours.fits", {"": found.data, "VARIANCE": found.variance, "WEIGHT": found.weight, "MASK": found.mask})


def ccdproc_frame(folder: Path) -> Any:
    """As ccdproc does it, with astroscrappy."""
    import ccdproc
    from astropy import units as u
    from astropy.nddata import CCDData, StdDevUncertainty

    raw = CCDData.read(folder / "raw.fits", unit="adu")
    raw.data = raw.data.astype(np.float32)
    nx = raw.shape[1] - OVERSCAN
    saturated = raw.data[:, :nx] >= SATURATION
    frame = ccdproc.trim_image(ccdproc.subtract_overscan(raw, overscan=raw[:, nx:], overscan_axis=1, median=True)[:, :nx])
    frame = ccdproc.create_deviation(frame, gain=GAIN * u.electron / u.adu, readnoise=NOISE * u.electron, disregard_nan=True)
    bias = CCDData(plane(folder, "bias"), unit="adu", uncertainty=StdDevUncertainty(np.sqrt(plane(folder, "variance"))))
    error = StdDevUncertainty(np.sqrt(plane(folder, "flatvariance")))
    flat = CCDData(plane(folder, "flat"), unit=u.dimensionless_unscaled, uncertainty=error)
    frame = ccdproc.gain_correct(ccdproc.subtract_bias(frame, bias), GAIN * u.electron / u.adu)
    frame.mask = saturated | plane(folder, "bad", bool)
    frame = ccdproc.flat_correct(frame, flat, norm_value=1.0)
    return ccdproc.cosmicray_lacosmic(frame, sigclip=4.5, sigfrac=0.3, objlim=5.0, gain=1.0, readnoise=NOISE, satlevel=SATURATION * GAIN,
                                      niter=4, sepmed=True, cleantype="medmask", gain_apply=False)


def write_ccdproc(folder: Path) -> None:
    ccdproc_frame(folder).write(folder / "ccdproc.fits", overwrite=True)


def judged(mask: NDArray[np.bool_], folder: Path) -> tuple[float, float]:
    """Percent of the pixels with more than 5 sigma of a cosmic ray that were found, and of all others that were taken for one."""
    truth = np.load(folder / "truth.npz")
    noise = np.sqrt(truth["light"] + (NOISE / truth["flat"]) ** 2)
    hit = truth["hits"] > 5 * noise
    clean = (truth["hits"] == 0) & (plane(folder, "bad") == 0)
    return 100 * float(mask[hit].mean()), 100 * float(mask[clean].mean())


ALONE: dict[str, Callable[[Path], None]] = {"ours": write_ours, "ccdproc": write_ccdproc}


def peers() -> bool:
    """Whether ccdproc is there."""
    try:
        import ccdproc  # noqa: F401
    except ImportError:
        print("ccdproc is not installed (pip install awe[bench]): only the figures without it", file=sys.stderr)
        return False
    return True


def measure(folder: Path, runs: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    there = peers()
    first = alone(__file__, "--alone", "ours", str(folder))
    if there:
        found = [(alone(__file__, "--alone", "ours", str(folder)), alone(__file__, "--alone", "ccdproc", str(folder))) for _ in range(runs)]
        bar = Bar("one frame calibrated, whole process", "ccdproc, astroscrappy", 8)
        rows.append(row(bar, [(mine[0], other[0]) for mine, other in found]))
        rows.append(at_most("one frame calibrated, peak of the process", max(mine[1] for mine, _ in found), None, "MiB", "ccdproc",
                            max(other[1] for _, other in found)))
    else:
        rows.append(at_most("one frame calibrated, peak of the process", first[1], None, "MiB"))
    for threads in (2, 1) if there else ():
        set_threads(threads)
        name = f"one frame calibrated, in process, {threads} thread{'s' if threads > 1 else ''}"
        rows.append(faster(Bar(name, "ccdproc, astroscrappy", 20 if threads == 2 else None), runs, lambda: ours(folder),
                           lambda: ccdproc_frame(folder)))
    mine = judged(ours(folder).mask & int(Bit.COSMIC) != 0, folder)
    theirs = judged(np.asarray(ccdproc_frame(folder).mask) & (plane(folder, "bad") == 0), folder) if there else (None, None)
    rows.append({**at_most("pixels hit above 5 sigma that are found", mine[0], None, "%", "astroscrappy", theirs[0]), "bar": 99.0,
                 "at_least": True, "passed": mine[0] >= 99.0})
    rows.append(at_most("clean pixels taken for hit", mine[1], 0.01, "%", "astroscrappy, saturated ones too", theirs[1]))
    return rows


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="a frame of 512 x 1024 pixels and 3 runs instead of 7")
    parser.add_argument("--alone", nargs=2, metavar=("WHO", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.alone:
        ALONE[options.alone[0]](Path(options.alone[1]))
        print(peak())
        return 0
    with tempfile.TemporaryDirectory(prefix="awe-calibrate-") as name:
        folder = Path(name)
        simulate(folder, *((1024, 512) if options.quick else (4096, 2048)))
        rows = measure(folder, 3 if options.quick else 7)
    if options.json:
        print(json.dumps(rows))
    else:
        for one in rows:
            theirs = "-" if one["theirs"] is None else f"{one['theirs']:.4g}"
            ratio = "" if one["ratio"] is None else f"{one['ratio']:.2f} times faster"
            print(f"{one['name']}: {one['ours']:.4g} {one['unit']}, {one['peer']} {theirs}  {ratio}")
    return 0 if all(one["passed"] in (True, None) for one in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
