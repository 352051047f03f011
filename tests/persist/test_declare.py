import datetime
import types

import pytest
from persist_sky import Chip, Coadd, Corrected, Filter, Imstat, MasterFlat, RawFlat, RawScience, Reduced

from awe.errors import DeclarationError, UnknownNameError
from awe.persist.dbobject import DBObject
from awe.persist.declare import (
    attribute,
    declarations,
    depends_on,
    depends_on_many,
    has_one,
    key,
    natural_key,
    parameter,
    slots,
)
from awe.persist.keysets import KeySet, key_sets_of
from awe.persist.mapping import class_named, table_name
from awe.persist.part import Part
from awe.persist.selector import class_name


def define(called: str, bases: tuple[type, ...] = (DBObject,), module: str = "persist_sky", /, **body) -> type:
    return types.new_class(called, bases, exec_body=lambda space: space.update(body, __module__=module))


def test_tables_are_named_after_classes():
    assert Chip.__mapping__.table.name == "persist_sky__chip"
    assert table_name(define("PSFHomogenisedFrame2D")) == "persist_sky__psf_homogenised_frame2_d"
    assert table_name(type("SourceList", (), {"__module__": "awe.targets.sources"})) == "source_list"


def test_columns_come_from_the_class_and_its_abstract_bases():
    table = Reduced.__mapping__.table
    assert list(table.columns.keys()) == ["oid", "chip_oid", "filter_oid", "filename", "exposure", "raw_oid", "flat_oid", "sky", "good"]
    assert table.c.sky.info == {"unit": "e-", "role": "attribute"} and table.c.sky.doc == "level of the sky"
    assert not table.c.exposure.nullable and not table.c.chip_oid.nullable and table.c.flat_oid.nullable
    assert {index.name: [column.name for column in index.columns] for index in table.indexes} == {
        "ix_persist_sky__reduced_chip_oid": ["chip_oid", "filter_oid"], "ix_persist_sky__reduced_filter_oid": ["filter_oid"],
        "ix_persist_sky__reduced_raw_oid": ["raw_oid"], "ix_persist_sky__reduced_flat_oid": ["flat_oid"]}
    assert list(Corrected.__mapping__.table.columns.keys()) == ["oid", "crosstalk"]
    assert Corrected.__mapping__.tables == (table, Corrected.__mapping__.table)
    assert [c.name for c in Imstat.__mapping__.table.primary_key] == ["owner_oid", "slot"]


def test_natural_keys_and_slots():
    assert natural_key(Reduced) == natural_key(Corrected) == ("chip", "filter", "exposure")
    assert list(slots(Coadd)) == ["filter", "frames"] and next(iter(declarations(Coadd))) == "object"
    assert slots(MasterFlat)["raws"].same == (("chip", "chip"), ("filter", "filter"))
    assert slots(Reduced)["chip"].same == (("name", "chip"),)
    assert slots(Coadd)["frames"].member is RawScience


def test_key_sets_are_registered_by_whoever_asks():
    assert KeySet(class_name(RawFlat), ("chip", "filter"), True) in key_sets_of(RawFlat)
    assert KeySet(class_name(RawScience), ("filter", "object"), True) in key_sets_of(RawScience)
    by_name = KeySet(class_name(Chip), ("name",), False)
    assert by_name in key_sets_of(Chip) and by_name not in key_sets_of(Filter)
    base = define("Asked", __abstract__=True, a=key(int, "x"), b=key(int, "y"))
    child = define("AskedChild", (base,))
    grandchild = define("AskedGrandchild", (child,))
    define("Asking", single=depends_on(base, "one", same=("b",)), other=depends_on(child, "another", same=("a",)))
    of_base, of_child = KeySet(class_name(base), ("b",), False), KeySet(class_name(child), ("a",), False)
    assert set(key_sets_of(child)) == {of_base, of_child}
    assert key_sets_of(grandchild) == [of_base], "what is made in another way does not take the place of what is asked for"


@pytest.mark.parametrize("name", ["info", "commit", "oid", "value", "like", "in_", "_hidden", "creator", "scope", "raw_data"])
def test_names_with_a_meaning_are_refused(name):
    with pytest.raises(DeclarationError, match=f"Bad{name}.{name}: "):
        define(f"Bad{name}", **{name: attribute(str, "x")})


@pytest.mark.parametrize("name", ["name", "object", "date", "filter", "label", "parent", "entity", "match", "values", "type", "desc_"])
def test_ordinary_names_are_not(name):
    made = define(f"Good{name}", **{name: attribute(str, "x")})
    assert getattr(made(**{name: "x"}), name) == "x" and getattr(made, name) is not None


def test_classes_that_could_not_be_found_again_are_refused():
    with pytest.raises(DeclarationError, match="at the prompt or in a script"):
        define("Interactive", (DBObject,), "__main__")
    define("Twice")
    with pytest.raises(DeclarationError, match="rename it"):
        define("Twice")
    with pytest.raises(DeclarationError, match="wants the table 'job'"):
        define("Job", (DBObject,), "awe.somewhere")
    with pytest.raises(DeclarationError, match="give it a doc"):
        attribute(str, "")
    with pytest.raises(DeclarationError, match="is one of bool, int"):
        attribute(list, "x")


def test_an_abstract_class_has_no_objects():
    base = define("Abstract", __abstract__=True, x=attribute(int, "x"))
    with pytest.raises(DeclarationError, match="is abstract; make an object of one of its subclasses"):
        base()
    assert define("Concrete", (base,))(x=3).x == 3


def test_defaults_and_types_of_new_objects():
    class PersistPart(DBObject):
        name = key(str, "identifier")

    class PersistMade(DBObject):
        count = attribute(int, "how many", default=3)
        when = attribute(datetime.datetime, "when")
        level = parameter(2.0, "how high")
        chips = depends_on_many(PersistPart, "what it consists of", same=("name",))
        stat = has_one(Imstat, "statistics")

    made = PersistMade()
    assert (made.count, made.when, made.level, made.chips, made.stat) == (3, None, 2.0, [], None)
    made.chips.append(PersistPart(name="x"))
    assert len(made.chips) == 1 and made.is_valid == 1 and made.timestamp_end.year == 2200 and len(made.object_id) == 32
    assert made.object_id == made.object_id
    made.level = 3
    assert type(made.level) is float
    for wrong in ({"count": 1.5}, {"count": True}, {"count": "1"}, {"when": "2026-01-01"}, {"stat": made}, {"chips": [3]}):
        with pytest.raises(DeclarationError, match="takes"):
            PersistMade(**wrong)
    made.pixels = [1, 2]
    assert made.pixels == [1, 2]


def test_numbers_of_numpy_are_taken():
    import numpy as np
    assert Imstat(stdev=np.float32(1.5)).stdev == 1.5 and type(Imstat(stdev=np.float32(1.5)).stdev) is float
    assert RawFlat(exposure=np.int16(3)).exposure == 3
    with pytest.raises(DeclarationError):
        Imstat(stdev=np.zeros(2))


def test_pages_about_classes_and_objects():
    page = Reduced.info()
    assert "chip" in page and "level of the sky" in page and "e-" in page and "int (key)" in page
    assert "clip" in MasterFlat.info() and "(default 3.0)" in MasterFlat.info() and "list of RawFlat" in MasterFlat.info()
    assert repr(page) == str(page)
    assert "M13" in repr(RawScience(object="M13").info())[-3000:] and "<RawScience" in RawScience(object="M13").info()


def test_parts_know_their_attributes():
    stat = Imstat(stdev=1)
    assert repr(stat) == "<Imstat median=None adu, stdev=1.0 adu>" and issubclass(Imstat, Part)
    with pytest.raises(UnknownNameError, match="did you mean 'stdev'"):
        Imstat(stdve=1)


def test_classes_are_found_by_name():
    assert class_named("Corrected") is Corrected is class_named("persist_sky:Corrected")
    with pytest.raises(UnknownNameError, match="did you mean 'Corrected'"):
        class_named("Corected")
    define("Coadd", (DBObject,), "another.package")
    with pytest.raises(UnknownNameError, match=r"write the package before it, as in another\.Coadd"):
        class_named("Coadd")
