"""The target processor and the jobs: what is planned, what is made by a process on behalf of who asked, and what became of it."""
from __future__ import annotations

import time

import pytest
from starlette.testclient import TestClient

from awe.cli.instance import make_instance
from awe.config import Config
from awe.connection import connect
from awe.persist.context import context
from awe.persist.user import add_user
from awe.services import tokens
from awe.services.app import create_app
from awe.services.house import open_house
from awe.services.submitting import submissions
from tests.targets import walk

LONGEST = 120.0


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A client of a served instance with raw frames of one chip, and the headers of who may make something of them."""
    home = tmp_path_factory.mktemp("targets") / "home"
    run = walk.simulate(tmp_path_factory.mktemp("run"), chips=1, width=192, height=192, exposures=0, twilights=0, darks=0, domes=0)
    make_instance(Config(home=home, user="ann"))
    instance = connect(home)
    add_user(instance.database, "bob")
    context.set_privileges(3)
    walk.add_instrument(run.instrument)
    walk.ingest(list(run.raw_files), commit=True)
    instance.close()
    house = open_house(home)
    headers = {"Authorization": f"Bearer {tokens.give(home, 'ann', 'default', may_edit=True)}"}
    client = TestClient(create_app(house), raise_server_exceptions=False)
    yield client, headers
    house.close()


def wait(client, headers):
    """The jobs, once nothing is being made."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        told = client.get("/api/v1/jobs", headers=headers).json()
        if submissions.running() == 0 and not told["runs"]:
            return told
        time.sleep(0.2)
    raise AssertionError("it was not made in time")


def test_a_plan_is_shown_and_nothing_is_made(site):
    client, headers = site
    page = client.get("/targets", params={"cls": "MasterBias"}, headers=headers)
    assert page.status_code == 200 and "to be made" in page.text and "3 of them" not in page.text
    told = client.get("/api/v1/targets", params={"cls": "MasterBias"}, headers=headers).json()["plan"]
    assert told["todo"] == 2 and told["counts"]["to be made"] == 2
    assert {node["state"] for node in told["nodes"]} == {"to be made", "up to date"}
    assert client.get("/api/v1/jobs", headers=headers).json()["latest"] == []


def test_nobody_in_particular_sees_no_raw_frames_and_makes_nothing(site):
    client, _ = site
    assert client.get("/api/v1/targets", params={"cls": "MasterBias"}).status_code == 404
    assert client.post("/api/v1/targets/make", json={"cls": "MasterBias"}).status_code in (401, 403)


@pytest.mark.parametrize("wrong", [{"cls": "MasterBiass"}, {"chip": "ccd99"}, {"keys": "nonsense"}, {"pars": "MasterBias.sigma=1"},
                                   {"assume": "x y"}, {"exclude": "e1"}, {"date": "yesterday"}, {"keys": "readout_mode=\u0000"}])
def test_what_is_not_understood_is_refused_with_a_reason(site, wrong):
    client, headers = site
    wrong = {"cls": "MasterBias", **wrong}
    for answer in (client.get("/api/v1/targets", params=wrong, headers=headers),
                   client.post("/api/v1/targets/make", json=wrong, headers=headers)):
        assert 400 <= answer.status_code < 500 and answer.json()["detail"], wrong


def test_a_target_is_made_and_followed_to_its_quality_page(site):
    client, headers = site
    wanted = {"cls": "MasterBias", "chip": "ccd50", "pars": "MasterBias.sigma_clip=4"}
    answer = client.post("/api/v1/targets/make", json=wanted, headers=headers)
    assert answer.status_code == 200, answer.text
    told = wait(client, headers)
    assert told["counts"] == {"done": 2} and {job["user"] for job in told["latest"]} == {"ann"}
    number = next(job["id"] for job in told["latest"] if job["class"] == "MasterBias")
    job = client.get(f"/api/v1/jobs/{number}", headers=headers).json()
    assert job["state"] == "done" and job["pars"] == {"MasterBias": {"sigma_clip": 4.0}}
    quality = client.get(f"/api/v1/quality/{job['object_id']}", headers=headers).json()
    assert {one["name"]: one["value"] for one in quality["parameters"]}["sigma_clip"] == 4.0
    assert client.get(f"/jobs/{number}", headers=headers).status_code == client.get("/jobs", headers=headers).status_code == 200
    again = client.post("/api/v1/targets/make", json=wanted, headers=headers)
    assert again.json()["todo"] == 0
    assert client.post(f"/api/v1/jobs/{number}/cancel", json={}, headers=headers).status_code == 400
    assert client.get("/api/v1/jobs/9999", headers=headers).status_code == 404
