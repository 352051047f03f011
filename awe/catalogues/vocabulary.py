"""Well-known columns of source lists (the names of SExtractor and of this system) with their units, UCDs and meaning."""
from __future__ import annotations

from awe.catalogues.column import Column

HPX29 = Column("hpx29", "", "pos.healpix", "HEALPix index, nested, order 29, of the ICRS position", "int64")
"""The key of every source table."""

POSITIONS = (
    ("ra", "dec"), ("ALPHA_J2000", "DELTA_J2000"), ("ALPHAWIN_J2000", "DELTAWIN_J2000"), ("ALPHA_SKY", "DELTA_SKY"),
    ("ALPHAWIN_SKY", "DELTAWIN_SKY"), ("RAJ2000", "DEJ2000"), ("RA_ICRS", "DE_ICRS"), ("raMean", "decMean"),
    ("raStack", "decStack"), ("RA", "DECL"),
)
"""Usual names of RA and Dec in degrees, the first that are found are taken."""

_KNOWN = (
    Column("NUMBER", "", "meta.record", "Running number of the source"),
    Column("X_IMAGE", "pixel", "pos.cartesian.x;instr.det", "Position along x, 1-based"),
    Column("Y_IMAGE", "pixel", "pos.cartesian.y;instr.det", "Position along y, 1-based"),
    Column("XWIN_IMAGE", "pixel", "pos.cartesian.x;instr.det", "Windowed position along x, 1-based"),
    Column("YWIN_IMAGE", "pixel", "pos.cartesian.y;instr.det", "Windowed position along y, 1-based"),
    Column("XPEAK_IMAGE", "pixel", "pos.cartesian.x;instr.det", "x of the brightest pixel, 1-based"),
    Column("YPEAK_IMAGE", "pixel", "pos.cartesian.y;instr.det", "y of the brightest pixel, 1-based"),
    Column("ALPHA_J2000", "deg", "pos.eq.ra;meta.main", "Right ascension"),
    Column("DELTA_J2000", "deg", "pos.eq.dec;meta.main", "Declination"),
    Column("ra", "deg", "pos.eq.ra;meta.main", "Right ascension"),
    Column("dec", "deg", "pos.eq.dec;meta.main", "Declination"),
    Column("ERRX2_IMAGE", "pixel**2", "stat.variance;pos.cartesian.x;instr.det", "Variance of the position along x"),
    Column("ERRY2_IMAGE", "pixel**2", "stat.variance;pos.cartesian.y;instr.det", "Variance of the position along y"),
    Column("ERRXY_IMAGE", "pixel**2", "stat.covariance", "Covariance of the position"),
    Column("A_IMAGE", "pixel", "phys.angSize.smajAxis;instr.det", "Profile RMS along the major axis"),
    Column("B_IMAGE", "pixel", "phys.angSize.sminAxis;instr.det", "Profile RMS along the minor axis"),
    Column("THETA_IMAGE", "deg", "pos.posAng;instr.det", "Position angle, counter-clockwise from x"),
    Column("A_WORLD", "deg", "phys.angSize.smajAxis", "Profile RMS along the major axis"),
    Column("B_WORLD", "deg", "phys.angSize.sminAxis", "Profile RMS along the minor axis"),
    Column("THETA_J2000", "deg", "pos.posAng", "Position angle, east of north"),
    Column("ELONGATION", "", "src.morph.param", "A_IMAGE / B_IMAGE"),
    Column("ELLIPTICITY", "", "src.ellipticity", "1 - B_IMAGE / A_IMAGE"),
    Column("ISOAREA_IMAGE", "pixel**2", "phys.angArea", "Area above the analysis threshold"),
    Column("NPIX", "pixel", "phys.angArea", "Pixels that belong to the source"),
    Column("KRON_RADIUS", "", "phys.angSize;src", "Kron radius in units of A or B"),
    Column("FLUX_RADIUS", "pixel", "phys.angSize;src", "Radius that holds half of the flux"),
    Column("FWHM_IMAGE", "pixel", "phys.angSize;instr.det", "Full width at half maximum"),
    Column("FLUX_AUTO", "electron", "phot.count", "Flux in a Kron-like elliptical aperture"),
    Column("FLUXERR_AUTO", "electron", "stat.error;phot.count", "Error of FLUX_AUTO"),
    Column("MAG_AUTO", "mag", "phot.mag", "Magnitude in a Kron-like elliptical aperture"),
    Column("MAGERR_AUTO", "mag", "stat.error;phot.mag", "Error of MAG_AUTO"),
    Column("FLUX_ISO", "electron", "phot.count", "Isophotal flux"),
    Column("FLUXERR_ISO", "electron", "stat.error;phot.count", "Error of FLUX_ISO"),
    Column("FLUX_APER", "electron", "phot.count", "Flux in a circular aperture"),
    Column("FLUXERR_APER", "electron", "stat.error;phot.count", "Error of FLUX_APER"),
    Column("MAG_APER", "mag", "phot.mag", "Magnitude in a circular aperture"),
    Column("MAGERR_APER", "mag", "stat.error;phot.mag", "Error of MAG_APER"),
    Column("FLUX_MAX", "electron", "phot.count;stat.max", "Peak above the background"),
    Column("MU_MAX", "mag/arcsec**2", "phot.mag.sb;stat.max", "Peak surface brightness"),
    Column("BACKGROUND", "electron", "instr.skyLevel", "Background at the source"),
    Column("THRESHOLD", "electron", "instr.sensitivity", "Detection threshold at the source"),
    Column("SNR", "", "stat.snr", "Signal-to-noise ratio"),
    Column("CLASS_STAR", "", "src.class.starGalaxy", "1 like a star, 0 like a galaxy"),
    Column("FLAGS", "", "meta.code.qual", "Extraction flags"),
    Column("IMAFLAGS_ISO", "", "meta.code.qual", "Mask bits of the pixels of the source"),
)
_BY_NAME = {column.name: column for column in _KNOWN}


def known_column(name: str) -> Column:
    """Return the description of a well-known column, or one that says nothing but the name."""
    return _BY_NAME.get(name) or Column(name)
