"""Column types that mean the same on SQLite and PostgreSQL."""
from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
MICROSECOND = datetime.timedelta(microseconds=1)

#: What is valid for ever starts with the first day of the modified Julian count and ends with the year 2200.
FOREVER = (-3_506_716_800_000_000, 7_258_118_400_000_000)


def to_microseconds(moment: datetime.datetime) -> int:
    """Return `moment` as microseconds since 1970; a naive datetime is taken as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return (moment - EPOCH) // MICROSECOND


def from_microseconds(count: int) -> datetime.datetime:
    """Return the UTC datetime `count` microseconds after 1970."""
    return EPOCH + count * MICROSECOND


class Instant(TypeDecorator[datetime.datetime]):
    """A moment in UTC, kept as int64 microseconds since 1970."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> int | None:
        """Give the database microseconds; integers pass as they are."""
        return to_microseconds(value) if isinstance(value, datetime.datetime) else value

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime.datetime | None:
        """Give Python a datetime in UTC."""
        return None if value is None else from_microseconds(value)


class HexId(TypeDecorator[str]):
    """A 16-byte identity, seen in Python as 32 hex digits."""

    impl = sa.LargeBinary(16)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> bytes | None:
        """Give the database 16 bytes; bytes pass as they are."""
        return bytes.fromhex(value) if isinstance(value, str) else value

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> str | None:
        """Give Python 32 hex digits."""
        return None if value is None else bytes(value).hex()


#: A 16-byte digest, as bytes on both sides.
Digest = sa.LargeBinary(16)

#: A local row number: int64, and on SQLite the rowid itself.
RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
