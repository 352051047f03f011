"""Figures that a person can judge a product by."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def image_figure(frame: Any) -> Any:
    """The pixels of a frame at zscale, its histogram, and its statistics in words."""
    import matplotlib.pyplot as plt
    from astropy.visualization import ZScaleInterval

    image = frame.image
    low, high = ZScaleInterval().get_limits(image.data)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), width_ratios=(1.2, 1), layout="constrained")
    shown = left.imshow(image.data, origin="lower", vmin=low, vmax=high, cmap="gray", interpolation="nearest")
    figure.colorbar(shown, ax=left, label=image.cards.get("BUNIT", ""))
    left.set_title(repr(frame), fontsize=8)
    spread = max(high - low, 1e-30)
    right.hist(image.data[(image.data > low - spread) & (image.data < high + spread)].ravel(), bins=200, histtype="step")
    right.set_yscale("log")
    stat = frame.imstat
    right.set_title(f"median {stat.median:.6g}  stdev {stat.stdev:.4g}  flatness {stat.flatness:.4g}", fontsize=8)
    right.set_xlabel(image.cards.get("BUNIT", ""))
    return figure


def matrix_figure(target: Any, matrix: Any, across: str, down: str, unit: str) -> Any:
    """Numbers that belong to pairs, written into coloured squares."""
    import matplotlib.pyplot as plt
    import numpy as np

    top = float(np.nanmax(np.abs(matrix))) or 1.0
    figure, axes = plt.subplots(figsize=(6, 5), layout="constrained")
    shown = axes.imshow(matrix, vmin=-top, vmax=top, cmap="RdBu_r")
    figure.colorbar(shown, ax=axes, label=unit)
    if matrix.size <= 256:
        for (y, x), value in np.ndenumerate(matrix):
            axes.text(x, y, "-" if not np.isfinite(value) else f"{value:.0f}", ha="center", va="center", fontsize=8)
    axes.set(xlabel=across, ylabel=down)
    axes.set_title(repr(target), fontsize=8)
    return figure


def amplifier_figure(target: Any, series: Mapping[str, Sequence[float | None]], unit: str, errors: float = 0.0) -> Any:
    """Numbers that belong to amplifiers, side by side; what is not known is left out."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    number = max(map(len, series.values()))
    for place, (label, values) in enumerate(series.items()):
        width = 0.8 / len(series)
        known = [(at, value) for at, value in enumerate(values) if value is not None]
        where = [at + (place + 0.5) * width - 0.4 for at, _ in known]
        axes.bar(where, [value for _, value in known], width * 0.9, yerr=errors or None if place == 0 else None, label=label, capsize=3)
    axes.set_xticks(range(number), [str(one + 1) for one in range(number)])
    axes.set(xlabel="amplifier", ylabel=unit)
    axes.axhline(0.0, color="0.6", lw=0.6)
    axes.legend(frameon=False)
    axes.set_title(repr(target), fontsize=8)
    return figure


def pixels_figure(target: Any, pixels: Any, title: str, unit: str) -> Any:
    """Pixels at zscale."""
    import matplotlib.pyplot as plt
    from astropy.visualization import ZScaleInterval

    low, high = ZScaleInterval().get_limits(pixels)
    figure, axes = plt.subplots(figsize=(6.5, 5), layout="constrained")
    figure.colorbar(axes.imshow(pixels, origin="lower", vmin=low, vmax=high, cmap="gray", interpolation="nearest"), ax=axes, label=unit)
    axes.set_title(f"{target!r}\n{title}", fontsize=8)
    return figure


def psf_figure(target: Any) -> Any:
    """A PSF in the middle of its frame, its ellipticity over the field, and the spread of sources by their magnitudes."""
    import matplotlib.pyplot as plt
    import numpy as np

    model, table = target.model, target.sources
    ny, nx = model.shape
    figure, (left, centre, right) = plt.subplots(1, 3, figsize=(14, 4.4), layout="constrained")
    shown = model.image((nx - 1) / 2, (ny - 1) / 2)
    reach = model.middle / model.oversampling
    left.imshow(np.arcsinh(shown / (0.01 * shown.max())), origin="lower", extent=(-reach, reach, -reach, reach), cmap="gray")
    left.set_title(f"{target!r}, {model.nstars} stars, asinh", fontsize=8)
    x, y = (values.ravel() for values in np.meshgrid(np.linspace(0, nx - 1, 7), np.linspace(0, ny - 1, 7)))
    e1, e2 = np.array([model.ellipticity(a, b) for a, b in zip(x, y, strict=True)]).T
    size, angle = np.hypot(e1, e2), 0.5 * np.arctan2(e2, e1)
    drawn = centre.quiver(x, y, size * np.cos(angle), size * np.sin(angle), size, headaxislength=0, headlength=0, headwidth=1, pivot="mid")
    figure.colorbar(drawn, ax=centre, label="ellipticity")
    centre.set_aspect("equal")
    right.plot(table["MAG_PSF"], table["SPREAD_PSF"], ".", markersize=3)
    right.axhline(0.0, linewidth=0.8)
    right.set_ylim(-0.3, 1.0)
    right.set_xlabel("MAG_PSF")
    right.set_ylabel("SPREAD_PSF: 0 for a star")
    return figure


def line_figure(target: Any, x: Any, y: Any, error: Any, group: Any, slope: float, labels: tuple[str, str], title: str) -> Any:
    """Points and a line of a given slope through the middle of each group, above what is left of them."""
    import matplotlib.pyplot as plt
    import numpy as np

    figure, (top, bottom) = plt.subplots(2, 1, figsize=(7, 6), sharex=True, height_ratios=(2, 1), layout="constrained")
    for one in np.unique(group):
        mine = (group == one) & np.isfinite(x + y)
        constant = float(np.median(y[mine] - slope * x[mine])) if mine.any() else np.nan
        points = top.errorbar(x[mine], y[mine], error[mine], fmt=".", markersize=4, elinewidth=0.6)
        ends = np.array([x[mine].min(), x[mine].max()]) if mine.any() else np.zeros(0)
        top.plot(ends, constant + slope * ends, color=points[0].get_color(), linewidth=0.9)
        bottom.errorbar(x[mine], y[mine] - constant - slope * x[mine], error[mine], fmt=".", markersize=4, elinewidth=0.6)
    bottom.axhline(0.0, color="0.5", linewidth=0.8)
    bottom.set(xlabel=labels[0], ylabel="less the line")
    top.set_ylabel(labels[1])
    top.set_title(f"{target!r}\n{title}", fontsize=8)
    return figure


def association_figure(target: Any) -> Any:
    """Where sources of the second list are about those of the first; how far apart they are; their magnitudes."""
    import matplotlib.pyplot as plt

    pairs, (one, two) = target.pairs, target.values("MAG_TOTAL")
    figure, (left, centre, right) = plt.subplots(1, 3, figsize=(14, 4.4), layout="constrained")
    left.plot(pairs["DELTA_EAST"], pairs["DELTA_NORTH"], ".", markersize=3)
    left.axhline(0.0, color="0.6", linewidth=0.6)
    left.axvline(0.0, color="0.6", linewidth=0.6)
    left.set(xlabel="east [arcsec]", ylabel="north [arcsec]", aspect="equal", xlim=(-target.search_distance, target.search_distance),
             ylim=(-target.search_distance, target.search_distance))
    figure.suptitle(repr(target), fontsize=8)
    centre.hist(pairs["SEPARATION"], bins=40, range=(0.0, target.search_distance), histtype="step")
    centre.set(xlabel="separation [arcsec]", ylabel="pairs")
    centre.set_title(f"{target.n_pairs} pairs; without partner {target.n_first} and {target.n_second}", fontsize=8)
    right.plot(one, two - one, ".", markersize=3)
    right.set(xlabel=f"MAG_TOTAL, {target.filter.name}", ylabel=f"{target.second_filter} - {target.filter.name} [mag]")
    return figure


def background_figure(target: Any) -> Any:
    """A frame, its background, and what is left, the first and the last smoothed so that what is large shows."""
    import matplotlib.pyplot as plt
    import numpy as np

    level, noise = target.planes()
    data = np.where(target.bad_of(target.reduced.image), level, target.reduced.image.data)
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.4), layout="constrained")
    middle, width = float(np.median(level)), float(np.median(noise)) or 1.0
    planes = (("the frame, smoothed", smoothed(data), middle), ("background", level, middle),
              ("what is left, smoothed", smoothed(data - level), 0.0))
    for one, (title, plane, centre) in zip(axes, planes, strict=True):
        reach = max(width, 1.2 * float(np.ptp(level)) / 2) if centre else width
        figure.colorbar(one.imshow(plane, origin="lower", vmin=centre - reach, vmax=centre + reach, cmap="gray"), ax=one, label="electron")
        one.set_title(title, fontsize=8)
    figure.suptitle(f"{target!r}\nlevel {target.level:.5g}  noise {target.noise:.4g}  spread {target.spread:.3g}  "
                    f"objects {target.object_fraction:.2f}  left {target.residual:.3g} sigma", fontsize=8)
    return figure


def ghost_figure(target: Any) -> Any:
    """A frame, smoothed, with the ghosts that were masked as circles."""
    import json

    import matplotlib.pyplot as plt
    import numpy as np
    from astropy.visualization import ZScaleInterval

    image = target.reduced.image
    good = image.weight > 0
    plane = smoothed(np.where(good, image.data, np.median(image.data[good]) if good.any() else 0.0))
    low, high = ZScaleInterval().get_limits(plane)
    figure, axes = plt.subplots(figsize=(7, 6), layout="constrained")
    figure.colorbar(axes.imshow(plane, origin="lower", vmin=low, vmax=high, cmap="gray"), ax=axes, label="electron")
    for x, y, radius, hole, _ in json.loads(target.ghosts):
        for size in (radius, hole):
            axes.add_patch(plt.Circle((x, y), size, fill=False, color="tab:red", linewidth=0.8))
    ny, nx = plane.shape
    axes.set(xlim=(-0.5, nx - 0.5), ylim=(-0.5, ny - 0.5))
    told = "not told" if target.brightness is None else f"{target.brightness:.2f} +- {target.brightness_error:.2f}"
    axes.set_title(f"{target.exposure} {target.chip.name}, smoothed\n{target.n_ghosts} ghosts on {100 * target.fraction:.1f} % of the "
                   f"pixels; brightness over model {told}", fontsize=8)
    return figure


def smoothed(plane: Any) -> Any:
    """A plane without what is smaller than some pixels."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(plane, 3.0)
