"""Figures that a person can judge astrometry by."""
from __future__ import annotations

from typing import Any

import numpy as np

from awe.science.residuals import spread


def residual_figure(ra: Any, dec: Any, dra: Any, ddec: Any, *, title: str, date_obs: str = "") -> Any:
    """Five panels: DRA and DDEC (arcsec) against RA and Dec (deg), and against each other, with N, mean, sigma, RMS and Max."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplot_mosaic([["ra_dra", "ra_ddec", "both"], ["dec_dra", "dec_ddec", "both"]], figsize=(13, 6.5),
                                      width_ratios=(1, 1, 1.3), layout="constrained")
    found = spread(np.column_stack([dra, ddec]))
    limit = 4.0 * found.rms if found.count and found.rms > 0 else 1.0
    for name, across, down, label in (("ra_dra", ra, dra, ("RA", "DRA")), ("ra_ddec", ra, ddec, ("RA", "DDEC")),
                                      ("dec_dra", dec, dra, ("Dec", "DRA")), ("dec_ddec", dec, ddec, ("Dec", "DDEC")),
                                      ("both", dra, ddec, ("DRA", "DDEC"))):
        axes[name].plot(across, down, ".", ms=2, alpha=0.5, rasterized=True)
        axes[name].axhline(0.0, lw=0.5, color="k")
        axes[name].set_ylim(-limit, limit)
        axes[name].set(xlabel=f"{label[0]} [{'arcsec' if name == 'both' else 'deg'}]", ylabel=f"{label[1]} [arcsec]")
    axes["both"].set_xlim(-limit, limit)
    axes["both"].set_aspect("equal")
    axes["both"].axvline(0.0, lw=0.5, color="k")
    words = [f"DATE_OBS {date_obs}"] if date_obs else []
    words += [f"N {found.count}", *(f"{name} {mean:+.4f} +- {sigma:.4f}" for name, mean, sigma in
                                    zip(("DRA", "DDEC"), found.mean, found.sigma, strict=True)),
              f"RMS {found.rms:.4f}", f"Max {found.largest:.4f} arcsec"]
    figure.suptitle(f"{title}\n{'   '.join(words)}", fontsize=9)
    return figure


def whisker_figure(x: Any, y: Any, e: Any, *, title: str) -> Any:
    """A line along the long axis of each star, as long as it is elongated, and the two components of the ellipticity."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
    size, angle = np.hypot(e[:, 0], e[:, 1]), 0.5 * np.arctan2(e[:, 1], e[:, 0])
    arrows = left.quiver(x, y, size * np.cos(angle), size * np.sin(angle), headwidth=0, headlength=0, headaxislength=0, pivot="middle",
                         width=0.003)
    left.quiverkey(arrows, 0.85, 1.03, 0.1, "|e| = 0.1")
    left.set(xlabel="x [pix]", ylabel="y [pix]", aspect="equal")
    right.plot(e[:, 0], e[:, 1], ".", ms=3)
    right.axhline(0.0, lw=0.5, color="k")
    right.axvline(0.0, lw=0.5, color="k")
    right.set(xlabel="e1", ylabel="e2", aspect="equal")
    figure.suptitle(f"{title}\nN {len(x)}", fontsize=9)
    return figure


def distortion_figure(x: Any, y: Any, dx: Any, dy: Any, *, title: str) -> Any:
    """Arrows that show by how many pixels the distortion moves stars."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 6), layout="constrained")
    arrows = axes.quiver(x, y, dx, dy, np.hypot(dx, dy), cmap="viridis")
    figure.colorbar(arrows, ax=axes, label="distortion [pix]")
    axes.set(xlabel="x [pix]", ylabel="y [pix]", aspect="equal")
    figure.suptitle(title, fontsize=9)
    return figure
