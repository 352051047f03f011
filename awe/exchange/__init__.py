"""Objects between instances: a project with all that it stands on and its files, as one directory; a copy of a whole instance.

::

    DIR/manifest.json     what it is: format, versions of the schema, each table with its columns, rows and SHA-256
    DIR/manifest.sha256   the SHA-256 of the manifest, so that everything is verified from one line
    DIR/rows/NAME.jsonl   a table: one JSON list a row, in the order of the columns that the manifest names
    DIR/files/            a file store with every file that a row refers to

Bytes are hexadecimal digits, moments microseconds since 1970, reals that are not finite the words nan, inf and -inf.  Row
numbers are those of the instance that wrote it and mean something within the directory alone; what counts elsewhere are
`object_id`, the names of users and projects, and digests.
"""
from awe.exchange.backup import backup
from awe.exchange.exporting import export_project
from awe.exchange.importing import import_directory

__all__ = ["backup", "export_project", "import_directory"]
