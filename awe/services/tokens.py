"""Tokens of the file server and of the API: who holds one is a user of the instance.

They stand in ``tokens.toml`` in the directory of the instance, which its owner alone can read: the SHA-256 of each token,
whose it is, for which project they work, whether they may put files, and whether they may change something.  The tokens
themselves are kept nowhere.
"""
from __future__ import annotations

import hashlib
import secrets
import threading
import tomllib
from dataclasses import dataclass
from pathlib import Path

from awe.config import toml_value
from awe.errors import ConfigError, ForbiddenError
from awe.services.accounts import write_private

FILE_NAME = "tokens.toml"


@dataclass(frozen=True)
class Token:
    """One token, by its digest; `name` says what its user keeps it for."""

    sha256: str
    user: str
    project: str
    may_put: bool = False
    may_edit: bool = False
    name: str = ""

    def as_toml(self) -> str:
        """How it stands in the file."""
        fields = {"sha256": self.sha256, "user": self.user, "project": self.project, "may_put": self.may_put, "may_edit": self.may_edit,
                  "name": self.name}
        return "[[token]]\n" + "".join(f"{name} = {toml_value(value)}\n" for name, value in fields.items())


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf8", "surrogateescape")).hexdigest()


def read(home: Path) -> list[Token]:
    """All tokens of an instance."""
    path = home / FILE_NAME
    if not path.exists():
        return []
    try:
        rows = tomllib.loads(path.read_text(encoding="utf8")).get("token", [])
        return [Token(str(row["sha256"]), str(row["user"]), str(row["project"]), bool(row.get("may_put", False)),
                      bool(row.get("may_edit", False)), str(row.get("name", ""))) for row in rows]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}); remove it, and give tokens anew with `awe serve token`") from error


def write(home: Path, tokens: list[Token]) -> None:
    """Write all tokens, beside and then renamed; nobody else can read them."""
    write_private(home / FILE_NAME, "# Tokens of the file server and the API; see `awe user token --help`.\n" +
                  "\n".join(one.as_toml() for one in tokens))


def give(home: Path, user: str, project: str, *, may_put: bool = False, may_edit: bool = False, name: str = "") -> str:
    """Make a token for a user; it is returned, and kept nowhere."""
    token = secrets.token_urlsafe(32)
    write(home, [*read(home), Token(digest(token), user, project, may_put, may_edit, name)])
    return token


def revoke(home: Path, user: str, sha256: str | None = None) -> int:
    """Take away all tokens of a user, or the one of this digest; return how many there were."""
    tokens = read(home)
    kept = [one for one in tokens if one.user != user or sha256 not in (None, one.sha256)]
    write(home, kept)
    return len(tokens) - len(kept)


class Tokens:
    """The tokens of an instance; the file is read again when it has changed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._known: dict[str, Token] = {}
        self._read_at = (0, 0)
        self._lock = threading.Lock()

    def held(self, token: str) -> Token:
        """The token as the file knows it; raises ForbiddenError for one that it does not know."""
        path = self.home / FILE_NAME
        with self._lock:
            stamp = (path.stat().st_mtime_ns, path.stat().st_ino) if path.exists() else (0, 0)
            if stamp != self._read_at:
                self._known, self._read_at = {one.sha256: one for one in read(self.home)}, stamp
            found = self._known.get(digest(token))
        if found is None:
            raise ForbiddenError("this token is not known here")
        return found
