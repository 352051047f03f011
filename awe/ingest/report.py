"""What became of each file that was to be ingested."""
from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

INGESTED, WOULD_BE, KNOWN, REJECTED, SKIPPED = "ingested", "would be ingested", "known", "rejected", "skipped"


@dataclass
class Ingested:
    """One file: its state, what it is, why it is taken for that, what is odd about it, and the objects made of it.

    Those of the `warnings` that somebody should look at are `problems` too: a chip that is missing or was refused, pixels that
    speak against the label.
    """

    path: str
    state: str
    what: str = ""
    why: str = ""
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    object_ids: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        odd = "".join(f"\n    ! {warning}" for warning in self.warnings)
        return f"{self.state:>17}  {self.path}: {self.what or '-'}{f' ({self.why})' if self.why else ''}{odd}"


@dataclass
class IngestReport:
    """All files, in the order they were given."""

    rows: list[Ingested] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many files are in each state."""
        return dict(Counter(row.state for row in self.rows))

    @property
    def rejected(self) -> list[Ingested]:
        """The files that were refused."""
        return [row for row in self.rows if row.state == REJECTED]

    @property
    def doubtful(self) -> list[Ingested]:
        """The files that were taken, though not whole, or with a flag."""
        return [row for row in self.rows if row.problems and row.state != REJECTED]

    def summary(self, *, committed: bool) -> str:
        """What somebody should know of the files that were refused or are doubtful, in one line; empty where all are well."""
        rejected, doubtful = self.rejected, self.doubtful
        told = [f"{len(rejected)} of {len(self.rows)} files rejected"] if rejected else []
        told += [f"{len(doubtful)} of {len(self.rows)} files with problems"] if doubtful else []
        if not told:
            return ""
        reason = rejected[0].why if rejected else f"{doubtful[0].path}: {doubtful[0].problems[0]}"
        return f"{', '.join(told)}, the rest {'done' if committed else 'can be ingested'}; {reason}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for programs."""
        return {"counts": self.counts(), "files": [dataclasses.asdict(row) for row in self.rows]}

    def __str__(self) -> str:
        return "\n".join([*map(str, self.rows), ", ".join(f"{count} {state}" for state, count in self.counts().items())])
