"""The extinction of a clear sky by wavelength: molecules, aerosols and ozone.

Molecules scatter as in Hansen and Travis (1974, Space Science Reviews 16, 527), in proportion to the pressure; aerosols follow
Angstrom's power law with the exponent 1.3; ozone has its Chappuis band, a Gaussian fitted to the cross sections at 233 K of IUP Bremen
(Serdyuchenko et al. 2014, AMT 7, 625) for 300 Dobson units, from 445 to 835 nm, which it follows to 0.005 mag. The molecules agree to 0.4 %
with Bodhaine et al. (1999, J. Atmos. Oceanic Technol. 16, 1854). Above a good site a real night differs by some hundredths of a magnitude,
most by its aerosols. Below 330 nm, where ozone absorbs all, and in the bands of water and oxygen beyond 680 nm, it is too low.
"""
from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

SEA_LEVEL = 1013.25
"""Pressure at sea level, hPa."""
ANGSTROM = 1.3
"""Exponent of the power law of aerosols."""
CHAPPUIS = (0.0406, 592.0, 55.2)
"""Depth in mag per airmass, wavelength and width in nm of the absorption by ozone."""
WAVELENGTHS = {"u": 355.0, "g": 477.0, "r": 623.0, "i": 762.0, "z": 913.0, "y": 975.0,
               "U": 365.0, "B": 440.0, "V": 550.0, "R": 640.0, "I": 790.0, "J": 1250.0, "H": 1650.0, "K": 2200.0, "Ks": 2150.0}
"""Wavelengths of usual bands, nm, where an instrument file does not say that of its filter.

U B V R I are those of Bessell (1979, PASP 91, 589) to 5 nm, J H K Ks those of 2MASS and WFCAM to 50. Bands called u g r i z y differ by
25 nm from camera to camera, and these are in between. Effective wavelengths in SDSS, MegaCam and DECam are 355 to 381, 467 to 483,
616 to 639, 747 to 779, 885 to 915, and 988 for the Y of DECam."""


def clear_sky(wavelength: ArrayLike, pressure: float = 750.0, aerosol: float = 0.04) -> NDArray[np.float64]:
    """Return the extinction of a clear sky.

    Parameters
    ----------
    wavelength : float or array
        nm; NaN gives NaN.
    pressure : float
        hPa; 750 is that of 2400 m.
    aerosol : float
        What aerosols take at 550 nm, mag per airmass.

    Returns
    -------
    float64 array
        mag per airmass.
    """
    nm = np.asarray(wavelength, np.float64)
    inverse = (1000.0 / nm) ** 2
    molecules = 0.008569 * inverse**2 * (1.0 + 0.0113 * inverse + 0.00013 * inverse**2) * pressure / SEA_LEVEL
    depth, centre, width = CHAPPUIS
    ozone = depth * np.exp(-0.5 * ((nm - centre) / width) ** 2)
    return np.asarray(2.5 / math.log(10.0) * molecules + aerosol * (550.0 / nm) ** ANGSTROM + ozone, np.float64)
