"""Figures that a person can judge a product by."""
from __future__ import annotations

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
