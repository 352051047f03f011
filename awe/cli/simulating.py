"""`awe simulate`: an observing run whose truth is known."""
from __future__ import annotations

import dataclasses
import datetime
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from awe.cli.output import print_json
from awe.cli.progress import progress_bar
from awe.errors import ConfigError, did_you_mean
from awe.face.words import split
from awe.simulate import RunConfig, simulate_run


def simulate(options: Namespace) -> int:
    """Write raw frames, an instrument file, a reference catalogue and the truth."""
    changes = settings(options.set)
    config = RunConfig.small(**changes) if options.small else RunConfig(**changes)
    with progress_bar("simulating") as tell:
        run = simulate_run(Path(options.directory), options.seed, config, tell)
    if options.json:
        print_json({"directory": str(run.directory), "seed": run.seed, "raw_files": [str(path) for path in run.raw_files],
                    "instrument": str(run.instrument), "reference": str(run.reference), "mapping": str(run.reference_mapping)})
    else:
        print(f"seed {run.seed}: {len(run.raw_files)} raw files in {run.directory / 'raw'}, camera {run.instrument}, "
              f"reference catalogue {run.reference} with {run.reference_mapping}")
    return 0


def settings(words: Iterable[str]) -> dict[str, Any]:
    """Settings of the run, in the types of their defaults."""
    known = {field.name: getattr(RunConfig(), field.name) for field in dataclasses.fields(RunConfig)}
    found: dict[str, Any] = {}
    for word in words:
        name, text = split(word, "NAME=VALUE, as in exposures=3")
        if name not in known:
            raise ConfigError(f"{name!r} is no setting of a simulated run{did_you_mean(name, known, listed=40)}")
        found[name] = converted(name, text, known[name])
    return found


def converted(name: str, text: str, default: Any) -> Any:
    """One setting in its type; several values are separated by commas."""
    try:
        if name == "filters":
            return tuple(text.split(","))
        if name == "field":
            return tuple(float(part) for part in text.split(","))
        return datetime.date.fromisoformat(text) if isinstance(default, datetime.date) else type(default)(text)
    except ValueError:
        raise ConfigError(f"{name}={text}: that is no value like {default!r}") from None
