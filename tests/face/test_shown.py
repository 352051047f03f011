"""What a person sees of an object, of its lineage, and by which names it is found."""
from __future__ import annotations

import pytest

from awe.errors import AmbiguousError, NotFoundError, QueryError
from awe.face import describe, lineage_tree, plan_tree, tell
from awe.face.lineage import Tree
from awe.face.named import object_named
from awe.face.values import listed, plainly, shown
from awe.persist.edit import edit
from awe.targets import MasterBias, MasterFlat, RawBiasFrame, ReducedScienceFrame


def test_a_description_has_keys_inputs_parameters_and_units(instance) -> None:
    said = describe(MasterBias.get(chip="ccd50"))
    for expected in ("MasterBias", "chip=ccd50", "OK, no flags", "by ann for survey (Astro-WISE)", "3 raws", "read_noise ",
                     "sigma_clip = ", " sigma", "imstat.median = ", ".fits (image)"):
        assert expected in said


def test_flags_are_told_by_name(instance) -> None:
    bias = MasterBias.get(chip="ccd50")
    edit(bias, "quality_flags", 1 | 1 << 37, "for the test")
    edit(bias, "is_valid", 2, "all the same")
    assert "qualified, flags NOISY, NO_DARK" in describe(bias)
    assert "for the test" in tell(bias)


def test_what_is_not_committed_is_told_too(instance) -> None:
    assert "(not committed)" in describe(RawBiasFrame(exposure="e1"))


def test_lineage_both_ways(instance) -> None:
    bias = MasterBias.get(chip="ccd50")
    up = lineage_tree(bias)
    assert up.count("raws: RawBiasFrame") == 6 and "read_noise: ReadNoise" in up
    assert "read_noise" not in lineage_tree(bias, depth=0)
    raw = bias.raws[0]
    down = lineage_tree(raw, down=True)
    assert "raws: MasterBias" in down and "raws: ReadNoise" in down
    tree = Tree(bias).as_dict()
    ids = {one["object_id"] for one in tree["objects"]}
    assert all(link["from"] in ids and link["to"] in ids for link in tree["links"])
    assert len(ids) == len(tree["objects"])


def test_a_plan_at_a_glance(instance) -> None:
    said = plan_tree(MasterFlat.plan(filter="r"))
    assert said.count("+ ReadNoise simcam ccd50 slow: to be made: none has been made\n") == 1
    assert "= 3 RawTwilightFlatFrame: up to date" in said and "(shown above)" in said
    assert "Instrument" not in said, "what the key tells already is left out while it is up to date"
    assert said.endswith(MasterFlat.plan(filter="r").summary())
    assert len(said.splitlines()) < len(MasterFlat.plan(filter="r").tree().splitlines())
    assert plan_tree(MasterFlat.plan(filter="r"), depth=0).count("\n") == 3


def test_an_optional_input_that_is_not_there_is_no_alarm(instance) -> None:
    said = plan_tree(ReducedScienceFrame.plan(chip="ccd50"))
    assert "- StaticMask simcam ccd50 slow: none, and none is needed\n" in said
    assert "x StaticMask" not in said


def test_a_plan_tells_what_is_different_and_counts_what_is_alike(instance) -> None:
    ReducedScienceFrame.get_all(chip="ccd50")
    plan = ReducedScienceFrame.plan(chip="ccd50")
    assert plan_tree(plan).splitlines()[0].endswith(": up to date") and len(plan_tree(plan).splitlines()) == 4
    bias = MasterBias.find(chip="ccd50")
    assert bias is not None
    edit(bias, "is_valid", 0, "stripes")
    said = plan_tree(ReducedScienceFrame.plan(chip="ccd50"))
    assert f"its result {bias.object_id[:8]} was invalidated" in said and "held" in said


def test_objects_are_found_by_identity_and_by_file(instance) -> None:
    bias = MasterBias.get(chip="ccd50")
    for name in (bias.object_id, bias.object_id[:9], bias.object_id[:9].upper(), bias.filename):
        assert object_named(instance, name) is bias
    with pytest.raises(QueryError, match="too short"):
        object_named(instance, bias.object_id[:3])
    with pytest.raises(NotFoundError, match="neither"):
        object_named(instance, "Cal-nobody.fits")


def test_several_that_begin_alike(instance, monkeypatch) -> None:
    monkeypatch.setattr("awe.face.named.with_identity", lambda *_: [each.oid for each in RawBiasFrame.select_all()])
    with pytest.raises(AmbiguousError, match="give more digits"):
        object_named(instance, "abcd")


def test_values() -> None:
    assert shown(2.5, "pix") == "2.5 pix" and shown(None, "pix") == "-" and shown(True) == "yes"
    assert plainly(1 / 3) == "0.333333" and plainly("a\nb") == "a b" and plainly("x" * 200).endswith("...")
    assert all(len(line) <= 40 for line in listed(["word"] * 30, 4, 40).splitlines())
