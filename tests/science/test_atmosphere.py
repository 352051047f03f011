"""A clear sky by wavelength."""
import numpy as np
import pytest

from awe.science.atmosphere import clear_sky


def test_molecules_at_sea_level_are_those_of_the_standard_atmosphere():
    """The optical depth of Rayleigh scattering of the whole atmosphere is 0.097 at 550 nm."""
    molecules = clear_sky(550.0, 1013.25, 0.0) - clear_sky(550.0, 0.0, 0.0)
    assert molecules == pytest.approx(1.0857 * 0.0973, rel=0.02)


def test_usual_coefficients_of_a_mountain():
    """What is usually quoted of good sites in U B V R I lies within some hundredths."""
    usual = {365.0: 0.43, 440.0: 0.22, 550.0: 0.12, 640.0: 0.08, 790.0: 0.04}
    found = clear_sky(np.array(list(usual)))
    assert np.abs(found - np.array(list(usual.values()))).max() < 0.08 and (np.diff(found) < 0).all()
    assert np.isnan(clear_sky(np.nan))


def test_ozone_is_that_of_its_cross_sections():
    """Means over 10 nm of what IUP Bremen measured at 233 K, in 1e-25 m2; 300 Dobson units."""
    wavelength, section = np.array([505.0, 575.0, 605.0, 655.0, 705.0]), np.array([1.48, 4.672, 5.019, 2.238, 0.7455])
    found = clear_sky(wavelength, 0.0, 0.0)
    assert found == pytest.approx(1.0857 * 300 * 2.687e20 * section * 1e-25, abs=0.006)
