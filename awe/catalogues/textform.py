"""What a text file of a table looks like: delimiter, names of the columns, rows."""
from __future__ import annotations

import re
from dataclasses import dataclass

from awe.errors import CatalogueError

_SEXTRACTOR = re.compile(r"#\s*1\s+[A-Z]\w*(\s|$)")
_IRAF_FIELD = re.compile(r"#\s+(?P<name>\w+)\s+(?P<place>\d+)\s+\d+\s+[a-z]\s")


@dataclass(frozen=True)
class TextForm:
    """How to read a text table: rows without their header, or a form with a reader of its own."""

    name: str
    lines: list[str]
    columns: list[str]
    delimiter: str = " "
    own_reader: str = ""


def recognise(text: str, where: str) -> TextForm:
    """Return the form of a text table; `where` is the file that errors name."""
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("# %ECSV"):
        return TextForm("ECSV", lines, [], own_reader="ecsv")
    if first.startswith(("\\", "|")):
        return TextForm("IPAC", lines, [], own_reader="ipac")
    if _SEXTRACTOR.match(first):
        return TextForm("SExtractor", lines, [], own_reader="sextractor")
    comments = [line for line in lines if line.lstrip().startswith("#")]
    rows = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not rows:
        raise CatalogueError(f"{where}: a text file without rows")
    delimiter, name = _delimiter(rows)
    width = len(_split(rows[0], delimiter))
    if any("BEGIN CATALOG HEADER" in line for line in comments):
        return TextForm("IRAF catalogue", rows, _iraf_names(comments, max(len(_split(r, delimiter)) for r in rows)), delimiter)
    if _is_header(_split(rows[0], delimiter), rows, delimiter):
        if len(rows) == 1:
            raise CatalogueError(f"{where}: a text table without rows, only a header")
        return TextForm(name, rows[1:], _unique(_split(rows[0], delimiter), where), delimiter)
    for comment in reversed(comments):
        names = _split(comment.lstrip("# \t"), delimiter)
        if len(names) == width and all(re.match(r"[A-Za-z_]", n) for n in names):
            return TextForm(name, rows, _unique(names, where), delimiter)
    return TextForm(name, rows, [f"col{i}" for i in range(1, width + 1)], delimiter)


def _delimiter(rows: list[str]) -> tuple[str, str]:
    """Return the delimiter that splits the first rows alike, and what the form is called."""
    sample = rows[:50]
    for delimiter, name in ((",", "CSV"), ("\t", "TSV"), (";", "CSV with semicolons"), ("|", "text with bars")):
        counts = {row.count(delimiter) for row in sample}
        if min(counts) > 0 and (len(counts) == 1 or '"' in sample[0] or any('"' in row for row in sample)):
            return delimiter, name
    return (",", "CSV") if sample[0].count(",") else (" ", "text")


def _split(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    return [field.strip().strip('"') for field in line.split(delimiter)]


def _is_header(fields: list[str], rows: list[str], delimiter: str) -> bool:
    """A first row without any number, above rows that have some, is a header."""
    if any(_is_number(field) for field in fields):
        return False
    return len(rows) == 1 or any(_is_number(field) for row in rows[1:20] for field in _split(row, delimiter))


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return field.lower() not in ("nan", "inf", "-inf", "infinity")


def _iraf_names(comments: list[str], width: int) -> list[str]:
    """Return the names in a catalogue header of IRAF (name, place, offset, type, unit, format)."""
    names = [f"col{i}" for i in range(1, width + 1)]
    for comment in comments:
        found = _IRAF_FIELD.match(comment)
        if found and int(found["place"]) <= width:
            names[int(found["place"]) - 1] = found["name"]
    return names


def _unique(names: list[str], where: str) -> list[str]:
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise CatalogueError(f"{where}: columns named twice: {', '.join(double[:5])}; name them apart")
    return [name or f"col{i}" for i, name in enumerate(names, start=1)]
