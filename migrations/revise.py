"""Writes the next version, from what differs between the last one and the classes: ``python migrations/revise.py MESSAGE``."""
import pathlib
import sys
import tempfile

from alembic import command

from awe.persist.schema import config, migrations, upgrade
from awe.persist.session import open_engine


def main(message: str) -> None:
    """Upgrade an empty database to the last version, and write down what is missing."""
    number = 1 + max((int(path.name[:4]) for path in (migrations() / "versions").glob("[0-9]*.py")), default=0)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{pathlib.Path(folder) / 'empty.db'}"
        upgrade(url)
        engine = open_engine(url)
        with engine.connect() as connection:
            command.revision(config(connection), message, autogenerate=True, rev_id=f"{number:04d}")
        engine.dispose()


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or sys.exit(__doc__))
