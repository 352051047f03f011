"""What the holder of a token may get from the file server: files of objects that they see, and nothing else."""
from __future__ import annotations

import mimetypes
from pathlib import Path

import sqlalchemy as sa

from awe.cli import tokens
from awe.dataflow.instance import Instance
from awe.errors import ForbiddenError
from awe.fileserver import Grant
from awe.fileserver.digest import is_hash
from awe.persist import tables
from awe.persist.identity import WORLD, Identity

FITS = "application/fits"


class Resolver:
    """``resolver(name_or_hash, token)``: the grant, or None where there is nothing to see.

    Who shows no token sees what the world sees: objects of privileges 4 and 5.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.home = instance.config.home
        self._tokens: dict[str, tokens.Token] = {}
        self._read_at = (0, 0)

    def __call__(self, name: str, token: str | None) -> Grant | None:
        """Look the file up, as the holder of the token."""
        held = self._held(token)
        found = self._find(name, self._identity(held))
        may_put = held is not None and held.may_put and is_hash(name)
        if found is None:
            return Grant(name, may_put=True, may_get=False) if may_put else None
        sha, global_name, size = found
        return Grant(sha, global_name, size, media_type(global_name), may_put=may_put)

    def _held(self, token: str | None) -> tokens.Token | None:
        """The token as the file knows it; the file is read again when it has changed."""
        if token is None:
            return None
        path = self.home / tokens.FILE_NAME
        stamp = (path.stat().st_mtime_ns, path.stat().st_ino) if path.exists() else (0, 0)
        if stamp != self._read_at:
            self._tokens, self._read_at = {one.sha256: one for one in tokens.read(self.home)}, stamp
        held = self._tokens.get(tokens.digest(token))
        if held is None:
            raise ForbiddenError("this token is not known here")
        return held

    def _identity(self, held: tokens.Token | None) -> Identity:
        if held is None:
            return Identity("", 0, "", 0, WORLD)
        return self.instance.database.find_identity(held.user, held.project)

    def _find(self, name: str, who: Identity) -> tuple[str, str, int | None] | None:
        """SHA-256, global name and size of a file of an object that `who` sees."""
        kept, file, obj = tables.object_file, tables.file, tables.object_
        joined = kept.join(obj, obj.c.oid == kept.c.oid).outerjoin(file, file.c.sha256 == kept.c.sha256)
        asked = kept.c.sha256 == bytes.fromhex(name) if is_hash(name) else kept.c.global_name == name
        statement = sa.select(kept.c.sha256, kept.c.global_name, file.c.size).select_from(joined).where(asked, who.visible(obj))
        with self.instance.database.reading() as connection:
            row = connection.execute(statement.order_by(kept.c.oid).limit(1)).one_or_none()
        return None if row is None else (bytes(row.sha256).hex(), row.global_name, row.size or None)


def media_type(name: str) -> str:
    """The type of a file by its name."""
    return FITS if ".fits" in Path(name).suffixes else mimetypes.guess_type(name)[0] or "application/octet-stream"
