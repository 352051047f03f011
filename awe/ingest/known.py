"""What is there already of the files that are to be ingested: the same file, or another one of the same exposure."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.dataflow.files import with_files
from awe.dataflow.instance import Instance
from awe.errors import IngestError
from awe.instruments import open_fits
from awe.persist.record import Record
from awe.science.assemble import assemble
from awe.targets.flags import Flag
from awe.targets.raw import (
    RawBiasFrame,
    RawDarkFrame,
    RawDomeFlatFrame,
    RawFrame,
    RawScienceFrame,
    RawTwilightFlatFrame,
)

CLASSES: dict[str, type[RawFrame]] = {"bias": RawBiasFrame, "dark": RawDarkFrame, "domeflat": RawDomeFlatFrame,
                                      "twilightflat": RawTwilightFlatFrame, "science": RawScienceFrame}

Key = tuple[str, str, str]


class Known:
    """The raw frames that are there of some files, and those of the same chips and exposures that came in other files."""

    def __init__(self, instance: Instance, found: Sequence[dict[str, Any]]) -> None:
        there = with_files(instance, [each["sha256"] for each in found])
        self._of_file = {sha: [one for one in objects if isinstance(one, RawFrame)] for sha, objects in there.items()}
        self._of_exposure: dict[Key, list[RawFrame]] = defaultdict(list)
        self._pending: dict[str, str] = {}
        names = sorted({one["exposure"] for each in found for one in each["chips"]})
        for cls in CLASSES.values():
            for raw in (cls.exposure.in_(names) & (cls.is_valid > 0)) if names else ():
                self._of_exposure[key_of(raw)].append(raw)

    def add(self, path: str, sha256: str, records: Iterable[Record]) -> None:
        """Note what is about to be committed."""
        for raw in [record.obj for record in records if isinstance(record.obj, RawFrame)]:
            self._pending[raw.object_id] = path
            self._of_file.setdefault(sha256, []).append(raw)
            self._of_exposure[key_of(raw)].append(raw)

    def is_pending(self, raw: RawFrame) -> bool:
        """Whether a frame is of this ingest, and not committed yet."""
        return raw.object_id in self._pending

    def of_file(self, sha256: str) -> dict[str, RawFrame]:
        """What a file was taken for, by chip: the newest that is valid, else the newest."""
        return {one.chip.name: one for one in sorted(self._of_file.get(sha256, []), key=self._rank)}

    def _rank(self, raw: RawFrame) -> tuple[bool, bool, float]:
        if self.is_pending(raw):
            return True, True, 0.0
        return False, raw.is_valid > 0, raw.creation_date.timestamp()

    def ids_of_file(self, sha256: str) -> set[str]:
        """The identities of all that a file was taken for, ever."""
        return {one.object_id for one in self._of_file.get(sha256, [])}

    def valid_of_file(self, sha256: str) -> list[RawFrame]:
        """All that a file was taken for, that is committed and valid."""
        return [one for one in self._of_file.get(sha256, []) if not self.is_pending(one) and one.is_valid > 0]

    def others(self, key: Key, sha256: str) -> list[RawFrame]:
        """The valid frames of a chip of an exposure that came in other files."""
        mine = self.ids_of_file(sha256)
        return [one for one in self._of_exposure.get(key, []) if one.object_id not in mine]

    def pixels(self, raw: RawFrame) -> NDArray[np.float32]:
        """The pixels of a frame that is there or about to be."""
        path = self._pending.get(raw.object_id)
        return raw.assembled("none").data if path is None else pixels_in(path, raw.amplifier_list)


def key_of(raw: RawFrame) -> Key:
    """What a raw frame is a frame of."""
    return raw.instrument.name, raw.chip.name, raw.exposure


def pixels_in(path: str, amplifiers: list[dict[str, Any]]) -> NDArray[np.float32]:
    """The pixels of a chip in a file that was looked at."""
    with open_fits(path, checksum="ignore") as file:
        return assemble({index: file.pixels(index) for index in {one["hdu"] for one in amplifiers}}, amplifiers, "none").data


def says_the_same(raw: RawFrame, other: RawFrame) -> bool:
    """Whether two translations agree in all that selection and making look at, the file aside."""
    if type(raw) is not type(other) or key_of(raw) != key_of(other):
        return False
    glass, theirs = getattr(raw, "filter", None), getattr(other, "filter", None)
    return ((raw.readout_mode, raw.date_obs, raw.exptime) == (other.readout_mode, other.date_obs, other.exptime)
            and getattr(raw, "object", None) == getattr(other, "object", None)
            and (glass.name if glass else None) == (theirs.name if theirs else None)
            and (raw.quality_flags or 0) & Flag.MISLABELLED == (other.quality_flags or 0) & Flag.MISLABELLED)


def is_copy(raw: RawFrame, path: str, other: RawFrame, known: Known) -> bool:
    """Whether a file holds the exposure that is known already, only packed otherwise: the same translation, the same pixels."""
    return says_the_same(raw, other) and np.array_equal(pixels_in(path, raw.amplifier_list), known.pixels(other), equal_nan=True)


def conflict(raw: RawFrame, other: RawFrame) -> IngestError:
    """Two files of different content claim to be one exposure."""
    return IngestError(f"exposure {raw.exposure} of chip {raw.chip.name} is there already, from {other.original_name} "
                       f"({other.object_id[:8]}), with other content; leave one of them out, give the exposures names that differ "
                       "(exposure under [header]), or let this one take its place with --again")
