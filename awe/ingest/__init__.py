"""How data come in: instrument files, raw frames, frames reduced elsewhere, reference catalogues."""
from awe.ingest.catalogue import ingest_catalogue
from awe.ingest.frames import ingest
from awe.ingest.instrument import add_instrument
from awe.ingest.report import Ingested, IngestReport

__all__ = ["IngestReport", "Ingested", "add_instrument", "ingest", "ingest_catalogue"]
