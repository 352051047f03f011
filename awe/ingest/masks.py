"""A bad-pixel mask comes in: its values become bits, and it is valid for the time it is given."""
from __future__ import annotations

import datetime
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from awe.dataflow import instance as instances
from awe.dataflow.instance import Instance
from awe.errors import FitsError, IngestError, InstrumentError, did_you_mean
from awe.ingest.book import Book
from awe.instruments import Definition, open_fits
from awe.instruments.fitsfile import FitsFile
from awe.persist.insert import insert
from awe.persist.record import FileRow, Record
from awe.persist.types import FOREVER, from_microseconds
from awe.persist.value import value_of
from awe.science.received import mask_bits
from awe.targets.chip import Chip
from awe.targets.flags import BLOCKING
from awe.targets.image import Image
from awe.targets.instrument import Instrument
from awe.targets.raw import RawBiasFrame, RawDomeFlatFrame, RawScienceFrame, RawTwilightFlatFrame
from awe.targets.staticmask import StaticMask

RAWS: tuple[Any, ...] = (RawScienceFrame, RawTwilightFlatFrame, RawDomeFlatFrame, RawBiasFrame)


def ingest_mask(path: Path | str, instrument: str, chip: str | None = None, *, start: datetime.datetime | None = None,
                end: datetime.datetime | None = None, readout_mode: str | None = None) -> list[StaticMask]:
    """Read a bad-pixel mask, and let all frames of its chips and time have it.

    Parameters
    ----------
    path
        a FITS file; its images are of the assembled chip: trimmed, amplifiers side by side.  What its values mean stands in the
        instrument file (``[mask]``); any value but 0 is bad where nothing stands there
    instrument, chip
        names; without a chip each image is of the chip whose name, or ``hdu``, it has, or of the only one there is
    start, end
        UTC, from when and until when it is valid; for ever by default.  Of two that are valid the newer counts
    readout_mode
        that of the raw frames it belongs to; by default the one they have

    Raises
    ------
    IngestError, InstrumentError, FitsError
        For an instrument or chip that is not known, images that are of no chip, raw frames of several readout modes or of another size,
        a time that ends before it begins.
    """
    if start is not None and end is not None and not start < end:
        raise IngestError(f"a mask was to be valid from {start} until {end}; give a time that ends after it begins")
    instance = instances.current()
    book = Book(instance)
    if instrument not in book.instruments:
        raise InstrumentError(f"there is no instrument {instrument!r}{did_you_mean(instrument, list(book.instruments))}")
    camera = book.instruments[instrument]
    made = []
    with open_fits(path) as file:
        for name, hdu in hdus_by_chip(file, camera.definition, chip).items():
            pixels = np.asarray(file.pixels(hdu))
            if pixels.dtype.kind not in "iub":
                raise IngestError(f"{file.name}: HDU {hdu} has pixels of {pixels.dtype}; a mask has whole numbers")
            mode = readout_mode or mode_of(camera, name)
            made.append(mask_of(camera, book.linked(Chip, instrument, name), mode, pixels, file.name))
    for mask in made:
        mask.timestamp_start = from_microseconds(FOREVER[0]) if start is None else start
        mask.timestamp_end = from_microseconds(FOREVER[1]) if end is None else end
        mask.anchor = mask.timestamp_start
    keep(made, instance)
    return made


def hdus_by_chip(file: FitsFile, definition: Definition, chip: str | None) -> dict[str, int]:
    """Which image of a file is of which chip."""
    images, chips = file.images(), definition.chip_names()
    if chip is not None and chip not in chips:
        raise InstrumentError(f"{definition.name} has no chip {chip!r}{did_you_mean(chip, chips)}")
    if not images:
        raise FitsError(f"{file.name}: holds no image, so it is no mask")
    names = {str(one.hdu).casefold(): one.name for one in definition.chips if one.hdu is not None}
    names |= {name.casefold(): name for name in chips}
    found = {names[hdu.name.casefold()]: hdu.index for hdu in images if hdu.name.casefold() in names}
    only = chip or (chips[0] if len(chips) == 1 else None)
    if not found and only is not None and len(images) == 1:
        return {only: images[0].index}
    if chip is not None:
        found = {name: index for name, index in found.items() if name == chip}
    if not found:
        raise IngestError(f"{file.name}: its images ({', '.join(hdu.name or str(hdu.index) for hdu in images)}) are of none of the chips "
                          f"asked for ({chip or ', '.join(chips)}); name the chip, or its image after it")
    return found


def mode_of(camera: Instrument, chip: str) -> str:
    """The readout mode of the raw frames of a chip, where they have one."""
    modes: set[str] = set()
    for cls in RAWS:
        query = (cls.instrument.name == camera.name) & (cls.chip.name == chip) & (cls.is_valid > 0)
        modes |= {str(mode) for (mode,) in query.values("readout_mode")}
    if len(modes) != 1:
        there = ", ".join(sorted(modes)) or "no frame is there"
        raise IngestError(f"raw frames of {camera.name} {chip} have {len(modes)} readout modes ({there}); say which one the mask is for")
    return modes.pop()


def mask_of(camera: Instrument, chip: Chip, mode: str, pixels: Any, name: str) -> StaticMask:
    """One mask as an object, not yet written down."""
    rule = camera.definition.masks
    bits = mask_bits(pixels, dict(rule.meaning), rule.by)
    raw = next(iter((RawScienceFrame.instrument.name == camera.name) & (RawScienceFrame.chip.name == chip.name)
                    & (RawScienceFrame.readout_mode == mode) & (RawScienceFrame.is_valid > 0)), None)
    size = bits.shape if raw is None or raw.origin else raw.assembled("none").data.shape
    if bits.shape != size:
        raise IngestError(f"{name}: {'x'.join(map(str, bits.shape[::-1]))} pixels for {chip.name}, which assembled has "
                          f"{'x'.join(map(str, size[::-1]))}; trim it as the frames are")
    made = StaticMask(instrument=camera, chip=chip, readout_mode=mode, count=int(np.count_nonzero(bits)),
                      fraction=float(np.mean(bits != 0)), bits=StaticMask.names(bits), original_name=name)
    made.__dict__["_bits"] = bits
    return made


def keep(made: list[StaticMask], instance: Instance) -> None:
    """Store masks and write them down, in one transaction."""
    records, pinned = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number, mask in enumerate(made):
            path = Path(folder) / f"{number}.fits"
            Image(mask.__dict__.pop("_bits")).write(path)
            sha, size = instance.store.put(path), path.stat().st_size
            pinned.append(sha)
            file = FileRow("mask", ".fits", sha, size, mask.global_name("mask", ".fits"))
            records.append(Record(mask, files=[file], value=value_of(mask, {"mask": sha}), blocking=BLOCKING))
    try:
        insert(records)
    finally:
        instance.store.unpin(pinned)
