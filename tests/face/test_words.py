"""What is typed gets the type that the declarations say, or a sentence."""
from __future__ import annotations

import datetime

import pytest

from awe.errors import QueryError, UnknownNameError
from awe.face.words import in_type, keys_given, parameters_given, target_named
from awe.targets import MasterBias, ReducedScienceFrame


def test_keys_are_of_the_type_that_the_raw_data_declare() -> None:
    found = keys_given(ReducedScienceFrame, ["chip=ccd50", "exptime=60", "date=2003-02-14", "object=M 13"])
    assert found == {"chip": "ccd50", "exptime": 60.0, "date": "2003-02-14", "object": "M 13"}


def test_parameters_are_of_the_type_of_their_defaults() -> None:
    found = parameters_given(["MasterBias.sigma_clip=5", "ReducedScienceFrame.cosmic_rays=no", "ReducedScienceFrame.star_fwhm=3"])
    assert found == {"MasterBias": {"sigma_clip": 5.0}, "ReducedScienceFrame": {"cosmic_rays": False, "star_fwhm": 3.0}}


@pytest.mark.parametrize(("text", "wanted", "value"), [
    ("1e3", float, 1000.0), ("7", int, 7), ("TRUE", bool, True), ("0", bool, False), ("x=y", str, "x=y"),
    ("2003-02-14T03:12", datetime.datetime, datetime.datetime(2003, 2, 14, 3, 12)),
])
def test_types(text: str, wanted: type, value: object) -> None:
    assert in_type("name", text, wanted) == value


@pytest.mark.parametrize(("text", "wanted"), [("1.5", int), ("maybe", bool), ("long", float), ("soon", datetime.datetime)])
def test_what_is_of_no_such_type(text: str, wanted: type) -> None:
    with pytest.raises(QueryError, match=f"name={text} was given, but a {wanted.__name__}"):
        in_type("name", text, wanted)


def test_classes_have_near_names() -> None:
    assert target_named("MasterBias") is MasterBias
    with pytest.raises(UnknownNameError, match="MasterBias"):
        target_named("masterbias")
    with pytest.raises(UnknownNameError, match="is no class of targets"):
        target_named("Chip")
