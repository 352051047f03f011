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
