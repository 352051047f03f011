from __future__ import annotations

import pytest

from tests.real import house


@pytest.fixture(scope="session")
def data():
    """The folder of real data."""
    return house.real_data()


@pytest.fixture(scope="session")
def arcsat_home(data, tmp_path_factory):
    """The home of an instance with M13 and M82, of three nights with one set of calibrations, in which nothing has been made."""
    home = tmp_path_factory.mktemp("arcsat") / "home"
    instance = house.create(home, "arcsat")
    report = house.bring_in(data / "arcsat_m13", data / "arcsat_m82")
    assert report.counts() == {"ingested": 36}
    instance.close()
    return home
