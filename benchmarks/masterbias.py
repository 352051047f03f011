"""A master bias of ten raw frames of 2048 x 4096 pixels with 48 columns of overscan: beside ccdproc and astropy's clipping.

Each does the same: read ten FITS files of unsigned 16-bit numbers, take the level of the overscan off each row, reject what is further
than 3 sigma from the median of its pixel, average, and give data, uncertainty, mask and scatter.  In process, arrays are left in memory; as
a process of its own, a FITS file with these planes is written too (ccdproc's has no scatter, beside its uncertainty).  ccdproc clips once,
as is its default, through the compiled sigma clipping of astropy (``func="median", dev_func="std"``), and has bottleneck at hand; astropy's
own clipping is measured without ccdproc around it.  The error against the true bias stands beside.
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
from pairs import Bar, alone, at_most, faster, peak, row, write_planes

from awe.instruments import stored_images
from awe.science.assemble import assemble_all
from awe.science.bands import set_threads
from awe.science.bias import master_bias

NOISE, LEVEL, OVERSCAN = 2.5, 1000.0, 48
FRAMES = 10


def simulate(folder: Path, ny: int, nx: int) -> None:
    """Ten biases with structure, a drift of the level along the rows, cosmic rays, and the truth."""
    rng = np.random.default_rng(11)
    y, x = np.mgrid[:ny, :nx]
    truth = (6 * np.exp(-x / 40) + 3 * y / ny + rng.normal(0, 0.4, nx)[None, :]).astype(np.float32)
    np.save(folder / "truth.npy", truth)
    for number in range(FRAMES):
        drift = np.cumsum(rng.normal(0, 0.08, ny))[:, None]
        frame = rng.standard_normal((ny, nx + OVERSCAN), np.float32) * NOISE + LEVEL + drift
        frame[:, :nx] += truth
        hits = rng.integers(0, ny * nx, ny * nx // 20_000)
        frame[hits // nx, hits % nx] += rng.exponential(300, hits.size)
        fits.writeto(folder / f"bias{number}.fits", np.round(frame).astype(np.uint16), overwrite=True)


def amplifiers(shape: tuple[int, int]) -> list[dict[str, Any]]:
    """The one amplifier of these frames."""
    ny, nx = shape
    return [{"name": "A", "hdu": 0, "data": [0, ny, 0, nx], "position": [0, ny, 0, nx], "overscan": [0, ny, nx, nx + OVERSCAN]}]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("bias*.fits"))


def ours(folder: Path) -> Any:
    """As the target MasterBias does it."""
    shape = np.load(folder / "truth.npy", mmap_mode="r").shape
    described = amplifiers((shape[0], shape[1]))
    frames = assemble_all([(stored_images(path, [0], path.name), described) for path in files(folder)], "per_row")
    return master_bias(frames, NOISE, 3.0)


def write_ours(folder: Path) -> None:
    found = ours(folder)
    write_planes(folder / "ours.fits", {"": found.data, "VARIANCE": found.variance, "MASK": found.mask, "STDEV": found.stdev})


def ccdproc_bias(folder: Path) -> Any:
    """As ccdproc does it, with its fastest clip."""
    import ccdproc
    from astropy.nddata import CCDData

    frames = []
    for path in files(folder):
        frame = CCDData.read(path, unit="adu")
        frame.data = frame.data.astype(np.float32)
        nx = frame.shape[1] - OVERSCAN
        frames.append(ccdproc.trim_image(ccdproc.subtract_overscan(frame, overscan=frame[:, nx:], overscan_axis=1, median=True)[:, :nx]))
    combiner = ccdproc.Combiner(frames, dtype=np.float32)
    combiner.sigma_clipping(low_thresh=3, high_thresh=3, func="median", dev_func="std")
    return combiner.average_combine()


def write_ccdproc(folder: Path) -> None:
    ccdproc_bias(folder).write(folder / "ccdproc.fits", overwrite=True)


def astropy_bias(folder: Path) -> Any:
    """With the sigma clipping of astropy and numpy alone."""
    from astropy.stats import sigma_clip

    stack = []
    for path in files(folder):
        frame = fits.getdata(path).astype(np.float32)
        nx = frame.shape[1] - OVERSCAN
        stack.append(frame[:, :nx] - np.median(frame[:, nx:], axis=1)[:, None])
    values = sigma_clip(np.stack(stack), sigma=3, cenfunc="median", stdfunc="std", axis=0, masked=False, copy=False)
    number = np.isfinite(values).sum(axis=0)
    scatter = np.nanstd(values, axis=0, ddof=1)
    return np.nanmean(values, axis=0), scatter / np.sqrt(number), number == 0, scatter


def error(found: Any, folder: Path) -> float:
    """Error of the middle 68 % of the pixels over read noise / sqrt(N)."""
    rest = np.asarray(found) - np.load(folder / "truth.npy")
    return float(np.subtract(*np.percentile(rest, [84.13, 15.87])) / 2 * FRAMES**0.5 / NOISE)


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
    alone(__file__, "--alone", "ours", str(folder))
    if there:
        rows += processes(folder, runs)
    else:
        rows.append(at_most("master bias, peak of the process", alone(__file__, "--alone", "ours", str(folder))[1], 400, "MiB"))
    for threads in (2, 1):
        set_threads(threads)
        name = f"master bias, in process, {threads} thread{'s' if threads > 1 else ''}"
        if there:
            bar = Bar(name, "ccdproc", 15 if threads == 2 else None)
            rows.append(faster(bar, runs, lambda: ours(folder), lambda: ccdproc_bias(folder)))
        bar = Bar(name, "astropy sigma_clip", 10 if threads == 2 else None)
        rows.append(faster(bar, runs, lambda: ours(folder), lambda: astropy_bias(folder)))
    name, mine = "error of the master bias, in read noise / sqrt(10)", error(ours(folder).data, folder)
    rows.append(at_most(name, mine, 1.1, "", "astropy sigma_clip", error(astropy_bias(folder)[0], folder)))
    if there:
        rows.append(at_most(name, mine, 1.1, "", "ccdproc", error(ccdproc_bias(folder).data, folder)))
    return rows


def processes(folder: Path, runs: int) -> list[dict[str, Any]]:
    """Whole processes in turns, and what memory they took."""
    found = [(alone(__file__, "--alone", "ours", str(folder)), alone(__file__, "--alone", "ccdproc", str(folder))) for _ in range(runs)]
    time = row(Bar("master bias, whole process", "ccdproc", 3.5), [(mine[0], other[0]) for mine, other in found])
    memory = at_most("master bias, peak of the process", max(mine[1] for mine, _ in found), 400, "MiB", "ccdproc",
                     max(other[1] for _, other in found))
    return [time, memory]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="frames of 512 x 1024 pixels and 3 runs instead of 7")
    parser.add_argument("--alone", nargs=2, metavar=("WHO", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.alone:
        ALONE[options.alone[0]](Path(options.alone[1]))
        print(peak())
        return 0
    with tempfile.TemporaryDirectory(prefix="awe-masterbias-") as name:
        folder = Path(name)
        simulate(folder, *((1024, 512) if options.quick else (4096, 2048)))
        rows = measure(folder, 3 if options.quick else 7)
    if options.json:
        print(json.dumps(rows))
    else:
        for one in rows:
            theirs = "-" if one["theirs"] is None else f"{one['theirs']:.3f}"
            ratio = "" if one["ratio"] is None else f"{one['ratio']:.2f} times faster"
            print(f"{one['name']}: {one['ours']:.3f} {one['unit']}, {one['peer']} {theirs}  {ratio}")
    return 0 if all(one["passed"] in (True, None) for one in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
