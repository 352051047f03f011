"""Column types that mean the same on SQLite and PostgreSQL."""
from __future__ import annotations

import datetime
import time
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


def now() -> int:
    """This moment, as microseconds since 1970."""
    return time.time_ns() // 1000


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


class Real(TypeDecorator[float]):
    """A double that may be NaN: SQLite, which has no NaN, keeps it as the word ``nan``.

    On both databases NaN is greater than every number.
    """

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        """Give SQLite the word for NaN."""
        return "nan" if value != value and dialect.name == "sqlite" else value

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        """Give Python a float; PostgreSQL does so by itself."""
        return read_real if dialect.name == "sqlite" else None


def read_real(value: Any) -> float | None:
    """What SQLite kept for a double."""
    return float(value) if type(value) is str else value


#: A 16-byte digest, as bytes on both sides.
Digest = sa.LargeBinary(16)

#: A local row number: int64, and on SQLite the rowid itself.
RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

COLUMN_TYPES: dict[type, sa.types.TypeEngine[Any]] = {
    bool: sa.Boolean(), int: sa.BigInteger(), float: Real(), str: sa.String(), datetime.datetime: Instant()}


def coerce(type_: type, value: Any) -> Any:
    """Return `value` as a `type_`, without loss: numpy scalars are taken, an int for a float, but no text for a number.

    Raises TypeError where that cannot be.
    """
    if value is None or type(value) is type_:
        return value
    if getattr(value, "ndim", None) == 0 and not isinstance(value, str | bytes):
        value = value.item()
    if type_ is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type_ is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, type_) and not (type_ is int and isinstance(value, bool)):
        return value
    raise TypeError(f"{value!r} is no {type_.__name__}")
