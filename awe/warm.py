"""`python -m awe.warm`: compile the kernels now, and say so, so that no first run waits for it in its middle.

What they are compiled for is found by using them: every target class is asked for all of its objects, on a small observing run that is
simulated, made and thrown away. Kernels of a new target are compiled with the others.
"""
from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from pathlib import Path

from awe.cli.instance import make_instance
from awe.config import Config
from awe.connection import connect
from awe.dataflow.planner import Planner
from awe.dataflow.registry import load_targets, target_classes
from awe.dataflow.target import ProcessTarget
from awe.errors import AweError, NotFoundError
from awe.ingest import add_instrument, ingest, ingest_catalogue
from awe.science.compiling import leave_over, left_over, missing
from awe.simulate import RunConfig, simulate_run

#: One seed: what is compiled does not depend on it.
SEED = 1


def main() -> int:
    """Compile what is missing."""
    wanted = missing()
    if set(wanted) <= set(left_over()):
        return 0
    if importlib.util.find_spec("galsim") is None:
        print(f"{len(wanted)} kernels are compiled when they are first used; with awe[simulate] this does it beforehand", file=sys.stderr)
        return 0
    print(f"compiling {len(wanted)} kernels, once for this version of awe; it takes about a minute", file=sys.stderr)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="awe-warm-") as folder:
        use_everything(Path(folder))
    left = missing()
    leave_over(left)
    print(f"compiled in {time.monotonic() - start:.0f} s; {len(left)} more are compiled when they are first used", file=sys.stderr)
    return 0


def use_everything(folder: Path) -> None:
    """Make all there is to make of a small run, in this process; what cannot be made of it is left."""
    run = simulate_run(folder / "run", SEED, RunConfig.small())
    make_instance(Config(home=folder / "instance"))
    instance = connect(folder / "instance")
    try:
        camera = add_instrument(run.instrument)
        ingest(run.raw_files, commit=True)
        ingest_catalogue(run.reference, mapping=run.reference_mapping, use_for=camera.instrument.name)
        load_targets()
        planner = Planner()
        for cls in target_classes():
            if issubclass(cls, ProcessTarget):
                use(planner, cls)
    finally:
        instance.close()


def use(planner: Planner, cls: type[ProcessTarget]) -> None:
    """Make all objects of a class; where that cannot be, its kernels are compiled when they are first used, and it is told."""
    try:
        planner.carry_out(planner.plan(cls.requests()))
    except NotFoundError:  # the run has no raw data of this kind
        return
    except AweError as error:
        print(f"{cls.__name__} is left out: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
