"""Tokens of the file server: who holds one is a user of the instance.

They stand in ``tokens.toml`` in the directory of the instance, which its owner alone can read: the SHA-256 of each token,
whose it is, for which project they work, and whether they may put files.  The tokens themselves are kept nowhere.
"""
from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from awe.config import toml_value
from awe.errors import ConfigError

FILE_NAME = "tokens.toml"


@dataclass(frozen=True)
class Token:
    """One token, by its digest."""

    sha256: str
    user: str
    project: str
    may_put: bool = False

    def as_toml(self) -> str:
        """How it stands in the file."""
        fields = {"sha256": self.sha256, "user": self.user, "project": self.project, "may_put": self.may_put}
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
        return [Token(str(row["sha256"]), str(row["user"]), str(row["project"]), bool(row.get("may_put", False))) for row in rows]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}); remove it, and give tokens anew with `awe serve token`") from error


def write(home: Path, tokens: list[Token]) -> None:
    """Write all tokens, beside and then renamed; nobody else can read them."""
    descriptor, beside = tempfile.mkstemp(dir=home, prefix=".tokens-")
    with os.fdopen(descriptor, "w", encoding="utf8") as file:
        file.write("# Tokens of the file server; see `awe serve token --help`.\n" + "\n".join(one.as_toml() for one in tokens))
    os.replace(beside, home / FILE_NAME)


def give(home: Path, user: str, project: str, *, may_put: bool = False) -> str:
    """Make a token for a user; it is returned, and kept nowhere."""
    token = secrets.token_urlsafe(32)
    write(home, [*read(home), Token(digest(token), user, project, may_put)])
    return token


def revoke(home: Path, user: str) -> int:
    """Take away all tokens of a user; return how many there were."""
    tokens = read(home)
    kept = [one for one in tokens if one.user != user]
    write(home, kept)
    return len(tokens) - len(kept)
