"""An export into an instance: all of it or nothing, with the identity of every object, as often as one likes."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from awe.dataflow.instance import Instance
from awe.errors import ForbiddenError, IntegrityError, MissingFileError, SchemaError, TransientError
from awe.exchange import beside
from awe.exchange.exporting import SHARED, index
from awe.exchange.manifest import Manifest, read_manifest
from awe.exchange.rows import decoded, kind_of, owned, refers_to_object
from awe.exchange.winners import Rival, rivals
from awe.fileserver import Store
from awe.fileserver.batch import each
from awe.persist import tables
from awe.persist.guard import EDITED
from awe.persist.insert import note_contents
from awe.persist.names import get_or_create, make_identity
from awe.persist.outbox import Outbox
from awe.persist.rebuild import fill_candidates
from awe.persist.rows import Row, write_rows
from awe.persist.serial import allocate

Content = dict[str, list[Row]]


@dataclass
class Imported:
    """What an import does, or would do.

    Attributes
    ----------
    new
        class -> how many objects come in
    there
        how many objects are there already, and stay as they are
    differ
        those among them whose validity, time stamps, flags or privileges are others than in the export
    files, bytes
        how many files come with the new objects
    rivals
        which objects take the place of others, or have to stand behind others, and where
    """

    project: str
    new: dict[str, int] = field(default_factory=dict)
    there: int = 0
    differ: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    rivals: list[Rival] = field(default_factory=list)


def import_directory(instance: Instance, folder: Path, *, commit: bool = False) -> Imported:
    """Bring in what `export_project` wrote; without `commit` everything is verified, told, and nothing is written.

    Raises
    ------
    IntegrityError
        something is not as it was exported, or another object has the identity of one of these
    SchemaError, ConfigError
        it was written by something newer, or by a package that is not here
    ForbiddenError
        nobody in particular asks
    """
    if instance.database.identity.is_anonymous:
        raise ForbiddenError("nobody in particular cannot import; connect with a user")
    instance.database.need_owner("an import, which writes in the names of many,")
    manifest = read_manifest(folder)
    content = {name: fitted(name, [column for column, _ in table.columns], manifest.load(folder, name), instance.database.dialect)
               for name, table in manifest.tables.items()}
    store = Store(folder / "files")
    with instance.database.snapshot() as connection:
        report = look(connection, instance, manifest, content)
    if not commit or not report.new:
        verify_files(store, content)
        return report
    pinned = bring_files(instance.store, store, content)
    try:
        instance.database.write(lambda connection: Importer(instance, connection, content).run())
    except sa.exc.IntegrityError as error:
        raise TransientError(f"somebody else wrote the same at the same time ({error.orig}); nothing was imported, import again") from error
    finally:
        instance.store.unpin(pinned)
    return report


def fitted(name: str, columns: Sequence[str], found: list[Row], dialect: str) -> list[Row]:
    """The rows of a table in the columns that it has here, ready for the driver."""
    table = tables.metadata.tables.get(name)
    if table is None or set(columns) - set(table.columns.keys()):
        raise SchemaError(f"the export has {name}, with {', '.join(columns)}, which the tables here do not have; "
                          "update awe and its packages, and `awe db upgrade`")
    lacking = [column.name for column in table.columns if column.name not in columns and not column.nullable]
    if lacking:
        raise SchemaError(f"the export has {name} without {', '.join(lacking)}: it was written by something older that knew nothing of it; "
                          "bring the instance it came from up to date, and export again")
    places = {column: place for place, column in enumerate(columns)}
    order = [(places.get(column.name), kind_of(column)) for column in table.columns]
    return [tuple(None if place is None else decoded(row[place], kind, dialect) for place, kind in order) for row in found]


def look(connection: sa.Connection, instance: Instance, manifest: Manifest, content: Content) -> Imported:
    """What would be done."""
    here = objects_here(connection, content)
    places = {name: index(tables.object_, name) for name in ("oid", "object_id", "class_id", *EDITED.values())}
    names = {row[0]: row[1] for row in content["class"]}
    new = [row for row in content["object"] if row[places["object_id"]] not in here]
    oids = {row[places["oid"]] for row in new}
    edited = [name for name in EDITED.values() if name != "project_id"]
    differ = [row[places["object_id"]].hex() for row in content["object"]
              if (there := here.get(row[places["object_id"]])) is not None and any(getattr(there, n) != row[places[n]] for n in edited)]
    wanted = {row[index(tables.object_file, "sha256")] for row in content.get("object_file", []) if row[0] in oids}
    sizes = [size for sha, size, _ in content.get("file", []) if sha in wanted]
    found = Counter(names[row[places["class_id"]]].removeprefix("awe:") for row in new)
    return Imported(manifest.project, dict(sorted(found.items())), len(here), differ, len(sizes), sum(sizes),
                    rivals(connection, instance.sight(), content, oids))


def objects_here(connection: sa.Connection, content: Content) -> dict[bytes, Any]:
    """The objects of the export that are here already, by identity; they have to be the same."""
    o, place, value = tables.object_, index(tables.object_, "object_id"), index(tables.object_, "value")
    raw = [sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in o.columns]
    values = {row[place]: row[value] for row in content["object"]}
    wanted, found = list(values), dict[bytes, Any]()
    for start in range(0, len(wanted), 500):
        identities = [identity.hex() for identity in wanted[start:start + 500]]
        found.update({bytes(row.object_id): row for row in connection.execute(sa.select(*raw).where(o.c.object_id.in_(identities)))})
    others = [identity.hex() for identity, row in found.items() if bytes(row.value) != values[identity]]
    if others:
        raise IntegrityError(f"object {others[0]} is here with another value than in the export, and {len(others) - 1} others: "
                             "one of them is not what was made; nothing was imported")
    return found


def verify_files(store: Store, content: Content) -> None:
    """Read every file of the export, and compare it with its name."""
    each(store.check, (sha.hex() for sha, _, _ in content.get("file", [])), [], 8)


def bring_files(store: Store, source: Store, content: Content) -> list[str]:
    """Put every file of the export into the store, verified; return what is pinned there."""
    wanted = [sha.hex() for sha, _, _ in content.get("file", [])]
    missing = [sha for sha in wanted if not source.has(sha)]
    if missing:
        raise MissingFileError(f"{source.root} lacks {missing[0]} and {len(missing) - 1} other files; nothing was imported, copy it again")
    got = store.put_many(source.path(sha) for sha in wanted)
    damaged = [sha for sha, there in zip(wanted, got, strict=True) if sha != there]
    if damaged:
        store.unpin(got)
        raise IntegrityError(f"{source.root} has {damaged[0]} with other bytes than its name says, and {len(damaged) - 1} others; "
                             "nothing was imported, copy it again")
    return got


class Importer:
    """Writes the rows of one export, in one transaction."""

    def __init__(self, instance: Instance, connection: sa.Connection, content: Content) -> None:
        self.database, self.connection, self.content = instance.database, connection, content
        here = objects_here(connection, content)
        oid, identity = index(tables.object_, "oid"), index(tables.object_, "object_id")
        self.new = [row for row in content["object"] if row[identity] not in here]
        fresh = allocate(connection, len(self.new))
        self.oids: dict[int, int] = {row[oid]: int(here[row[identity]].oid) for row in content["object"] if row[identity] in here}
        self.added = dict(zip((row[oid] for row in self.new), fresh, strict=True))
        self.oids.update(self.added)
        self.founded: set[int] = set()

    def run(self) -> None:
        """Write everything."""
        if not self.new:
            return
        self.shared = {table: self._numbers(table) for table in SHARED.values()}
        write_rows(self.connection, tables.object_, [self._object(row) for row in self._rewound()])
        for table in owned()[1:]:
            self._write(table)
        outbox = Outbox(self.connection)
        note_contents(outbox, {sha: size for sha, size, _ in self.content.get("file", [])})
        outbox.send()
        self._history()
        self._jobs()
        beside.write(self.connection, self.content, self.shared[tables.user], self.shared[tables.project], self.oids, self.founded)
        fill_candidates(self.database, self.connection, sorted(self.added.values()))

    def _numbers(self, table: sa.Table) -> dict[int, int]:
        """Number in the export -> number here, of rows that many objects share."""
        key, *columns = table.columns
        found = {0: 0}
        for number, *values in self.content.get(table.name, []):
            given = dict(zip((column.name for column in columns), values, strict=True))
            if table is tables.class_:
                found[number] = get_or_create(self.connection, table, {key.name: number}, **given)
            elif table in (tables.user, tables.project):
                found[number] = self._named(table, given)
            elif table is tables.parameters:
                found[number] = get_or_create(self.connection, table, {"digest": given.pop("digest")}, **given)
            else:
                found[number] = get_or_create(self.connection, table, given)
        return found

    def _named(self, table: sa.Table, given: dict[str, Any]) -> int:
        """A user or project of that name; a project that is new here has its importer as manager."""
        find = sa.select(table.c.id).where(table.c.name == given["name"])
        found = self.connection.scalar(find)
        if found is None and table is tables.project:
            make_identity(self.connection, self.database.identity.user, given["name"])
            found = self.connection.scalar(find)
            changed = {name: given[name] for name in ("description", "public", "default_privileges")}
            self.connection.execute(sa.update(table).where(table.c.id == found).values(changed))
            self.founded.add(int(found or 0))
        return int(found) if found is not None else get_or_create(self.connection, table, {"name": given["name"]})

    def _rewound(self) -> list[Row]:
        """The new objects as they were committed; their history brings them to what they are."""
        lines = sorted(self.content.get("change", []))
        oid, name, old = (index(tables.change, column) for column in ("oid", "field", "old"))
        first: dict[tuple[int, str], int] = {}
        for line in lines:
            if line[name] in EDITED:
                first.setdefault((line[oid], line[name]), int(line[old]))
        places = {field: index(tables.object_, column) for field, column in EDITED.items()}
        found = []
        for row in self.new:
            values = list(row)
            for field_, place in places.items():
                values[place] = first.get((row[0], field_), values[place])
            found.append(tuple(values))
        return found

    def _object(self, row: Row) -> Row:
        values = list(row)
        values[0] = self.oids[row[0]]
        for column, table in SHARED.items():
            place = index(tables.object_, column)
            values[place] = self.shared[table][values[place]]
        return tuple(values)

    def _write(self, table: sa.Table) -> None:
        """The rows of new objects in a table of theirs, with the row numbers that objects have here."""
        found = self.content.get(table.name, [])
        links = [place for place, column in enumerate(table.columns) if refers_to_object(column)]
        owner = next(place for place in links if list(table.columns)[place].primary_key)
        rows = []
        for row in found:
            if row[owner] in self.added:
                values = list(row)
                for place in links:
                    values[place] = None if values[place] is None else self.oids[values[place]]
                rows.append(tuple(values))
        write_rows(self.connection, table, sorted(rows, key=lambda row: row[owner]))

    def _history(self) -> None:
        """The change log of new objects, line by line in its order; the database applies each to its object."""
        names = tuple(tables.change.columns.keys())
        numbers: dict[int, int] = {}
        for line in sorted(self.content.get("change", [])):
            said = dict(zip(names, line, strict=True))
            if said["oid"] not in self.added:
                continue
            if said["field"] == "project":
                said["old"], said["new"] = (str(self.shared[tables.project][int(said[end])]) for end in ("old", "new"))
            said.update(oid=self.oids[said["oid"]], who=self.shared[tables.user][said["who"]], undo_of=numbers.get(said["undo_of"]))
            seq = said.pop("seq")
            statement = sa.insert(tables.change).values(said).returning(tables.change.c.seq)
            numbers[seq] = self.connection.scalar(statement) or 0

    def _jobs(self) -> None:
        """How the new objects were made, by whom and where, with the logs."""
        names = tuple(tables.job.columns.keys())
        for row in self.content.get("job", []):
            said = dict(zip(names, row, strict=True))
            if said["oid"] in self.added:
                said.pop("id")
                said.update(oid=self.oids[said["oid"]], who=self.shared[tables.user][said["who"]], run_id=None)
                self.connection.execute(sa.insert(tables.job).values(said))

