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
