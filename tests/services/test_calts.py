"""Calibration time stamps: what is drawn as used is what the rule picks, and an edit does what its preview said."""
from __future__ import annotations

import datetime
import itertools
import re

import pytest

from awe.connection import connect
from awe.dataflow.effects import effects
from awe.persist.edit import edit
from awe.persist.types import from_microseconds
from awe.services.period import KINDS, period_of
from awe.services.svg import ticks, time_ticks
from awe.targets import Chip, Instrument, MasterBias
from tests.services.conftest import Served, form_token

START = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
#: (from, until) in days of the year, the oldest first; what is said of it.
BIASES = [(-900, 900, ""), (10, 40, ""), (20, 30, ""), (15, 18, "flagged"), (32, 36, "invalid"), (50, 60, ""), (48, 62, ""), (100, 101, "")]
URL = "/api/v1/calts"


@pytest.fixture(scope="module")
def biases(served: Served) -> list[str]:
    """Biases of one chip, by identity, and one of another."""
    instance = connect(served.home)
    camera = next(iter(Instrument.name == "cam"))
    found = []
    for chip in (Chip(instrument=camera, name="c1"), Chip(instrument=camera, name="c2")):
        chip.commit()
        for start, until, word in BIASES if chip.name == "c1" else BIASES[:1]:
            bias = MasterBias(instrument=camera, chip=chip, readout_mode="slow", n_noisy=len(found))
            bias.timestamp_start, bias.timestamp_end = START + datetime.timedelta(days=start), START + datetime.timedelta(days=until)
            bias.anchor = START + datetime.timedelta(days=(start + until) / 2)
            bias.quality_flags = 1 if word == "flagged" else 0
            bias.commit()
            found.append(bias.object_id)
            if word == "invalid":
                edit(bias, "is_valid", 0, "a light leak")
    instance.close()
    return found


def asked(served: Served, user: str = "ann", **params):
    answer = served.client.get(URL, params={"chip": "c1", "when": "2024-02-01", **params}, headers=served.headers(user))
    assert answer.status_code == 200, answer.text
    return answer.json()


def states(found) -> dict[str, str]:
    return {one["object_id"]: one["state"] for one in found["objects"]}


def test_states_and_why(served: Served, biases: list[str]) -> None:
    found = asked(served)
    expected = ["partly used", "partly used", "used", "flagged", "invalid", "eclipsed", "used", "used"]
    assert [states(found)[identity] for identity in biases[:8]] == expected
    why = {one["object_id"]: one["why"] for one in found["objects"]}
    assert "a light leak" in why[biases[4]] and "ann" in why[biases[4]]
    assert biases[6][:8] in why[biases[5]] and "flagged" in why[biases[3]]


def test_what_is_drawn_as_used_is_what_the_rule_picks(served: Served, biases: list[str]) -> None:
    (lane,) = asked(served)["lanes"]
    pieces = [(from_microseconds(one["from"]), from_microseconds(one["until"]), one["object_id"]) for one in lane["used"]]
    assert pieces[0][0] == START and pieces[-1][1] == START.replace(year=2025)
    assert all(one[1] == other[0] and one[2] != other[2] for one, other in itertools.pairwise(pieces))
    for start, until, identity in pieces:
        for moment in (start, start + (until - start) / 2, until - datetime.timedelta(microseconds=1)):
            day = (moment - START) / datetime.timedelta(days=1)
            good = [place for place, (first, last, word) in enumerate(BIASES) if not word and first <= day < last]
            assert biases[max(good)] == identity, "the latest that is valid, without a flag, and holds the moment"


def test_views(served: Served, biases: list[str]) -> None:
    assert set(states(asked(served, only_good="yes")).values()) == {"partly used", "used", "eclipsed"}
    assert set(states(asked(served, period="week", when="2024-04-10"))) == {biases[0], biases[7]}
    assert {lane["keys"]["chip"] for lane in asked(served, chip="")["lanes"]} == {"c0", "c1", "c2"}
    assert {lane["keys"]["readout_mode"] for lane in asked(served, "eve", chip="c0")["lanes"]} == {"marker3", "marker4", "marker5"}
    headers = served.headers("ann")
    page = served.client.get("/calts", params={"chip": "c1", "when": "2024-02-01"}, headers=headers).text
    assert page.count("<svg") > 2 and all(identity[:8] in page for identity in biases[:8]) and "a light leak" in page
    assert 'fill="url(#fill-invalid)"' in page and 'fill="url(#fill-flagged)"' in page and "541" in page
    table = served.client.get("/calts", params={"chip": "c1", "when": "2024-02-01", "table": "yes"}, headers=headers).text
    assert "eclipsed by" in table
    csv = served.client.get("/calts", params={"chip": "c1", "when": "2024-02-01", "format": "csv"}, headers=headers).text
    assert len(csv.splitlines()) == 9
    link = re.search(r'href="([^"]+)">permalink', page)[1].replace("&amp;", "&")
    again = served.client.get(link, headers=headers).text
    assert again.count("<rect") == page.count("<rect")


@pytest.mark.parametrize("params", [{"kind": "Nope"}, {"when": "2024-13-01"}, {"when": "0001-01-01"}, {"period": "century"},
                                    {"chip": "\x00"}, {"kind": "Instrument"}, {"when": "99999-01-01"}])
def test_what_cannot_be_shown_is_said(served: Served, params: dict[str, str]) -> None:
    for url in ("/calts", URL):
        assert served.client.get(url, params=params).status_code in (400, 404)


def test_an_edit_is_previewed_made_logged_and_undone(served: Served, biases: list[str]) -> None:
    identity, wanted = biases[2], {"timestamp_end": "2024-01-25T00:00"}
    before = asked(served)["lanes"][0]["used"]
    preview = served.client.get(f"/api/v1/calts/edit/{identity}", params=wanted, headers=served.headers("ann")).json()
    instance = connect(served.home)
    bias = MasterBias(object_id=identity)
    assert preview["effects_count"] == len(effects([(bias, "timestamp_end", "2024-01-25")]))
    assert list(preview["changes"]) == ["timestamp_end"]
    assert asked(served)["lanes"][0]["used"] == before, "nothing was edited by looking"
    instance.close()
    url = f"/api/v1/calts/edit/{identity}"
    for user, sent, status in (("ann", wanted, 400), ("ann", {**wanted, "why": "  "}, 400), ("eve", {**wanted, "why": "x"}, 403),
                               ("", {**wanted, "why": "x"}, 401), ("ann", {"timestamp_end": "2023-01-01", "why": "x"}, 400),
                               ("ann", {"is_valid": 1, "why": "x"}, 400), ("ann", {"is_valid": 3, "why": "x"}, 400)):
        answer = served.client.post(url, json=sent, headers=served.headers(user))
        assert answer.status_code == status, (user, sent, answer.text)
    done = served.client.post(url, json={**wanted, "why": "the lamp was off"}, headers=served.headers("bob"))
    assert done.status_code == 200, done.text
    after = asked(served)["lanes"][0]["used"]
    assert after != before and "the lamp was off" in {one["object_id"]: one["why"] for one in asked(served)["objects"]}[identity]
    undone = served.client.post("/api/v1/undo", json={"seq": done.json()["changes"], "why": "it was on"}, headers=served.headers("ann"))
    assert undone.status_code == 200 and asked(served)["lanes"][0]["used"] == before


def test_both_stamps_beyond_each_other(served: Served, biases: list[str]) -> None:
    """Moved as a whole, forwards and back: at no moment is it valid never."""
    url = f"/api/v1/calts/edit/{biases[7]}"
    for start, end in (("2025-04-10", "2025-04-11"), ("2024-04-10", "2024-04-11")):
        sent = {"timestamp_start": start, "timestamp_end": end, "why": "moved"}
        answer = served.client.post(url, json=sent, headers=served.headers("ann"))
        assert answer.status_code == 200, answer.text


def test_a_form_that_is_sent_as_it_came_changes_nothing(served: Served, biases: list[str]) -> None:
    """Also where the time stamps are not whole seconds."""
    browser = served.log_in("ann")
    page = browser.get(f"/calts/edit/{biases[0]}", params={"timestamp_start": "2020-01-01T00:00:00.123456"}).text
    fields = dict(re.findall(r'name="(timestamp_\w+)" id="\w+" value="([^"]+)"', page))
    assert fields["timestamp_start"] == "2020-01-01 00:00:00.123456"
    again = browser.get(f"/calts/edit/{biases[0]}", params={**fields, "is_valid": "1"}).text
    assert set(re.findall(r"<dt>(timestamp_\w+|is_valid)</dt>", again)) == {"timestamp_start"}


def test_in_a_browser(served: Served, biases: list[str]) -> None:
    browser = served.log_in("bob")
    page = browser.get(f"/calts/edit/{biases[1]}", params={"is_valid": 0, "next": "/calts?chip=c1"})
    assert "would no longer be up to date" in page.text
    sent = {"csrf": form_token(page.text), "is_valid": "0", "why": "stripes", "next": "/calts?chip=c1&when=2024-02-01"}
    answer = browser.post(f"/calts/edit/{biases[1]}", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/calts?chip=c1&when=2024-02-01")
    assert "is_valid = 0" in browser.get(answer.headers["location"]).text
    (seq,) = re.findall(r'name="seq" value="(\d+)"', browser.get(f"/calts/edit/{biases[1]}").text)
    assert browser.post("/undo", data={"csrf": form_token(page.text), "seq": seq, "why": "no stripes"}).status_code == 303
    assert states(asked(served))[biases[1]] == "partly used"


def test_statements(served: Served, biases: list[str]) -> None:
    counted = []
    for chip in ("c1", ""):
        for _ in range(2):
            answer = served.client.get(URL, params={"chip": chip, "when": "2024-02-01"}, headers=served.headers("ann"))
        counted.append(int(re.search(r'sql;desc="(\d+)"', answer.headers["server-timing"])[1]))
    assert max(counted) <= 22 and counted[0] == counted[1], counted


@pytest.mark.parametrize("kind", KINDS)
def test_periods_follow_each_other(kind: str) -> None:
    one = period_of(kind, datetime.datetime(2024, 2, 29, 13, tzinfo=datetime.UTC))
    assert one.start <= datetime.datetime(2024, 2, 29, 13, tzinfo=datetime.UTC) < one.end
    assert one.after.start == one.end and one.before.end == one.start and one.after.before == one


def test_ticks() -> None:
    assert ticks(0.0, 1.0, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0]) and ticks(3.0, 3.0) == [3.0]
    year = period_of("year", START)
    words = [word for _, word in time_ticks(int(year.start.timestamp() * 1e6), int(year.end.timestamp() * 1e6))]
    assert words[0] == "Jan 2024" and 4 <= len(words) <= 12
