"""The page about the settings of an instance."""
from __future__ import annotations

import dataclasses
import inspect

from awe.config import FILE_NAME, Config, toml_value
from awe.reference.markdown import code, page, sections, table

INTRODUCTION = f"""`AWE_HOME` points at an instance, a directory that holds `{FILE_NAME}`. A setting is looked up in that file, then in the
environment, where it stands in capitals after `AWE_`. `AWE_DEBUG` shows the traceback of every error; `AWE_REAL_DATA` tells the tests where
real observations are."""


def settings() -> str:
    """Every setting."""
    meanings = sections(inspect.getdoc(Config) or "")
    rows = [(code(field.name), code(f"AWE_{field.name.upper()}"), type(field.default).__name__, code(toml_value(field.default)),
             meanings[field.name]) for field in dataclasses.fields(Config) if field.name != "home"]
    return page("Settings", INTRODUCTION, table(["setting", "environment", "type", "default", "meaning"], rows))
