"""A small PNG of an image, for pages and terminals: deterministic bytes, standard library only."""
from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

STRETCHES = ("asinh", "linear", "sqrt")


def preview(data: NDArray[np.generic], *, size: int = 512, stretch: str = "asinh", contrast: float = 0.25,
            limits: tuple[float, float] | None = None) -> bytes:
    """Draw an image as grey PNG.

    Parameters
    ----------
    data : array (ny, nx)
        Any real dtype; NaN and infinite pixels are black. The first row is drawn at the bottom.
    size : int
        Longer side in pixels; larger images are averaged over blocks, smaller ones stay as they are.
    stretch : str
        ``asinh``, ``linear`` or ``sqrt``.
    contrast : float
        Of the zscale limits (IRAF's).
    limits : (float, float), optional
        Black and white level; by zscale, and for asinh up to the 99.7th percentile, where not given.

    Returns
    -------
    bytes
        A PNG file.

    Raises
    ------
    ValueError
        The data are not two-dimensional, empty, or the stretch is unknown.
    """
    image = np.asarray(data)
    if image.ndim != 2 or not image.size:
        raise ValueError(f"asked for a preview of an array of shape {image.shape}; a two-dimensional one is due")
    if stretch not in STRETCHES:
        raise ValueError(f"asked for the stretch {stretch!r}; there are {', '.join(STRETCHES)}")
    small = _binned(image, max(1, -(-max(image.shape) // max(size, 1))))
    low, high = limits if limits is not None else zscale(small, contrast)
    good = np.isfinite(small)
    values = np.clip(np.where(good, small, low), low, None)
    span = max(high - low, 1e-30)
    if stretch == "asinh":
        top = float(np.percentile(small[good], 99.7)) if good.any() and limits is None else high
        soft = span / 3.0
        grey = np.arcsinh((values - low) / soft) / np.arcsinh(max(top - low, span) / soft)
    else:
        grey = np.clip((values - low) / span, 0, 1)
        grey = np.sqrt(grey) if stretch == "sqrt" else grey
    pixels = np.where(good, np.clip(np.rint(255.0 * grey), 0, 255), 0).astype(np.uint8)[::-1]
    return _png(pixels)


def zscale(data: NDArray[np.generic], contrast: float = 0.25, samples: int = 1000) -> tuple[float, float]:
    """Return display limits by the zscale algorithm of IRAF: a line through the sorted sky pixels, outliers rejected.

    (0, 1) where no pixel is finite; equal limits are spread a little.
    """
    flat = np.asarray(data, np.float64).ravel()
    flat = flat[np.isfinite(flat)]
    if not len(flat):
        return 0.0, 1.0
    v = np.sort(flat[::max(1, len(flat) // samples)])
    n, middle = len(v), float(np.median(v))
    x, keep = np.arange(n) - (n - 1) / 2.0, np.ones(n, bool)
    slope = intercept = 0.0
    for _ in range(5):
        slope, intercept = np.polyfit(x[keep], v[keep], 1) if np.count_nonzero(keep) > 2 else (0.0, middle)
        residual = v - slope * x - intercept
        again = np.abs(residual) <= 2.5 * max(float(residual[keep].std()), 1e-30)
        if np.array_equal(again, keep):
            break
        keep = again
    low, high = float(v[0]), float(v[-1])
    if np.count_nonzero(keep) >= max(5, n // 2):
        low = max(low, middle - (n / 2.0) * float(slope) / contrast)
        high = min(high, middle + (n / 2.0) * float(slope) / contrast)
    return (low, high) if high > low else (low, low + max(abs(low) * 1e-6, 1e-6))


def _binned(image: NDArray[np.generic], factor: int) -> NDArray[np.float64]:
    """Return the mean of the finite pixels of blocks of factor x factor; the ragged rest is left out."""
    if factor == 1:
        return np.asarray(image, np.float64)
    ny, nx = max(image.shape[0] // factor, 1), max(image.shape[1] // factor, 1)
    fy, fx = min(factor, image.shape[0]), min(factor, image.shape[1])
    blocks = np.asarray(image[:ny * fy, :nx * fx], np.float64).reshape(ny, fy, nx, fx)
    good = np.isfinite(blocks)
    count = good.sum(axis=(1, 3))
    total = np.where(good, blocks, 0.0).sum(axis=(1, 3))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Return a grey 8-bit image as PNG (RFC 2083)."""
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    ny, nx = pixels.shape
    rows = np.zeros((ny, nx + 1), np.uint8)
    rows[:, 1:] = pixels
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", nx, ny, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)) + chunk(b"IEND", b""))
