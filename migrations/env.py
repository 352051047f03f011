"""Run by Alembic: puts all tables of awe, those of its targets too, beside those of the database."""
from alembic import context

import awe.targets  # noqa: F401  (defines its tables)
from awe.persist.schema import OPTIONS

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run `awe db upgrade`, or `python migrations/revise.py MESSAGE` for a new version")
context.configure(connection=connection, transactional_ddl=False, **OPTIONS)
context.run_migrations()
