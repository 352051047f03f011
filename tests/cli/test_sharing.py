"""`awe project` and `awe user`, on an instance of their own: neither needs data."""
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, call


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty instance of ann."""
    folder = tmp_path / "home"
    assert call("init", folder, "--user", "ann").code == 0
    monkeypatch.setenv("AWE_HOME", str(folder))
    return folder


def as_user(monkeypatch: pytest.MonkeyPatch, user: str, *words: object) -> Answer:
    with monkeypatch.context() as patched:
        patched.setenv("AWE_USER", user)
        return call(*words)


def test_a_project_and_its_members(home, awe, monkeypatch):
    made = awe("project", "create", "survey", "--description", "one field", "--privileges", 2, "--private", "--json").json
    assert made == {"name": "survey", "description": "one field", "public": False, "privileges": 2, "managers": ["ann"], "members": ["ann"]}
    assert awe("project", "add", "survey", "bob", "cat", "--json").json["members"] == ["ann", "bob", "cat"]
    assert awe("project", "add", "survey", "cat", "--manager", "--json").json["managers"] == ["ann", "cat"]
    assert awe("project", "set", "survey", "--privileges", 3, "--json").json["privileges"] == 3
    assert "bob is no manager of survey" in as_user(monkeypatch, "bob", "project", "add", "survey", "eve").complaint
    assert awe("project", "remove", "survey", "bob", "--json").json["members"] == ["ann", "cat"]
    listed = awe("project", "list").out.splitlines()
    assert listed[0].split()[0] == "project" and [line.split()[0] for line in listed[1:]] == ["default", "survey"]
    assert "ann, cat" in awe("project", "show", "survey").out
    assert [each["name"] for each in awe("project", "list", "--json").json] == ["default", "survey"]


def test_several_at_once_are_all_or_none(home, awe):
    awe("project", "create", "survey")
    answer = awe("project", "remove", "survey", "ann", "nobody")
    assert answer.code == 2 and "the only manager" in answer.complaint
    awe("project", "add", "survey", "bob", "--manager")
    assert awe("project", "remove", "survey", "bob", "nobody").code == 2
    assert awe("project", "show", "survey", "--json").json["members"] == ["ann", "bob"]


def test_what_cannot_be(home, awe):
    assert "already" in awe("project", "create", "default").complaint
    assert "did you mean 'default'" in awe("project", "show", "defualt").complaint
    assert "privileges are 1 MyDB" in awe("project", "create", "x", "--privileges", 7).complaint
    assert "cannot be the name of a user" in awe("user", "add", " ").complaint


def test_users(home, awe):
    assert awe("user", "add", "bob").out == "bob is a user now\n" and "already" in awe("user", "add", "bob").out
    assert awe("user", "list", "--json").json == [{"name": "ann", "projects": ["default"]}, {"name": "bob", "projects": []}]
    assert [line.split() for line in awe("user", "list").out.splitlines()] == [["user", "projects"], ["ann", "default"], ["bob"]]
    assert len(awe("user", "token", "bob", "--json").json["token"]) > 40


@pytest.fixture
def chips(home: Path) -> list[str]:
    """The object_ids of the chips of a camera that only ann sees."""
    assert call("project", "set", "default", "--privileges", 1).code == 0
    assert call("instrument", "add", "arcsat").code == 0
    return [row["object_id"] for row in call("query", "Chip.is_valid == 1", "--json").json]


def test_publish_shows_then_raises_with_what_it_stands_on(chips, awe, monkeypatch):
    chip = chips[0]
    shown = awe("publish", chip, "--privileges", 4, "--closure", "--dry-run")
    assert shown.code == 0 and shown.out.startswith("would bring 1 Instrument, 1 Chip to World (4)") and f"Chip {chip[:8]}" in shown.out
    assert not as_user(monkeypatch, "bob", "query", "Chip.is_valid == 1", "--json").json
    refused = awe("publish", chip, "--privileges", 4)
    assert refused.code == 2 and "it would use 1 objects with fewer readers, such as a Instrument" in refused.complaint
    in_the_way = awe("publish", chip, "--privileges", 4, "--dry-run", "--json")
    assert in_the_way.code == 1 and [each["class"] for each in in_the_way.json["refused"]] == ["Instrument"]
    done = awe("publish", chip, "--privileges", 4, "--closure", "--why", "the paper is out", "--json").json
    assert done["counts"] == {"Instrument": 1, "Chip": 1} and not done["dry_run"]
    assert [row["object_id"] for row in as_user(monkeypatch, "bob", "query", "Chip.is_valid == 1", "--json").json] == [chip]
    assert "only managers of default" in as_user(monkeypatch, "bob", "publish", chip, "--privileges", 5).complaint
    instrument = next(each["object_id"] for each in done["objects"] if each["class"] == "Instrument")
    assert "is used by 1 objects with more readers, such as Chip" in awe("publish", instrument, "--privileges", 2).complaint


def test_publish_of_nothing_and_to_nowhere(chips, awe):
    assert awe("publish", chips[0], "--privileges", 1).out == "brought nothing to MyDB (1), with 0 files\n"
    assert "1 MyDB" in awe("publish", chips[0], "--privileges", 9).complaint
    assert "neither" in awe("publish", "ffffffff", "--privileges", 3).complaint


def test_changes_and_undo(chips, awe, monkeypatch):
    assert awe("invalidate", chips[0], "--why", "a scratch").code == 0
    (line,) = awe("changes", chips[0], "--json").json
    assert (line["field"], line["old"], line["new"], line["who"], line["why"]) == ("is_valid", 1, 0, "ann", "a scratch")
    assert line["object_id"] == chips[0] and "a scratch" in awe("changes").out
    assert as_user(monkeypatch, "bob", "changes", "--json").json == []
    (back,) = awe("undo", line["seq"], "--why", "dust", "--json").json
    assert (back["undo_of"], back["new"]) == (line["seq"], 1)
    assert f"change {back['seq']} by ann (dust) undid it later" in awe("undo", line["seq"], "--why", "again").complaint
    assert "there is no change 999" in awe("undo", 999, "--why", "x").complaint
    assert "give how many" in awe("changes", "--limit", 0).complaint
