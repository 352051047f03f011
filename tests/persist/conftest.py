"""An open database of each kind per module."""
import pathlib
import sys
from collections.abc import Iterator

import pytest

from awe.persist.session import Database, connect

#: A package of its own for the classes of these tests, as a user's would be: their tables are named after it.
sys.path.insert(0, str(pathlib.Path(__file__).parent / "packages"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database with all tables; what the tests of a module write stays until its end."""
    opened = connect(database_url, user="ann", project="sky", create=True)
    yield opened
    opened.close()
