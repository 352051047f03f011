"""Fetching catalogues: what comes is kept and read as the survey it is; without a service a sentence says what to do."""
from __future__ import annotations

from pathlib import Path

import pytest
from astropy.table import Table

from awe.catalogues.fetch import SERVICES, fetch
from awe.catalogues.reference import read_catalogue
from awe.errors import AweError, CatalogueError

TAKEN_FOR = {"gaia-dr3": ("Gaia (VizieR)", "G"), "ps1": ("PS1 (VizieR)", "r"), "2mass": ("2MASS PSC (VizieR)", "J"),
             "usno-b1": ("USNO-B1.0", "R"), "sdss": ("SDSS (VizieR)", "r")}


def answer(service, ra, dec, radius):
    """Two rows with the columns that were asked for, as VizieR would name them."""
    values = {"objID": 7, "Source": 7, "_2MASS": "a", "USNO-B1.0": "a", "Epoch": 56000.0, "JD": 2451000.5, "ObsDate": 2005.5}
    rows = {name: [values.get(name, 15.0)] * 2 for name in service.columns}
    ra_name, dec_name = service.columns[:2]
    rows[ra_name], rows[dec_name] = [ra, ra + 0.01], [dec, dec + 0.01]
    return Table(rows)


@pytest.mark.parametrize("survey", SERVICES)
def test_what_is_fetched_is_known_by_its_columns(survey: str, tmp_path: Path) -> None:
    path = fetch(survey, 150.0, 2.0, 0.5, tmp_path / "cache", query=answer)
    found = read_catalogue(path)
    name, band = TAKEN_FOR[survey]
    assert found.mapping.name == name and band in found.mapping.bands and len(found.table) == 2
    assert "ra_error" in found.table.names and ("epoch" in found.table.names or found.mapping.epoch is not None)
    assert fetch(survey, 150.0, 2.0, 0.5, tmp_path / "cache") == path, "a second time it is there"


@pytest.mark.parametrize("asked, message", [
    (("gaia", 1.0, 1.0, 1.0), "gaia-dr3"), (("ps1", 400.0, 1.0, 1.0), "RA is 0 to 360"), (("ps1", 1.0, 1.0, 50.0), "at most 5")])
def test_what_cannot_be_fetched(asked, message: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=message):
        fetch(*asked, tmp_path)


def test_no_source_is_said(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="coverage"):
        fetch("sdss", 1.0, -80.0, 0.1, tmp_path, query=lambda *_: None)


def test_without_service_or_network_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(AweError, match="ingest-catalog") as told:
        fetch("gaia-dr3", 1.0, 1.0, 0.1, tmp_path)
    assert "\n" not in str(told.value)
