"""A project travels: all of it or nothing, with the identity of every object, and as often as one likes."""
from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from awe.config import load
from awe.dataflow.instance import open_instance
from awe.dataflow.pars import Pars
from awe.exchange import importing
from awe.fileserver import Store
from awe.persist import tables
from awe.targets import MasterBias
from tests.dataflow.world import Obj, World
from tests.exchange.conftest import say


def told(home: Path) -> dict[str, dict]:
    """All that an instance holds, by identity; read from the base tables."""
    instance = open_instance(load(home))
    world = World.read(instance.database)
    names = {}
    with instance.database.reading() as connection:
        for table in (tables.user, tables.project):
            names[table.name] = {row.id: row.name for row in connection.execute(sa.select(table.c.id, table.c.name))}
        c = tables.change.c
        history = connection.execute(sa.select(c.oid, c.field, c.old, c.new, c.when, c.why, c.who).order_by(c.seq)).all()
        files = connection.execute(sa.select(tables.object_file).order_by(tables.object_file.c.role)).all()
        jobs = connection.execute(sa.select(tables.job.c.oid, tables.job.c.log, tables.job.c.started)).all()
    instance.close()
    found, apart = {}, ("oid", "attributes", "edges", "cls", "creator", "project")
    for obj in world.objects.values():
        plain = {name: value for name, value in vars(obj).items() if name not in apart}
        plain["cls"] = obj.cls.__name__
        plain["creator"], plain["project"] = names["awe_user"][obj.creator], names["project"][obj.project]
        plain["attributes"] = {name: value.object_id if isinstance(value, Obj) else repr(value)
                               for name, value in obj.attributes.items() if not name.endswith("oid")}
        plain["edges"] = {slot: [(edge.pos, edge.input.object_id, edge.sel, edge.at, edge.value, edge.per) for edge in edges]
                          for slot, edges in obj.edges.items()}
        plain["history"] = [(*line[1:-1], names["awe_user"][line.who]) for line in history if line.oid == obj.oid]
        plain["files"] = [(row.role, row.ext, bytes(row.sha256), row.global_name) for row in files if row.oid == obj.oid]
        plain["jobs"] = [(row.log, row.started) for row in jobs if row.oid == obj.oid]
        found[obj.object_id] = plain
    return found


def exported(source: Path, folder: Path) -> Path:
    assert "are in" in say(source, "export", "survey", folder).out
    return folder


def test_everything_arrives_and_nothing_is_to_be_made(source: Path, elsewhere: Path, tmp_path: Path) -> None:
    folder = exported(source, tmp_path / "out")
    dry = say(elsewhere, "import", folder, "--json").json
    assert told(elsewhere) == {} and sum(dry["new"].values()) == len(told(source)) and dry["rivals"] == []
    done = say(elsewhere, "import", folder, "--commit")
    assert "came in" in done.out and "nothing that is used changes" in done.out
    assert told(elsewhere) == told(source)
    assert say(elsewhere, "fsck", "--contents", "--json").json["candidates"] == {"missing": 0, "wrong": 0}
    assert say(elsewhere, "plan", "MasterBias").out == say(source, "plan", "MasterBias").out
    (mine,) = say(source, "query", "MasterBias.is_valid == 0", "--columns", "object_id", "--json").json
    assert say(elsewhere, "lineage", mine["object_id"]).out == say(source, "lineage", mine["object_id"]).out


def beside(home: Path) -> dict[str, set]:
    """Sets of parameters, members of the project and releases of an instance, in words."""
    instance = open_instance(load(home))
    s, m, r, x = tables.parameter_set.c, tables.project_member.c, tables.release.c, tables.release_member.c
    user, project, root = tables.user, tables.project, tables.object_
    with instance.database.reading() as connection:
        columns = (s.class_id, s.level, project.c.name, s.instrument, s["values"], s.when, s.why, user.c.name)
        sets = connection.execute(sa.select(*columns).join(
            user, user.c.id == s.who).outerjoin(project, project.c.id == s.project_id)).all()
        members = connection.execute(sa.select(user.c.name, m.manager).join(tables.project_member, m.user_id == user.c.id).join(
            project, project.c.id == m.project_id).where(project.c.name == "survey")).all()
        kept = connection.execute(sa.select(r.id, r.name, r.why, r.moment, r.size, user.c.name).join(user, user.c.id == r.creator_id)).all()
        inside = connection.execute(sa.select(x.release_id, root.c.object_id).join(root, root.c.oid == x.oid)).all()
    instance.close()
    return {"sets": set(map(tuple, sets)), "members": set(map(tuple, members)), "releases": set(map(tuple, kept)),
            "inside": set(map(tuple, inside))}


def test_parameters_members_and_releases_go_along(source: Path, elsewhere: Path, tmp_path: Path) -> None:
    say(source, "project", "add", "survey", "eve")
    say(source, "release", "create", "DR1", "(MasterBias.is_valid == 1)", "--why", "the first")
    instance = open_instance(load(source))
    for camera, clip in (("", 3.5), ("simcam", 4.5)):
        wanted = Pars(MasterBias, instrument=camera)
        wanted.sigma_clip = clip
        wanted.commit("for the test", project=not camera)
    instance.close()
    there = beside(source)
    assert len(there["sets"]) >= 2 and len(there["releases"]) == 1 and there["inside"]
    folder = exported(source, tmp_path / "out")
    for _ in range(2):
        say(elsewhere, "import", folder, "--commit")
        here = beside(elsewhere)
        assert here == {**there, "members": {*there["members"], ("bob", 1)}}
    assert "DR1" in say(elsewhere, "release", "list").out


def test_again_is_nothing_new(source: Path, elsewhere: Path, tmp_path: Path) -> None:
    folder = exported(source, tmp_path / "out")
    say(elsewhere, "import", folder, "--commit")
    before = told(elsewhere)
    again = say(elsewhere, "import", folder, "--commit", "--json").json
    assert again["new"] == {} and again["there"] == len(before) and again["differ"] == []
    # what was judged here since stays so, and is told
    chosen = say(elsewhere, "query", "MasterBias.is_valid == 1", "--columns", "object_id", "--json").json[0]["object_id"]
    say(source, "invalidate", chosen, "--why", "seen there", "--alone")
    later = say(elsewhere, "import", exported(source, tmp_path / "later"), "--commit", "--json").json
    assert later["differ"] == [chosen] and told(elsewhere) == before


def test_what_comes_later_comes_alone(source: Path, elsewhere: Path, tmp_path: Path) -> None:
    say(elsewhere, "import", exported(source, tmp_path / "out"), "--commit")
    say(source, "get", "HotPixelMap", "--all")
    done = say(elsewhere, "import", exported(source, tmp_path / "later"), "--commit", "--json").json
    assert done["there"] > 0 and done["new"]["HotPixelMap"] == 2 and "MasterBias" not in done["new"]
    assert told(elsewhere) == told(source)


def test_objects_that_take_the_place_of_others_are_named_before(source: Path, ingested: Path, tmp_path: Path) -> None:
    """The same raw data, ingested and reduced on both sides."""
    other = Path(shutil.copytree(ingested, tmp_path / "other"))
    say(other, "get", "MasterBias", "--all")
    folder = exported(other, tmp_path / "out")
    chosen = {row["object_id"] for row in say(other, "query", "MasterBias", "--columns", "object_id", "--json").json}
    named = say(source, "import", folder, "--json").json["rivals"]
    assert {rival["new"] for rival in named if rival["what"] == "MasterBias"} <= chosen and named
    assert all(rival["wins"] == (rival["created"] > rival["created_there"]) for rival in named
               if rival["created"] != rival["created_there"])
    said = say(source, "import", folder, "--commit").out
    assert "takes the place of" in said
    used = {node["object_id"] for node in nodes(say(source, "plan", "MasterBias", "--full", "--json").json)}
    winners = {rival["new"] for rival in named if rival["what"] == "MasterBias" and rival["wins"]}
    assert winners and winners <= used


def nodes(plan) -> list[dict]:
    """Every node of a plan, wherever it stands in it."""
    if isinstance(plan, list):
        return [node for each in plan for node in nodes(each)]
    if isinstance(plan, dict):
        here = [plan] if plan.get("object_id") else []
        return here + [node for each in plan.values() for node in nodes(each)]
    return []


def spoilt_file(folder: Path) -> str:
    path = max((folder / "files" / "objects").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return ""


def lost_file(folder: Path) -> str:
    next(path for path in (folder / "files" / "objects").rglob("*") if path.is_file()).unlink()
    return ""


def spoilt_rows(folder: Path) -> str:
    path = folder / "rows" / "edge.jsonl"
    path.write_text(path.read_text().replace("[", "[ ", 1))
    return "edge.jsonl is not as it was exported"


def lost_rows(folder: Path) -> str:
    (folder / "rows" / "object.jsonl").unlink()
    return "object.jsonl is missing"


def spoilt_manifest(folder: Path) -> str:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"objects": ', '"objects": 1'))
    return "manifest.json is not as it was exported"


def unfinished(folder: Path) -> str:
    (folder / "manifest.sha256").unlink()
    return "there is no finished export"


def resealed(folder: Path, **changes: object) -> None:
    """The manifest with other words, and a seal that fits."""
    said = {**json.loads((folder / "manifest.json").read_text()), **changes}
    (folder / "manifest.json").write_text(json.dumps(said))
    (folder / "manifest.sha256").write_text(hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest())


def newer_awe(folder: Path) -> str:
    resealed(folder, versions={"awe": "0999"})
    return "at version 0999 of awe, which this code does not know"


def newer_format(folder: Path) -> str:
    resealed(folder, format="awe export 2")
    return "update awe"


def absent_package(folder: Path) -> str:
    resealed(folder, versions={"awe": "0001", "nightly": "0001"})
    return "the package 'nightly', which is not installed"


def strange_column(folder: Path) -> str:
    said = json.loads((folder / "manifest.json").read_text())
    said["tables"]["want"]["columns"][-1][0] = "colour"
    resealed(folder, tables=said["tables"])
    return "which the tables here do not have"


@pytest.mark.parametrize("spoil", [spoilt_file, lost_file, spoilt_rows, lost_rows, spoilt_manifest, unfinished, newer_awe, newer_format,
                                   absent_package, strange_column], ids=lambda spoil: spoil.__name__)
def test_what_is_not_as_it_was_exported_leaves_nothing(source: Path, tmp_path: Path, awe, spoil) -> None:
    home, folder = tmp_path / "empty", exported(source, tmp_path / "out")
    assert awe("init", home, "--user", "bob").code == 0
    expected = spoil(folder)
    for words in (["import", folder], ["import", folder, "--commit"]):
        answer = awe(*words, "--home", home)
        assert answer.code == 2 and expected in answer.complaint, answer
    assert told(home) == {}
    assert say(home, "fsck", "--json").json["dead_pins"] == 0


def test_one_that_dies_in_the_middle_leaves_nothing_and_can_be_repeated(source: Path, elsewhere: Path, tmp_path: Path, awe,
                                                                        monkeypatch) -> None:
    folder = exported(source, tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(importing, "fill_candidates", lambda *given: os.strerror("no"))
        patch.setattr(importing.Importer, "_jobs", lambda self: 1 / 0)
        assert awe("import", folder, "--commit", "--home", elsewhere).code == 3
    assert told(elsewhere) == {}
    say(elsewhere, "import", folder, "--commit")
    assert told(elsewhere) == told(source)


def test_another_object_of_the_same_identity_is_refused(source: Path, tmp_path: Path, awe) -> None:
    home, folder = tmp_path / "empty", exported(source, tmp_path / "out")
    assert awe("init", home, "--user", "bob").code == 0
    say(home, "import", folder, "--commit")
    path = folder / "rows" / "object.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0][-1] = "00" * 16
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = json.loads((folder / "manifest.json").read_text())
    said["tables"]["object"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    resealed(folder, tables=said["tables"])
    answer = awe("import", folder, "--commit", "--home", home)
    assert answer.code == 2 and "with another value than in the export" in answer.complaint


@pytest.mark.parametrize(("words", "expected"), [
    (["export", "nosuch", "{new}"], "there is no project 'nosuch'; there are:"),
    (["export", "empty", "{new}"], "has no objects that ann can see"),
    (["export", "survey", "{full}"], "is there already and not empty"),
    (["import", "{full}"], "there is no finished export"),
    (["backup", "{full}"], "is not empty and no backup of awe"),
])
def test_what_cannot_be_is_refused(source: Path, tmp_path: Path, awe, words, expected) -> None:
    assert awe("project", "create", "empty", "--home", source).code == 0
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    answer = awe(*[word.format(new=tmp_path / "new", full=tmp_path / "full") for word in words], "--home", source)
    assert answer.code == 2 and expected in answer.complaint
    assert not (tmp_path / "new").exists() and [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.tex"]
    assert not list(tmp_path.glob(".*"))


def test_a_damaged_store_is_not_exported(source: Path, tmp_path: Path, awe) -> None:
    store = Store(source / "store")
    path = store.path(next(store.hashes()))
    path.chmod(0o644)
    path.write_bytes(b"rot")
    answer = awe("export", "survey", tmp_path / "out", "--home", source)
    assert answer.code == 2 and "awe fsck --contents" in answer.complaint and not (tmp_path / "out").exists()


def test_the_manifest_says_what_is_in_it(source: Path, tmp_path: Path) -> None:
    folder = exported(source, tmp_path / "out")
    said = json.loads((folder / "manifest.json").read_text())
    assert said["format"] == "awe export 1" and said["project"] == "survey"
    for name, table in said["tables"].items():
        path = folder / "rows" / f"{name}.jsonl"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == table["sha256"]
        assert len(path.read_text().splitlines()) == table["rows"]
    assert len(list(Store(folder / "files").hashes())) == said["files"]
