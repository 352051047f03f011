"""Quality pages, lineage, sources and trends, on a small simulated run that is served."""
from __future__ import annotations

import re

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from awe.cli.instance import make_instance
from awe.config import Config
from awe.connection import connect
from awe.persist.context import context
from awe.persist.edit import edit
from awe.services import accounts, tokens
from awe.services.app import create_app
from awe.services.house import open_house
from awe.targets import MasterBias, RawBiasFrame, RawScienceFrame, ReducedScienceFrame, RegriddedFrame, SourceList
from tests.services import scientist
from tests.services.browser import browsing, serving
from tests.targets import walk

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A client of a served instance in which a source list was made for the world, and what is in it by class."""
    home = tmp_path_factory.mktemp("judging") / "home"
    run = walk.simulate(tmp_path_factory.mktemp("run"), chips=1, biases=4)
    make_instance(Config(home=home, user="ann"))
    instance = connect(home)
    context.set_privileges(5)
    walk.fill(run)
    eclipse()
    made = SourceList.get(object=walk.FIELD)
    kinds = (MasterBias, RawScienceFrame, ReducedScienceFrame, RegriddedFrame)
    names = {cls.__name__: cls.select_all().order_by("-creation_date")[0].object_id for cls in kinds}
    names["SourceList"], names["CoaddFrame"] = made.object_id, made.frame.object_id
    instance.close()
    client = TestClient(create_app(open_house(home)), raise_server_exceptions=False)
    yield client, names
    client.app.state.house.close()


def eclipse() -> None:
    """A bias of all raw frames but one, and then one of all of them."""
    raw = RawBiasFrame.select_all()[0]
    edit(raw, "is_valid", 0, "a cosmic ray")
    MasterBias.get(chip="ccd50")
    edit(raw, "is_valid", 1, "not a cosmic ray")
    MasterBias.get(chip="ccd50", grow=True)


def statements(answer) -> int:
    return int(re.search(r'desc="(\d+)"', answer.headers["Server-Timing"])[1])


@pytest.mark.parametrize("cls", ["CoaddFrame", "MasterBias", "RawScienceFrame", "ReducedScienceFrame", "SourceList"])
def test_quality_page(site, cls):
    client, names = site
    page, told = client.get(f"/quality/{names[cls]}"), client.get(f"/api/v1/quality/{names[cls]}").json()
    assert page.status_code == 200 and names[cls] in page.text
    assert statements(page) <= 30
    assert told["class"] == cls and (told["planes"] or cls == "SourceList")
    for one in told["limits"]:
        assert one["limit"] and not one["is_broken"]
    for plane in told["planes"]:
        picture = client.get(f"/preview/{names[cls]}", params={"plane": plane, "size": 64})
        assert picture.status_code == 200 and picture.content.startswith(PNG) and picture.headers["cache-control"].startswith("private")
    figure = client.get(f"/figure/{names[cls]}")
    assert figure.content.startswith(PNG) if told["has_figure"] else figure.status_code == 404


def test_a_plane_that_is_not_there_is_not_found(site):
    client, names = site
    assert client.get(f"/preview/{names['MasterBias']}", params={"plane": "coverage"}).status_code == 404
    assert client.get(f"/cutout/{names['SourceList']}", params={"x": 1, "y": 1}).status_code == 404
    assert client.get(f"/cutout/{names['MasterBias']}", params={"x": -500, "y": 1e5}).content.startswith(PNG)
    assert client.get(f"/cutout/{names['MasterBias']}", params={"x": "nan", "y": 1}).status_code == 400


def test_nobody_judges_without_log_in(site):
    client, names = site
    answer = client.post(f"/quality/{names['MasterBias']}/judge", data={"is_valid": "0", "why": "x"}, follow_redirects=False)
    assert answer.status_code in (303, 401, 403)
    assert client.get(f"/api/v1/quality/{names['MasterBias']}").json()["state"]["is_valid"] == 1


def test_lineage_up_and_down(site):
    client, names = site
    page = client.get(f"/lineage/{names['SourceList']}", params={"open": "MasterBias"})
    assert page.status_code == 200 and names["MasterBias"][:8] in page.text and "RawBiasFrame" in page.text
    told = client.get(f"/api/v1/lineage/{names['SourceList']}").json()
    assert {one["class"] for one in told["objects"]} >= {"CoaddFrame", "RawScienceFrame", "MasterBias", "ReferenceCatalogue"}
    assert {one["class"] for one in told["code"]} >= {"CoaddFrame", "MasterBias"}
    down = client.get(f"/api/v1/lineage/{names['MasterBias']}", params={"direction": "down"}).json()
    assert names["SourceList"] in {one["object_id"] for one in down["objects"]}
    assert names["MasterBias"] in client.get(f"/lineage/{names['SourceList']}", params={"format": "csv"}).text


def test_a_source_is_followed_back_to_its_raw_pixels(site):
    client, names = site
    listed = client.get(f"/api/v1/sources/{names['SourceList']}").json()
    assert listed["count"] == len(listed["rows"]) or len(listed["rows"]) == 100
    number = listed["rows"][0][0]
    page = client.get(f"/sources/{names['SourceList']}/{number}")
    assert page.status_code == 200 and statements(page) <= 45
    told = client.get(f"/api/v1/sources/{names['SourceList']}/{number}").json()
    steps = {place["step"] for place in told["places"]}
    assert steps >= {"coadd", "regridded", "reduced", "raw", "bias", "flat"}
    coadd = next(place for place in told["places"] if place["step"] == "coadd")
    row = {one["name"]: one["value"] for one in told["row"]}
    assert coadd["x"] == pytest.approx(row["XWIN_IMAGE"] - 1, abs=0.1) and coadd["y"] == pytest.approx(row["YWIN_IMAGE"] - 1, abs=0.1)
    raw = next(place for place in told["places"] if place["step"] == "raw")
    assert re.search(r"amplifier \w+, HDU \d+, pixel \d+, \d+", raw["note"])
    for place in told["places"]:
        cut = client.get(f"/cutout/{place['object_id']}", params={"x": place["x"], "y": place["y"], "size": 16})
        assert cut.content.startswith(PNG)
    assert client.get(f"/sources/{names['SourceList']}/999999").status_code == 404
    assert client.get(f"/sources/{names['MasterBias']}").status_code == 400


def test_the_brightest_pixel_of_a_star_is_where_the_raw_frame_has_it(site):
    client, names = site
    listed = client.get(f"/api/v1/sources/{names['SourceList']}").json()
    told = client.get(f"/api/v1/sources/{names['SourceList']}/{listed['rows'][2][0]}").json()
    raws = {place["object_id"]: place for place in told["places"] if place["step"] == "raw"}
    house = client.app.state.house
    with house.seen_by(house.identity("", house.instance.config.project)):
        for object_id, place in raws.items():
            data = RawScienceFrame(object_id=object_id).assembled("none").data
            y, x = round(place["y"]), round(place["x"])
            near = data[max(y - 4, 0):y + 5, max(x - 4, 0):x + 5]
            assert near.max() > 3 * abs(near.min() - data[10:200, 10:200].min()) or near.max() > data.mean() + 5 * data.std()


def test_trends(site):
    client, _ = site
    page = client.get("/trends", params={"cls": "ReducedScienceFrame", "y": "imstat.stdev", "x": "sky_level", "by": "chip.name"})
    assert page.status_code == 200 and page.text.count('class="mark') >= 3 and statements(page) <= 8
    told = client.get("/api/v1/trends", params={"cls": "ReducedScienceFrame", "y": "imstat.stdev"}).json()
    assert told["count"] == 3 and all(isinstance(point["y"], float) for point in told["points"])
    assert client.get("/trends").status_code == 200
    for wrong in ({"cls": "Nothing"}, {"cls": "MasterBias", "y": "overscan_used"}, {"cls": "MasterBias", "y": "no.such"},
                  {"cls": "MasterBias", "q": "import os"}):
        assert client.get("/trends", params=wrong).status_code in (400, 404), wrong


def test_a_calibration_scientist_in_a_browser(site, monkeypatch):
    """The last one here, since it edits what the others look at."""
    client, names = site
    monkeypatch.setattr(accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    house = client.app.state.house
    house.accounts.set_password("ann", scientist.PASSWORD)
    ann = {"Authorization": f"Bearer {tokens.give(house.instance.config.home, 'ann', 'default')}"}
    with browsing() as page, serving(client.app) as url:
        found = scientist.walk(page, url)
    bias, coadd, flat = (client.get(f"/api/v1{found[name]}", headers=ann).json() for name in ("bias", "coadd", "flat"))
    assert bias["timestamp_end"].startswith(scientist.END.replace(" ", "T")) and flat["state"]["is_valid"] == 0
    assert coadd["object_id"] != names["CoaddFrame"] and coadd["made"]["creator"] == "ann"
    assert names["SourceList"] in found["source"], "the list that stands on the old one is still there"
