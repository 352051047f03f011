"""What an instrument file makes of real files: the report behind ``awe instrument check``."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from awe.errors import IngestError
from awe.instruments.definition import Definition
from awe.instruments.fitsfile import FitsFile
from awe.instruments.identify import identify
from awe.instruments.reduced import describe_reduced, is_reduced
from awe.instruments.translate import translate

REDUCED = "reduced"
REFUSED = "refused"


@dataclass(frozen=True)
class Checked:
    """One file: what it is (`purpose`, ``reduced`` or ``refused``), why, and what is wrong with it."""

    path: str
    purpose: str
    why: str
    lines: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        body = [f"    {line}" for line in self.lines] + [f"    ! {problem}" for problem in self.problems]
        return "\n".join([f"{Path(self.path).name}: {self.why}", *body])


@dataclass
class CheckReport:
    """All files that were tried."""

    instrument: str
    files: list[Checked] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """Number of files by what they are."""
        return dict(Counter(checked.purpose for checked in self.files))

    @property
    def is_clean(self) -> bool:
        """Whether no file was refused and none has problems."""
        return not any(checked.problems or checked.purpose == REFUSED for checked in self.files)

    def __str__(self) -> str:
        total = ", ".join(f"{count} {purpose}" for purpose, count in self.counts.items()) or "no files"
        return "\n".join([*map(str, self.files), f"{self.instrument}: {total}"])


def check(definition: Definition, files: Iterable[str | Path]) -> CheckReport:
    """Try an instrument file on real files; each refusal is in the report with its reason."""
    report = CheckReport(definition.name)
    for path in files:
        report.files.append(_check(definition, Path(path)))
    return report


def _check(definition: Definition, path: Path) -> Checked:
    try:
        with FitsFile(path, checksum=definition.checksum) as file:
            mismatch = _mismatch(definition, file)
            if is_reduced(file, definition):
                found = describe_reduced(file, definition)
                lines = tuple(f"{r.chip} {r.filter} {r.exptime:g} s, {r.shape[1]}x{r.shape[0]}, "
                              f"{r.date_obs:%Y-%m-%d %H:%M:%S} "
                              f"{r.object or ''}".rstrip() for r in found)
                problems = tuple(dict.fromkeys(w for r in found for w in r.warnings))
                return Checked(str(path), REDUCED, found[0].why, lines, mismatch + problems)
            translation = translate(file, definition)
            file.verify()
    except IngestError as error:
        return Checked(str(path), REFUSED, f"refused: {error}")
    lines = tuple(f"{r.chip} {r.readout_mode} {r.filter or '-'} {r.exptime:g} s, {r.shape[1]}x{r.shape[0]}, "
                  f"{len(r.amplifiers)} amplifier{'s' if len(r.amplifiers) > 1 else ''}, "
                  f"{r.date_obs:%Y-%m-%d %H:%M:%S} "
                  f"{r.object or ''}".rstrip() for r in translation)
    warnings = dict.fromkeys(w for r in translation for w in r.warnings)
    return Checked(str(path), translation.purpose, translation.why, lines, mismatch + tuple(translation.problems)
                   + tuple(warnings))


def _mismatch(definition: Definition, file: FitsFile) -> tuple[str, ...]:
    """Say where the file is read by this camera but would not be found to be of it."""
    if not definition.match:
        return ("the instrument file has no [match], so files are not found to be of this camera",)
    try:
        identify(file, [definition])
    except ValueError as error:
        return (str(error),)
    return ()
