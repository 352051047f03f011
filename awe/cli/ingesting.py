"""`awe ingest`, `awe ingest-catalog` and `awe fetch-catalog`: data come in."""
from __future__ import annotations

import datetime
import sys
from argparse import Namespace
from pathlib import Path

from awe.catalogues.fetch import fetch
from awe.cli.opened import opened
from awe.cli.output import print_json
from awe.cli.progress import progress_bar
from awe.face.words import in_type
from awe.ingest import ingest as ingest_files
from awe.ingest import ingest_catalogue
from awe.ingest.masks import ingest_mask as ingest_masks
from awe.targets.referencecatalogue import ReferenceCatalogue


def ingest(options: Namespace) -> int:
    """Say what each file is and why; write it with ``--commit``."""
    with opened(options), progress_bar("looking at files") as show:
        report = ingest_files(options.paths, commit=options.commit, again=options.again, workers=options.workers,
                              progress=lambda done, total: show(done, total, ""))
    if options.json:
        print_json(report.as_dict())
    else:
        print(report)
        if not options.commit and report.counts().get("would be ingested"):
            print("nothing was written; --commit writes")
    summary = report.summary(committed=options.commit)
    if summary:
        print(f"awe: {summary}", file=sys.stderr)
    return 2 if summary else 0


def ingest_catalog(options: Namespace) -> int:
    """Store a reference catalogue."""
    with opened(options):
        paths = [Path(path) for path in options.paths]
        mapping = Path(options.mapping) if options.mapping else None
        tell(ingest_catalogue(paths, options.name, mapping, use_for=options.use_for), options)
    return 0


def fetch_catalog(options: Namespace) -> int:
    """Fetch a cone of a survey, and store it as a reference catalogue."""
    with opened(options) as instance:
        path = fetch(options.survey, options.ra, options.dec, options.radius, instance.config.home / "catalogues")
        tell(ingest_catalogue([path], options.name or path.stem, None, use_for=options.use_for), options)
    return 0


def ingest_mask(options: Namespace) -> int:
    """Store bad-pixel masks."""
    with opened(options):
        start, end = (utc(word, text) for word, text in (("from", options.start), ("until", options.end)))
        given = {"start": start, "end": end, "readout_mode": options.readout_mode}
        found = [mask for path in options.paths for mask in ingest_masks(Path(path), options.instrument, options.chip, **given)]
        rows = [{"object_id": one.object_id, "chip": one.chip.name, "readout_mode": one.readout_mode, "count": one.count,
                 "fraction": one.fraction, "bits": one.bits} for one in found]
    if options.json:
        print_json(rows)
    else:
        print("\n".join(f"{row['chip']}: {row['count']} pixels ({row['bits'] or 'none'}), {str(row['object_id'])[:8]}" for row in rows))
    return 0


def utc(word: str, text: str | None) -> datetime.datetime | None:
    """A moment that was typed."""
    if text is None:
        return None
    found: datetime.datetime = in_type(word, text, datetime.datetime)
    return found.replace(tzinfo=datetime.UTC) if found.tzinfo is None else found.astimezone(datetime.UTC)


def tell(found: ReferenceCatalogue, options: Namespace) -> None:
    """Say what came in, and what was guessed."""
    notes = [note for note in (found.notes or "").split("; ") if note]
    if options.json:
        print_json({"object_id": found.object_id, "name": found.name, "version": found.version, "n_sources": found.n_sources,
                    "notes": notes})
    else:
        print("\n".join([f"{found.name}: {found.n_sources} sources, {found.object_id[:8]}", *(f"    ! {note}" for note in notes)]))
