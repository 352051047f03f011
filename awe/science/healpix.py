"""HEALPix in the ring scheme: which pixel holds a position, and where its middle is (Gorski et al. 2005, ApJ 622, 759, section 5)."""
from __future__ import annotations

import math


def middle_of(nside: int, pixel: int) -> tuple[float, float]:
    """Return right ascension and declination, degrees, of the middle of a pixel (0 to 12 nside^2 - 1, from the north pole)."""
    if 2 * pixel < 4 * nside * (nside - 1) or 12 * nside**2 - 1 - pixel < 2 * nside * (nside - 1):
        north = 2 * pixel < 12 * nside**2
        mirrored = pixel if north else 12 * nside**2 - 1 - pixel
        ring = (1 + math.isqrt(1 + 2 * mirrored)) // 2
        place = mirrored - 2 * ring * (ring - 1)
        place = place if north else 4 * ring - 1 - place
        z, ra = 1.0 - ring**2 / (3.0 * nside**2), (place + 0.5) * 90.0 / ring
        return ra, math.degrees(math.asin(z if north else -z))
    inside = pixel - 2 * nside * (nside - 1)
    ring, place = inside // (4 * nside) + nside, inside % (4 * nside)
    shift = 0.5 if (ring + nside) % 2 == 0 else 0.0
    return (place + shift) * 90.0 / nside, math.degrees(math.asin((2 * nside - ring) * 2.0 / (3.0 * nside)))


def pixel_of(nside: int, ra: float, dec: float) -> int:
    """Return the pixel that holds a position, degrees."""
    z, t = math.sin(math.radians(dec)), (ra % 360.0) / 90.0 % 4.0
    if abs(z) <= 2.0 / 3.0:
        up, down = math.floor(nside * (0.5 + t - 0.75 * z)), math.floor(nside * (0.5 + t + 0.75 * z))
        ring = nside + 1 + up - down  # counted from z = 2/3
        shift = 1 - ring % 2
        place = (up + down - nside + shift + 1) // 2 % (4 * nside)
        return 2 * nside * (nside - 1) + (ring - 1) * 4 * nside + place
    part = t - math.floor(t)
    width = nside * math.sqrt(3.0 * (1.0 - abs(z)))
    up, down = math.floor(part * width), math.floor((1.0 - part) * width)
    ring = up + down + 1
    place = math.floor(t * ring) % (4 * ring)
    return 2 * ring * (ring - 1) + place if z > 0 else 12 * nside**2 - 2 * ring * (ring + 1) + place
