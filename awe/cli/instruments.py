"""`awe instrument`: cameras come in as files."""
from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from awe.cli.opened import opened
from awe.cli.output import as_table, print_json
from awe.errors import MissingFileError
from awe.ingest.book import newest_instruments
from awe.ingest.instrument import add_instrument, shipped_path
from awe.ingest.listing import listed
from awe.instruments import check as check_files
from awe.instruments import load, shipped
from awe.targets import Chip, Filter


def add(options: Namespace) -> int:
    """Commit an instrument with its chips and filters."""
    with opened(options):
        added = add_instrument(options.file)
    if options.json:
        print_json(added.as_dict())
    else:
        print(f"{added.instrument.name}: {counted(added.new)} new, {counted(added.known)} as they were")
    return 0


def counted(labels: Iterable[str]) -> str:
    """How many of each class, from labels such as ``Chip ccd50``."""
    counts = Counter(label.split(" ", 1)[0] for label in labels)
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def listing(options: Namespace) -> int:
    """List the cameras of this instance, and those that come with awe."""
    with opened(options):
        rows = [known(one) for one in newest_instruments()]
    there = {row["name"] for row in rows}
    others = [name for name in sorted(shipped()) if name not in there]
    if options.json:
        print_json({"known": rows, "shipped": others})
        return 0
    if rows:
        print(as_table(list(rows[0]), [list(row.values()) for row in rows]))
    print(f"come with awe, for `awe instrument add`: {', '.join(others)}")
    return 0


def known(instrument: Any) -> dict[str, Any]:
    """What there is to say about a camera in one line."""
    chips, filters = (len((cls.instrument.name == instrument.name) & (cls.is_valid > 0)) for cls in (Chip, Filter))
    return {"name": instrument.name, "version": instrument.version, "telescope": instrument.telescope, "chips": chips, "filters": filters,
            "since": instrument.creation_date}


def check(options: Namespace) -> int:
    """Read an instrument file, and say what it makes of real files."""
    definition = load(Path(options.file) if Path(options.file).exists() else shipped_path(options.file))
    missing = [path for path in options.paths if not Path(path).exists()]
    if missing:
        raise MissingFileError(f"{missing[0]}: there is no such file or folder; name some FITS files to try {definition.name} on")
    report = check_files(definition, listed(options.paths))
    if options.json:
        files = [{"path": one.path, "purpose": one.purpose, "why": one.why, "lines": one.lines, "problems": one.problems}
                 for one in report.files]
        print_json({"instrument": report.instrument, "counts": report.counts, "is_clean": report.is_clean, "files": files})
    else:
        print(report if options.paths else f"{definition.name}: the file is right; name some FITS files to try it on")
    return 0 if report.is_clean else 1
