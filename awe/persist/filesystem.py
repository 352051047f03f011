"""Whether a file is where SQLite can lock it."""
from __future__ import annotations

import os
import pathlib

from awe.errors import InstanceError

NETWORK = frozenset({"afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "glusterfs",
                     "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"})
MOUNTS = "/proc/mounts"


def check_sqlite_path(path: str | None, *, create: bool) -> None:
    """Refuse a database in a network file system, where locks are not to be trusted, or in a folder that is not there."""
    if not path or path == ":memory:":
        return
    file = pathlib.Path(path).resolve()
    if not file.parent.is_dir():
        raise InstanceError(f"there is no folder {file.parent} to hold the database {file.name}; make it, or correct the path")
    if not create and not file.exists():
        raise InstanceError(f"there is no database {file}; `awe init` makes one")
    kind = file_system_of(file)
    if kind in NETWORK:
        raise InstanceError(f"{file} lies on a network file system ({kind}), where SQLite loses data; "
                            "use a local disk, or PostgreSQL")


def file_system_of(path: pathlib.Path, mounts: str = "") -> str:
    """The type of the file system that holds `path`; empty where the system does not tell."""
    try:
        lines = pathlib.Path(mounts or MOUNTS).read_text().splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    for line in lines:
        _, point, found, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if len(point) >= len(best) and os.path.commonpath([point, path]) == point:
            best, kind = point, found
    return kind
