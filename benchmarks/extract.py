"""Finding and measuring sources, in process, beside SExtractor on the same file with the same settings and columns.

A frame of 2048 x 4096 pixels with stars and galaxies drawn by GalSim; both subtract a mesh background, detect at 1.5 sigma of the
smoothed image, deblend, replace neighbours and measure the same columns, and both write a catalogue.  Both are also compared with each
other: unmatched detections, positions, fluxes in apertures and in Kron ellipses, those of blended objects for themselves.
"""
from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from awe.science import bands
from awe.science.sources import DEFAULT_RADII, extract
from benchmarks import sextractor
from benchmarks.pairs import processor, seconds
from benchmarks.starfield import draw

BAR = 1 / 1.5
OPTIONS = {"GAIN": 1.0, "BACK_SIZE": 64, "SEEING_FWHM": 3.2, "SATUR_LEVEL": 1e7,
           "PHOT_APERTURES": ",".join(f"{2 * radius:g}" for radius in DEFAULT_RADII)}


def ours(image: Path, catalogue: Path) -> Any:
    """Read, extract, write."""
    with fits.open(image, memmap=False) as hdus:
        found = extract(hdus[0].data, gain=1.0, filter_type="conv", passes=1)
    fits.BinTableHDU(found).writeto(catalogue, overwrite=True)
    return found


def matched(mine: Any, theirs: Any, radius: float = 1.0) -> tuple[Any, Any]:
    """Indices of the sources of both that are nearest to one another and within `radius` pixels."""
    from scipy.spatial import cKDTree
    a, b = (np.column_stack([table["X_IMAGE"], table["Y_IMAGE"]]).astype(float) for table in (mine, theirs))
    distance, nearest = cKDTree(b).query(a, distance_upper_bound=radius)
    good = np.isfinite(distance)
    _, back = cKDTree(a).query(b)
    first = np.flatnonzero(good)
    first = first[back[nearest[first]] == first]
    return first, nearest[first]


def agreement(mine: Any, theirs: Any) -> list[dict[str, Any]]:
    """How far the two catalogues agree."""
    first, second = matched(mine, theirs)
    a, b = mine[first], theirs[second]
    number = max(len(mine), len(theirs))
    sure = b["FLUX_AUTO"] > 10 * b["FLUXERR_AUTO"]
    blended = sure & ((b["FLAGS"] & 3) != 0)
    auto = 2.5 * np.log10(np.maximum(a["FLUX_AUTO"], 1e-9) / np.maximum(b["FLUX_AUTO"], 1e-9))
    aper = a["FLUX_APER2"] / b["FLUX_APER"][:, 1] - 1

    def row(name: str, value: float, unit: str, bar: float | None = None) -> dict[str, Any]:
        return {"name": name, "peer": "SExtractor", "unit": unit, "ours": float(value), "theirs": None, "ratio": None, "bar": bar,
                "at_least": False, "passed": None if bar is None else bool(value <= bar)}
    apart = np.hypot(a["X_IMAGE"] - b["X_IMAGE"], a["Y_IMAGE"] - b["Y_IMAGE"])
    blends = f"extract: {{}} AUTO difference, {np.count_nonzero(blended)} blends"
    return [row(f"extract: unmatched of {number} detections", 100 * (1 - len(first) / number), "%", 1.0),
            row("extract: median position difference", np.median(apart), "pix"),
            row("extract: median AUTO difference, SNR > 10", abs(np.median(auto[sure])), "mag", 0.01),
            row(blends.format("median"), abs(np.median(auto[blended])), "mag", 0.01),
            row(blends.format("90 % of"), np.percentile(np.abs(auto[blended]), 90), "mag"),
            row("extract: 90 % of APER differences, SNR > 10", np.percentile(np.abs(aper[sure]), 90), "")]


def measure(folder: Path, runs: int, shape: tuple[int, int]) -> list[dict[str, Any]]:
    part = shape[0] * shape[1] / (4096 * 2048)
    image = draw(shape, int(3000 * part), int(2550 * part), seed=1).write(folder / "field.fits")
    circles = [f"{name}({len(DEFAULT_RADII)})" for name in ("FLUX_APER", "FLUXERR_APER")]
    words = sextractor.prepare(folder / "sex", [*sextractor.MEASURED, *circles])

    def mine() -> Any:
        return ours(image, folder / "ours.fits")

    def peer() -> Any:
        return sextractor.run(words, image, folder / "theirs.fits", **OPTIONS)
    rows = agreement(mine(), peer())
    for threads, clock, what in ((2, seconds, ""), (1, seconds, ""), (1, processor, ", processor time")):
        bands.set_threads(threads)
        mine()
        pairs = [(clock(mine), clock(peer)) for _ in range(runs)]
        a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(one / other for one, other in pairs)
        judged = threads == 2
        rows.append({"name": f"extract in process, threads: {threads}{what}", "peer": "SExtractor", "unit": "s", "ours": a, "theirs": b,
                     "ratio": ratio, "bar": BAR if judged else None, "at_least": False, "passed": bool(ratio <= BAR) if judged else None})
    bands.set_threads(None)
    return rows


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="a quarter of the frame and 2 runs instead of 7")
    options = parser.parse_args(arguments)
    if sextractor.sextractor() is None:
        print(f"SExtractor is not installed, so there is nothing to compare with: {sextractor.INSTALL}", file=sys.stderr)
        print("[]")
        return 0
    with tempfile.TemporaryDirectory(prefix="awe-extract-") as folder:
        rows = measure(Path(folder), 2 if options.quick else 7, (2048, 1024) if options.quick else (4096, 2048))
    if options.json:
        print(json.dumps(rows))
    else:
        for row in rows:
            print("  ".join(f"{key} {value}" for key, value in row.items() if value is not None))
    return 0 if all(row["passed"] is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
