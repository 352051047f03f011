"""Passwords of those who log in to the pages.

They stand in ``accounts.toml`` in the directory of the instance, which its owner alone can read: argon2 digests, never in the
database, where users with roles of their own could read them.  Beside them is the key that signs the cookies.
"""
from __future__ import annotations

import os
import secrets
import tempfile
import threading
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from awe.config import toml_value
from awe.errors import ConfigError, QueryError

FILE_NAME = "accounts.toml"
KEY_NAME = "cookies.key"
SHORTEST, LONGEST = 8, 1000

_hasher = PasswordHasher()
#: Verified where there is no such user, so that the time it takes does not tell.
_nobody = _hasher.hash(secrets.token_hex(16))
#: One digest takes 64 MiB for a moment: never many at once.
_few = threading.Semaphore(2)


@dataclass(frozen=True)
class Account:
    """One account; `epoch` counts how often all its log-ins were ended."""

    user: str
    password: str
    epoch: int = 0

    def as_toml(self) -> str:
        """How it stands in the file."""
        fields = {"user": self.user, "password": self.password, "epoch": self.epoch}
        return "[[account]]\n" + "".join(f"{name} = {toml_value(value)}\n" for name, value in fields.items())


class Accounts:
    """The accounts of an instance; the file is read again when it has changed."""

    def __init__(self, home: Path) -> None:
        self.home, self.path = home, home / FILE_NAME
        self._known: dict[str, Account] = {}
        self._read_at: tuple[int, int] | None = None
        self._lock = threading.Lock()

    def of(self, user: str) -> Account | None:
        """The account of a user."""
        with self._lock:
            stamp = (self.path.stat().st_mtime_ns, self.path.stat().st_ino) if self.path.exists() else (0, 0)
            if stamp != self._read_at:
                self._known, self._read_at = {one.user: one for one in read(self.path)}, stamp
            return self._known.get(user)

    def verify(self, user: str, password: str) -> Account | None:
        """The account, where the password is right; it takes as long where there is none."""
        account = self.of(user)
        with _few:
            try:
                _hasher.verify(account.password if account is not None else _nobody, password)
            except (VerificationError, InvalidHashError):
                return None
        return account

    def set_password(self, user: str, password: str) -> None:
        """Give a user a password; where they had one, all their log-ins end.

        Raises QueryError where it is too short or too long.
        """
        if not SHORTEST <= len(password) <= LONGEST:
            raise QueryError(f"a password has {SHORTEST} to {LONGEST} characters, not {len(password)}")
        known = self.of(user)
        digest = _hasher.hash(password)
        self._write(Account(user, digest, known.epoch + 1 if known else 0))

    def end_all(self, user: str) -> None:
        """End all log-ins of a user."""
        known = self.of(user)
        if known is not None:
            self._write(replace(known, epoch=known.epoch + 1))

    def _write(self, account: Account) -> None:
        with self._lock:
            found = {**{one.user: one for one in read(self.path)}, account.user: account}
            write_private(self.path, "# Passwords of the pages, as argon2 digests; see `awe user password --help`.\n" +
                          "\n".join(one.as_toml() for one in found.values()))

    def key(self) -> str:
        """The key that signs cookies; made when it is first asked for."""
        path = self.home / KEY_NAME
        if not path.exists():
            write_private(path, secrets.token_urlsafe(48))
        return path.read_text(encoding="utf8").strip()


def read(path: Path) -> list[Account]:
    """All accounts in a file."""
    if not path.exists():
        return []
    try:
        rows = tomllib.loads(path.read_text(encoding="utf8")).get("account", [])
        return [Account(str(row["user"]), str(row["password"]), int(row.get("epoch", 0))) for row in rows]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({error}); remove it, and give passwords anew with `awe user password`") from error


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, beside and then renamed."""
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=".private-")
    with os.fdopen(descriptor, "w", encoding="utf8") as file:
        file.write(text)
    os.replace(beside, path)
