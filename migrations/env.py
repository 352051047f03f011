"""Run by Alembic: compares and changes the tables of one package, awe or another, as `awe.persist.schema` says."""
from alembic import context

import awe.targets  # noqa: F401  (defines its tables)

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run `awe db upgrade`, or `python migrations/revise.py MESSAGE` for a new version")
context.configure(connection=connection, transactional_ddl=False, **context.config.attributes["options"])
context.run_migrations()
