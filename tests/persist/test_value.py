import math

from hypothesis import given
from hypothesis import strategies as st
from persist_sky import Chip, Filter, Imstat, MasterFlat, RawScience, Reduced

from awe.persist.selector import selector
from awe.persist.value import keys_of, value_of


def flat(**given) -> MasterFlat:
    return MasterFlat(**{"chip": Chip(name="ccd50"), "filter": Filter(name="r"), "imstat": Imstat(stdev=1.0), **given})


def test_what_counts_for_the_value():
    same = value_of(flat())
    assert len(same) == 16
    assert value_of(flat(clip=9.0)) == value_of(flat(filename="other")) == value_of(flat(is_valid=0, privileges=1)) == same
    assert value_of(flat(chip=Chip(name="ccd50", gain=3.0))) == same
    different = [value_of(flat(chip=Chip(name="ccd51"))), value_of(flat(imstat=Imstat(stdev=2.0))), value_of(flat(imstat=None)),
                 value_of(flat(), {"image": "ab"}), value_of(flat(), {"weight": "ab"}), value_of(flat(imstat=Imstat(stdev=math.nan)))]
    assert len({same, *different}) == 7
    assert value_of(flat(imstat=Imstat(stdev=math.nan))) == value_of(flat(imstat=Imstat(stdev=float("nan"))))


def test_keys_count_links_by_name():
    raw = RawScience(chip=Chip(name="a"), filter=Filter(name="b"), exposure=3, object="M13")
    assert keys_of(raw) == {"chip": "a", "filter": "b", "exposure": 3}
    assert keys_of(Reduced(exposure=1)) == {"chip": None, "filter": None, "exposure": 1}


@given(st.floats(), st.floats())
def test_equal_floats_have_equal_values(a, b):
    equal = value_of(flat(imstat=Imstat(stdev=a))) == value_of(flat(imstat=Imstat(stdev=b)))
    assert equal == (repr(a) == repr(b))


@given(st.dictionaries(st.sampled_from("abc"), st.integers() | st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_the_order_of_keys_does_not_matter(keys):
    names, values = list(keys), list(keys.values())
    assert selector("p:C", names, values) == selector("p:C", names[::-1], values[::-1])
