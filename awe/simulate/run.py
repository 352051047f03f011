"""A whole observing run: raw files, instrument file, reference catalogue and truth."""
from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from awe.errors import ConfigError
from awe.simulate import truth
from awe.simulate.camera import Camera, build_camera
from awe.simulate.config import RunConfig
from awe.simulate.definition import instrument_toml
from awe.simulate.detector import build_detector
from awe.simulate.drawing import load_galsim
from awe.simulate.exposure import Exposure
from awe.simulate.frame import ChipSimulator
from awe.simulate.projection import Projection
from awe.simulate.rawfile import write_raw
from awe.simulate.readout import Counts
from awe.simulate.reference import make_reference, reference_toml, write_reference
from awe.simulate.schedule import choose_field, make_schedule, mean_epoch
from awe.simulate.sky import Sources, make_sky
from awe.simulate.streams import Streams

Progress = Callable[[int, int, str], None]
"""Called after each exposure with how many are done, how many there are, and the name of the file."""


@dataclass(frozen=True)
class Run:
    """Where everything of a simulated run lies."""

    directory: Path
    seed: int
    config: RunConfig
    raw_files: tuple[Path, ...]
    instrument: Path
    """The TOML file of the camera."""
    reference: Path
    """The reference catalogue, a FITS table."""
    reference_mapping: Path
    """TOML that declares what the reference catalogue is."""
    truth_sources: Path
    truth_exposures: Path
    truth_reference: Path
    truth_camera: Path
    truth_run: Path
    truth_detectors: dict[str, Path]
    """By chip."""
    truth_pixels: dict[tuple[str, str], Path]
    """By stem of the raw science file and chip."""


def simulate_run(
    directory: Path, seed: int | None = None, config: RunConfig | None = None, progress: Progress | None = None
) -> Run:
    """Simulate an observing run in a new or empty directory.

    The same seed and settings give the same files. Without a seed a new one is drawn; it is in the answer and in
    ``truth/run.json``. Raises `ConfigError` where the directory has files in it, or GalSim is not installed.
    """
    directory = Path(directory)
    config = config or RunConfig()
    load_galsim()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ConfigError(f"simulation into {directory}: it is there and not an empty directory; name another one")
    seed = secrets.randbits(31) if seed is None else seed
    if seed < 0:
        raise ConfigError(f"simulation: the seed is {seed}; give a whole number that is not negative")
    return _Writer(directory, seed, config, progress or (lambda done, total, what: None)).write()


class _Writer:
    """Simulates and writes one run."""

    def __init__(self, directory: Path, seed: int, config: RunConfig, progress: Progress) -> None:
        self.directory, self.seed, self.config, self.progress = directory, seed, config, progress
        self.streams = Streams(seed)
        self.camera: Camera = build_camera(config, self.streams)
        self.field = choose_field(config, self.streams)
        self.exposures = make_schedule(config, self.field, self.streams)
        self.epoch = mean_epoch(self.exposures) if self.exposures else 2000.0
        self.sources: Sources = make_sky(config, self.camera, self.field, self.streams)

    def write(self) -> Run:
        for folder in ("raw", "truth/pixels"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        run = self._run()
        run.instrument.write_text(instrument_toml(self.config, self.camera))
        self._write_reference(run)
        truth.write_sources(run.truth_sources, self.sources, self.epoch)
        truth.write_camera(run.truth_camera, self.camera)
        truth.write_run(run.truth_run, self.config, self.seed, self.epoch, self.field)
        simulators = self._simulators(run)
        seen = []
        for done, (exposure, path) in enumerate(zip(self.exposures, run.raw_files, strict=True), start=1):
            seen.append((exposure, self._expose(exposure, path, simulators, run)))
            self.progress(done, len(self.exposures), path.name)
        truth.write_exposures(run.truth_exposures, seen)
        return run

    def _run(self) -> Run:
        base = self.directory
        science = [exposure.stem for exposure in self.exposures if exposure.kind == "object"]
        chips = [chip.name for chip in self.camera.chips]
        return Run(
            directory=base, seed=self.seed, config=self.config,
            raw_files=tuple(base / "raw" / f"{exposure.stem}.fits" for exposure in self.exposures),
            instrument=base / "simcam.toml", reference=base / "reference.fits",
            reference_mapping=base / "reference.toml",
            truth_sources=base / "truth" / "sources.fits", truth_exposures=base / "truth" / "exposures.json",
            truth_reference=base / "truth" / "reference.fits", truth_camera=base / "truth" / "camera.json",
            truth_run=base / "truth" / "run.json",
            truth_detectors={name: base / "truth" / f"detector.{name}.npz" for name in chips},
            truth_pixels={
                (stem, name): base / "truth" / "pixels" / f"{stem}.{name}.npz" for stem in science for name in chips
            },
        )

    def _write_reference(self, run: Run) -> None:
        rows = make_reference(self.config, self.sources, self.epoch, self.streams)
        write_reference(run.reference, rows)
        run.reference_mapping.write_text(reference_toml(self.config))
        truth.write_reference_truth(run.truth_reference, rows)

    def _simulators(self, run: Run) -> list[ChipSimulator]:
        simulators = []
        for chip in self.camera.chips:
            detector = build_detector(self.config, self.camera, chip, self.streams)
            truth.write_detector(run.truth_detectors[chip.name], detector)
            simulators.append(ChipSimulator(self.config, self.camera, chip, detector, self.sources, self.streams))
        return simulators

    def _expose(
        self, exposure: Exposure, path: Path, simulators: list[ChipSimulator], run: Run
    ) -> dict[str, Projection]:
        """Make one raw file and the truth of its pixels; return where the sky fell on each chip."""
        raws: dict[int, Counts] = {}
        projections = {}
        for simulator in simulators:
            frame = simulator.expose(exposure)
            raws |= frame.raws
            if frame.projection is not None:
                name = simulator.chip.name
                projections[name] = frame.projection
                truth.write_arrays(run.truth_pixels[exposure.stem, name], frame.deviating)
        write_raw(path, self.config, self.camera, exposure, raws)
        return projections
