"""Where the sky falls on a chip: a tangential projection with a cubic distortion, exactly what TPV headers express.

Pixels are 0-based here; FITS cards are 1-based. Angles are in degrees.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from awe.simulate.camera import Amplifier, Camera, Chip
from awe.simulate.config import RunConfig

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Projection:
    """World coordinates of one chip in one exposure: (x, y) -> CD -> r' = r (1 + cubic r^2) -> gnomonic -> sky."""

    ra: float
    dec: float
    x_axis: float
    y_axis: float
    cd: tuple[tuple[float, float], tuple[float, float]]
    cubic: float = 0.0

    def to_sky(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return RA and Dec in degrees of 0-based pixels."""
        dx, dy = np.asarray(x, float) - self.x_axis, np.asarray(y, float) - self.y_axis
        (a, b), (c, d) = self.cd
        u, v = a * dx + b * dy, c * dx + d * dy
        stretch = 1.0 + self.cubic * (u * u + v * v)
        return from_plane(u * stretch, v * stretch, self.ra, self.dec)

    def to_pixel(self, ra: npt.ArrayLike, dec: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Return 0-based pixels of RA and Dec in degrees, which must lie within 90 degrees of the axis."""
        xi, eta = to_plane(ra, dec, self.ra, self.dec)
        far = np.hypot(xi, eta)
        near = far.copy()
        for _ in range(6):
            near = near - (near * (1 + self.cubic * near**2) - far) / (1 + 3 * self.cubic * near**2)
        shrink = np.divide(near, far, out=np.ones_like(far), where=far > 0)
        u, v = xi * shrink, eta * shrink
        (a, b), (c, d) = self.cd
        determinant = a * d - b * c
        return self.x_axis + (d * u - b * v) / determinant, self.y_axis + (a * v - c * u) / determinant

    def pixel_area(self, shape: tuple[int, int]) -> Floats:
        """Return the solid angle of every pixel relative to one on the optical axis, shape (ny, nx)."""
        y, x = np.mgrid[: shape[0], : shape[1]]
        dx, dy = x - self.x_axis, y - self.y_axis
        (a, b), (c, d) = self.cd
        r2 = (a * dx + b * dy) ** 2 + (c * dx + d * dy) ** 2
        return np.asarray((1 + self.cubic * r2) * (1 + 3 * self.cubic * r2), dtype=np.float64)

    def cards(self) -> dict[str, object]:
        """Return the FITS cards: TAN where there is no distortion, else TPV with its cubic terms."""
        (a, b), (c, d) = self.cd
        kind = "TPV" if self.cubic else "TAN"
        cards: dict[str, object] = {
            "CTYPE1": f"RA---{kind}", "CTYPE2": f"DEC--{kind}", "CUNIT1": "deg", "CUNIT2": "deg",
            "CRVAL1": self.ra, "CRVAL2": self.dec, "CRPIX1": self.x_axis + 1, "CRPIX2": self.y_axis + 1,
            "CD1_1": a + 0.0, "CD1_2": b + 0.0, "CD2_1": c + 0.0, "CD2_2": d + 0.0,
            "RADESYS": "ICRS", "EQUINOX": 2000.0,
        }
        if self.cubic:
            for axis in (1, 2):
                cards |= {f"PV{axis}_1": 1.0, f"PV{axis}_7": self.cubic, f"PV{axis}_9": self.cubic}
        return cards

    def in_raw(self, amplifier: Amplifier) -> Projection:
        """Return the same projection for the pixels of the raw HDU that holds `amplifier`."""
        _, _, data_x0, data_x1 = amplifier.data
        position_x0 = amplifier.position[2]
        y_axis = self.y_axis + amplifier.data[0] - amplifier.position[0]
        (a, b), (c, d) = self.cd
        if amplifier.flip_x:
            x_axis = data_x1 - 1 - (self.x_axis - position_x0)
            return Projection(self.ra, self.dec, x_axis, y_axis, ((-a, b), (-c, d)), self.cubic)
        return Projection(self.ra, self.dec, self.x_axis - position_x0 + data_x0, y_axis, self.cd, self.cubic)


def true_projection(
    config: RunConfig, camera: Camera, chip: Chip, pointing: tuple[float, float], rotation: float
) -> Projection:
    """Return where the sky truly falls: real pointing, rotation of the camera, mounting of the chip, distortion."""
    radius = camera.radius * config.pixel_scale / 3600
    cubic = config.distortion / 3600 / radius**3
    cd = _cd(config.pixel_scale, rotation + chip.rotation)
    return Projection(*pointing, chip.x_axis + chip.shift[0], chip.y_axis + chip.shift[1], cd, cubic)


def header_projection(config: RunConfig, chip: Chip, pointing: tuple[float, float]) -> Projection:
    """Return what the header claims: wanted pointing, no rotation, nominal place of the chip, plain TAN."""
    return Projection(*pointing, chip.x_axis, chip.y_axis, _cd(config.pixel_scale, 0.0))


def _cd(pixel_scale: float, rotation: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """North up and east to the left, turned by `rotation` degrees."""
    scale, angle = pixel_scale / 3600, math.radians(rotation)
    along, across = scale * math.cos(angle), scale * math.sin(angle)
    return ((-along, across), (across, along))


def to_plane(ra: npt.ArrayLike, dec: npt.ArrayLike, ra0: float, dec0: float) -> tuple[Floats, Floats]:
    """Return gnomonic standard coordinates in degrees about (ra0, dec0)."""
    a = np.radians(np.asarray(ra, float) - ra0)
    d, d0 = np.radians(np.asarray(dec, float)), math.radians(dec0)
    depth = np.sin(d) * math.sin(d0) + np.cos(d) * math.cos(d0) * np.cos(a)
    xi = np.cos(d) * np.sin(a) / depth
    eta = (np.sin(d) * math.cos(d0) - np.cos(d) * math.sin(d0) * np.cos(a)) / depth
    return np.degrees(xi), np.degrees(eta)


def from_plane(xi: npt.ArrayLike, eta: npt.ArrayLike, ra0: float, dec0: float) -> tuple[Floats, Floats]:
    """Return RA in [0, 360) and Dec in degrees of gnomonic standard coordinates about (ra0, dec0)."""
    u, v, d0 = np.radians(np.asarray(xi, float)), np.radians(np.asarray(eta, float)), math.radians(dec0)
    across = math.cos(d0) - v * math.sin(d0)
    ra = ra0 + np.degrees(np.arctan2(u, across))
    dec = np.degrees(np.arctan2(math.sin(d0) + v * math.cos(d0), np.hypot(u, across)))
    return np.asarray(ra % 360.0), np.asarray(dec)
