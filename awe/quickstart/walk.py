"""The steps of the quickstart, each told as it is done."""
from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awe.cli.instance import make_instance
from awe.cli.output import as_table
from awe.cli.progress import of_targets, progress_bar
from awe.config import Config
from awe.connection import connect
from awe.dataflow.instance import Instance
from awe.dataflow.planner import Planner
from awe.face import lineage_tree, plan_tree
from awe.ingest import add_instrument, ingest, ingest_catalogue
from awe.quickstart.truth import Verdict, compare
from awe.science.compiling import told
from awe.science.preview import preview
from awe.simulate import Run, RunConfig, simulate_run
from awe.targets import CoaddFrame, SourceList


@dataclass
class Walk:
    """One walk: where it is made, with which seed, by how many processes."""

    directory: Path
    seed: int | None = None
    workers: int = 0
    config: RunConfig | None = None

    def __call__(self) -> Verdict:
        """Do all steps; return the comparison with the truth."""
        start = time.monotonic()
        run = self.simulated()
        instance = self.instance()
        try:
            self.ingested(run)
            coadd, sources = self.made(run)
            verdict = self.judged(run, coadd, sources)
            self.shown(coadd)
        finally:
            instance.close()
        print(f"\ndone in {time.monotonic() - start:.0f} s; go on with\n  export AWE_HOME={self.home}\n  awe")
        return verdict

    @property
    def home(self) -> Path:
        """The instance."""
        return (self.directory / "instance").absolute()

    def simulated(self) -> Run:
        """Simulate an observing run with a new seed."""
        said("simulating an observing run whose truth is known")
        with progress_bar("simulating") as tell:
            run = simulate_run(self.directory / "run", self.seed, self.config, tell)
        print(f"seed {run.seed}: {len(run.raw_files)} raw files of {', '.join(run.truth_detectors)} in {run.directory / 'raw'}")
        return run

    def instance(self) -> Instance:
        """Make an instance with an embedded database and a local file store."""
        said("making an instance: awe init")
        make_instance(Config(home=self.home, workers=self.workers))
        print(f"SQLite database and file store in {self.home}")
        return connect(self.home)

    def ingested(self, run: Run) -> None:
        """Bring in the camera, the raw frames and the reference catalogue."""
        said("bringing in the camera, the raw frames and a reference catalogue: awe instrument add, ingest, ingest-catalog")
        camera = add_instrument(run.instrument)
        print(camera)
        with progress_bar("ingesting") as tell:
            report = ingest(run.raw_files, commit=True, workers=self.workers, progress=lambda done, total: tell(done, total, ""))
        print(", ".join(f"{count} {state}" for state, count in report.counts().items()))
        catalogue = ingest_catalogue(run.reference, mapping=run.reference_mapping, use_for=camera.instrument.name)
        print(f"{catalogue.name}: {catalogue.n_sources} sources")

    def made(self, run: Run) -> tuple[CoaddFrame, SourceList]:
        """Ask for the sources of one field, and so for everything beneath them."""
        field, band = run.config.field_name, run.config.filters[0]
        said(f"asking for one SourceList, and so for its CoaddFrame: SourceList.plan(object={field!r}, filter={band!r})")
        planner = Planner()
        plan = planner.plan([SourceList.request(object=field, filter=band)])
        print(plan_tree(plan))
        said("making what is missing")
        with progress_bar(told("making")) as tell:
            report = planner.carry_out(plan, workers=self.workers, progress=of_targets(tell))
        sources: SourceList = planner.object_of(plan.tops[0], report)
        print("\n".join([str(report), *(f"  {node.name}: {why}" for node, why in (report.failed | report.held).items())]))
        said("asking again makes nothing")
        print(SourceList.plan(object=field, filter=band).summary())
        print(f"{sources!r}: {sources.n_sources} sources, limiting magnitude {sources.limiting_magnitude:.2f}")
        said("lineage: what the sources were made from, down to the raw data")
        print(lineage_tree(sources))
        return sources.frame, sources

    def judged(self, run: Run, coadd: CoaddFrame, sources: SourceList) -> Verdict:
        """Compare with the truth."""
        frames = [member.reduced for member in coadd.frames]
        verdict = compare(run, coadd, sources, frames)
        said(f"comparison with the truth: {verdict.n_stars} unsaturated stars of SNR > 100 ({verdict.n_blended} left out as blended), "
             f"pixels of {verdict.n_frames} frames")
        print(table_of(verdict))
        return verdict

    def shown(self, coadd: CoaddFrame) -> Path:
        """Draw the coadd."""
        path = self.directory / "coadd.png"
        path.write_bytes(preview(coadd.image.data, size=1024))
        print(f"\npreview of the coadd: {path.absolute()}")
        return path


def table_of(verdict: Verdict) -> str:
    """The figures with their ranges."""
    rows: list[list[Any]] = [[figure.name, f"{figure.value:.4g}", figure.unit, figure.bar, word(figure.bar, figure.is_good)]
                             for figure in verdict.figures]
    return as_table(["figure", "value", "unit", "should be", ""], rows)


def word(bar: str, is_good: bool) -> str:
    """How a figure is judged."""
    return "" if not bar else "good" if is_good else "MISSED"


def said(text: str) -> None:
    """Say what comes next."""
    print(f"\n--- {text}", flush=True)

