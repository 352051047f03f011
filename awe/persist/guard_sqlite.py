"""The guards of SQLite, as text."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PRESENT = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '{prefix}%'"

SEALED = "awe: a release never changes, and gets no more members; make another one"
RELEASED = "awe: this object belongs to a release, and stays; invalidate it instead"
DELETED = "EXISTS (SELECT 1 FROM change c WHERE c.oid = OLD.{owner} AND c.field = 'object' AND c.new IS NULL)"
#: The last line of the log about a field of an object says what is being done.
SAID = ("EXISTS (SELECT 1 FROM change c WHERE c.seq = (SELECT max(m.seq) FROM change m WHERE m.oid = OLD.oid AND m.field = '{field}') "
        "AND CAST(c.old AS INTEGER) = OLD.{column} AND CAST(c.new AS INTEGER) = NEW.{column})")
UNSAID = "awe: an object is edited by a line in the change log, and {field} was to change without; use edit(obj, field, value, why)"


def texts(prefix: str, guarded: Sequence[Any], edited: Mapping[str, str], kept: Sequence[str]) -> dict[str, str]:
    """All triggers by name."""
    found = {f"{prefix}change_applied": _applied(f"{prefix}change_applied", edited),
             f"{prefix}object_update": _object(f"{prefix}object_update", edited, kept)}
    found[f"{prefix}object_again"] = (
        f'CREATE TRIGGER "{prefix}object_again" BEFORE INSERT ON object WHEN EXISTS (SELECT 1 FROM object o WHERE o.oid = NEW.oid) '
        "BEGIN SELECT RAISE(ABORT, 'awe: there is an object of this row number, and objects are never replaced'); END")
    if any(table == "release_member" for table, _ in guarded):
        found[f"{prefix}release_sealed"] = (
            f'CREATE TRIGGER "{prefix}release_sealed" BEFORE INSERT ON release_member WHEN EXISTS (SELECT 1 FROM "release" r '
            f"WHERE r.id = NEW.release_id) BEGIN SELECT RAISE(ABORT, '{SEALED}'); END")
        found[f"{prefix}object_released"] = (
            f'CREATE TRIGGER "{prefix}object_released" BEFORE DELETE ON object WHEN EXISTS (SELECT 1 FROM release_member m '
            f"WHERE m.oid = OLD.oid) BEGIN SELECT RAISE(ABORT, '{RELEASED}'); END")
    for table, owner in [*guarded, ("object", "oid")]:
        if table != "object":
            name = f"{prefix}{table}_update"
            found[name] = (f'CREATE TRIGGER "{name}" BEFORE UPDATE ON "{table}" '
                           f"BEGIN SELECT RAISE(ABORT, '{_never(table, 'changed')}'); END")
        name = f"{prefix}{table}_delete"
        when = f"WHEN NOT {DELETED.format(owner=owner)} " if owner else ""
        found[name] = (f'CREATE TRIGGER "{name}" BEFORE DELETE ON "{table}" {when}'
                       f"BEGIN SELECT RAISE(ABORT, '{_never(table, 'deleted')}'); END")
    return found


def known(text: str) -> str:
    """What the database says of a trigger that was made by `text`."""
    return text


def _never(table: str, what: str) -> str:
    way_out = "; use context.delete(obj)" if what == "deleted" and table != "change" else ""
    return f"awe: rows of {table} are never {what}{way_out}"


def _applied(name: str, edited: Mapping[str, str]) -> str:
    """A line of the log is applied to its object; it has to say truly what was."""
    fields = ", ".join(f"'{field}'" for field in edited)
    then = " ".join(f"WHEN '{field}' THEN {column}" for field, column in edited.items())
    sets = ", ".join(f"{column} = CASE NEW.field WHEN '{field}' THEN CAST(NEW.new AS INTEGER) ELSE {column} END"
                     for field, column in edited.items())
    return (f'CREATE TRIGGER "{name}" AFTER INSERT ON change WHEN NEW.field IN ({fields}) BEGIN '
            "SELECT RAISE(ABORT, 'awe: the line in the change log does not say truly what was') WHERE NEW.new IS NULL OR NOT EXISTS "
            f"(SELECT 1 FROM object o WHERE o.oid = NEW.oid AND CASE NEW.field {then} END = CAST(NEW.old AS INTEGER)); "
            f"UPDATE object SET {sets} WHERE oid = NEW.oid; "
            "UPDATE candidate SET privileges = CAST(NEW.new AS INTEGER) WHERE oid = NEW.oid AND NEW.field = 'privileges'; "
            "UPDATE candidate SET project_id = CAST(NEW.new AS INTEGER) WHERE oid = NEW.oid AND NEW.field = 'project'; END")


def _object(name: str, edited: Mapping[str, str], kept: Sequence[str]) -> str:
    """An object changes only as the log says."""
    changed = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in kept)
    checks = [f"SELECT RAISE(ABORT, '{_never('object', 'changed')}') WHERE {changed};"]
    checks += [f"SELECT RAISE(ABORT, '{UNSAID.format(field=field)}') WHERE OLD.{column} IS NOT NEW.{column} "
               f"AND NOT {SAID.format(field=field, column=column)};" for field, column in edited.items()]
    return f'CREATE TRIGGER "{name}" BEFORE UPDATE ON object BEGIN {" ".join(checks)} END'
