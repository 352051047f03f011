"""What the holder of a token may get from the file server: files of objects that they see, and nothing else."""
from __future__ import annotations

import mimetypes
from pathlib import Path

import sqlalchemy as sa

from awe.dataflow.instance import Instance
from awe.fileserver import Grant
from awe.fileserver.digest import is_hash
from awe.persist import tables
from awe.persist.identity import WORLD, Identity
from awe.services.tokens import Token, Tokens

FITS = "application/fits"


class Resolver:
    """``resolver(name_or_hash, token)``: the grant, or None where there is nothing to see.

    Who shows no token sees what the world sees: objects of privileges 4 and 5.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance, self.tokens = instance, Tokens(instance.config.home)

    def __call__(self, name: str, token: str | None) -> Grant | None:
        """Look the file up, as the holder of the token."""
        held = None if token is None else self.tokens.held(token)
        found = find(self.instance, name, self._identity(held))
        may_put = held is not None and held.may_put and is_hash(name)
        if found is None:
            return Grant(name, may_put=True, may_get=False) if may_put else None
        sha, global_name, size = found
        return Grant(sha, global_name, size, media_type(global_name), may_put=may_put)

    def _identity(self, held: Token | None) -> Identity:
        if held is None:
            return Identity("", 0, "", 0, WORLD)
        return self.instance.database.find_identity(held.user, held.project)


def find(instance: Instance, name: str, who: Identity) -> tuple[str, str, int | None] | None:
    """SHA-256, global name and size of a file, by name or hash, of an object that `who` sees."""
    kept, file, obj = tables.object_file, tables.file, tables.object_
    joined = kept.join(obj, obj.c.oid == kept.c.oid).outerjoin(file, file.c.sha256 == kept.c.sha256)
    asked = kept.c.sha256 == bytes.fromhex(name) if is_hash(name) else kept.c.global_name == name
    statement = sa.select(kept.c.sha256, kept.c.global_name, file.c.size).select_from(joined).where(asked, who.visible(obj))
    with instance.database.reading() as connection:
        row = connection.execute(statement.order_by(kept.c.oid).limit(1)).one_or_none()
    return None if row is None else (bytes(row.sha256).hex(), row.global_name, row.size or None)


def media_type(name: str) -> str:
    """The type of a file by its name."""
    return FITS if ".fits" in Path(name).suffixes else mimetypes.guess_type(name)[0] or "application/octet-stream"
