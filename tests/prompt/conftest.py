from tests.cli.conftest import awe, home, ingested, run  # noqa: F401 - fixtures
