"""`awe init` and `awe db`: an instance is whole, or is not there."""
from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy as sa

from awe.config import load


def test_init_makes_an_instance(awe, tmp_path) -> None:
    home = tmp_path / "a" / "b"
    answer = awe("init", home, "--user", "ann", "--project", "survey", "--workers", 2, "--privileges", 1)
    assert answer.code == 0 and str(home) in answer.out
    config = load(home)
    assert (config.user, config.project, config.workers, config.privileges) == ("ann", "survey", 2, 1)
    assert awe("db", "check", "--home", home).code == 0
    assert awe("fsck", "--home", home).code == 0


def test_init_where_awe_home_says(awe, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AWE_HOME", str(tmp_path / "here"))
    assert awe("init").code == 0
    assert awe("instrument", "list").code == 0


def test_init_refuses_to_overwrite(awe, tmp_path) -> None:
    assert awe("init", tmp_path / "home").code == 0
    answer = awe("init", tmp_path / "home")
    assert answer.code == 2 and "an instance" in answer.complaint


@pytest.mark.parametrize(("words", "expected"), [
    (["--database", "postgresql://nobody@127.0.0.1:1/nothing"], "cannot open"),
    (["--database", "oracle://x"], "only SQLite and PostgreSQL"),
    (["--database", "nonsense"], "is no address of a database"),
    (["--database", "sqlite:////no/such/folder/awe.db"], "there is no folder"),
    (["--privileges", "9"], "privileges are"),
    (["--workers", "many"], "should be a whole number"),
])
def test_what_cannot_be_made_leaves_nothing(awe, tmp_path, words: list[str], expected: str) -> None:
    answer = awe("init", tmp_path / "home", *words)
    assert answer.code == 2
    assert expected in answer.complaint
    assert not (tmp_path / "home").exists()


def test_a_store_in_the_way_leaves_nothing(awe, tmp_path) -> None:
    home = tmp_path / "home"
    (home / "store").mkdir(parents=True)
    (home / "store" / "mine").write_text("mine")
    answer = awe("init", home)
    assert answer.code == 2 and "something else is there" in answer.complaint
    assert sorted(path.name for path in home.rglob("*")) == ["mine", "store"]


def test_both_databases(awe, tmp_path, database_url: str) -> None:
    """From an empty database to the newest version is what the classes say."""
    home = tmp_path / "home"
    shown = sa.make_url(database_url)
    url = database_url if shown.get_backend_name() == "sqlite" else shown.set(drivername="postgresql").render_as_string(hide_password=False)
    assert awe("init", home, "--database", url).code == 0
    answer = awe("db", "check", "--json", "--home", home)
    assert (answer.code, answer.json) == (0, {"differences": []})


def test_db_check_finds_what_differs_and_upgrade_says_so(awe, home) -> None:
    with sqlite3.connect(home / "awe.db") as connection:
        connection.execute("drop table imstat")
    answer = awe("db", "check")
    assert answer.code == 1 and "table imstat is missing" in answer.out
    assert awe("db", "upgrade").code == 1


def test_settings_that_are_wrong(awe, home, monkeypatch) -> None:
    (home / "awe.toml").write_text('databse = "sqlite:///awe.db"\n')
    assert "did you mean 'database'" in awe("jobs").complaint
    (home / "awe.toml").write_text("workers = \n")
    assert "cannot be read" in awe("jobs").complaint
    (home / "awe.toml").write_text("")
    monkeypatch.setenv("AWE_WORKERS", "several")
    answer = awe("jobs")
    assert answer.code == 2 and "a int is wanted" in answer.complaint
