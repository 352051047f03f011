"""The tables that all persistent classes share.

`candidate` is derived from the others and can be rebuilt; it exists so that the selection rule is one index look-up.
In it, an object stands once for each key set that some dependency declares: with its validity for the natural key, and as
a point event at its anchor for the groups that it can be a member of.
"""
from __future__ import annotations

import sqlalchemy as sa

from awe.persist.types import Digest, HexId, Instant, RowId

NAMING = {"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
          "fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"}
metadata = sa.MetaData(naming_convention=NAMING)

Small = sa.SmallInteger

object_ = sa.Table(
    "object", metadata,
    sa.Column("oid", RowId, primary_key=True, doc="local row number, used by every join"),
    sa.Column("object_id", HexId, nullable=False, unique=True, doc="identity over all instances"),
    sa.Column("class_id", sa.Integer, nullable=False),
    sa.Column("creation_date", Instant, nullable=False),
    sa.Column("creator_id", sa.Integer, nullable=False),
    sa.Column("project_id", sa.Integer, nullable=False),
    sa.Column("privileges", Small, nullable=False, doc="1 MyDB, 2 Project, 3 Astro-WISE, 4 World, 5 VO"),
    sa.Column("t_start", Instant, nullable=False, doc="valid from, included"),
    sa.Column("t_end", Instant, nullable=False, doc="valid until, excluded"),
    sa.Column("is_valid", Small, nullable=False, doc="0 bad, 1 OK, 2 qualified: the user's"),
    sa.Column("quality_flags", sa.BigInteger, nullable=False, doc="named bits: the system's"),
    sa.Column("process_status", Small, nullable=False, doc="how far its life cycle got"),
    sa.Column("anchor", Instant, nullable=False, doc="the instant or night it was made for"),
    sa.Column("scope_id", sa.Integer, nullable=False, server_default="0", doc="instrument, chip, filter"),
    sa.Column("recipe_id", sa.Integer, nullable=False, server_default="0"),
    sa.Column("params_id", sa.Integer, nullable=False, server_default="0"),
    sa.Column("derivation", Digest, doc="class, version, parameters and input values"),
    sa.Column("value", Digest, nullable=False, doc="digest of the scientific content"),
    sa.Index("ix_object_derivation", "derivation"),
    sa.Index("ix_object_class_id_creation_date", "class_id", "creation_date"),
    sa.Index("ix_object_class_id_t_start_t_end", "class_id", "t_start", "t_end"),
)

candidate = sa.Table(
    "candidate", metadata,
    sa.Column("sel", Digest, primary_key=True, doc="digest of class, key names and key values"),
    sa.Column("span", Small, primary_key=True, autoincrement=False, doc="ceil(log2(t_end - t_start))"),
    sa.Column("t_start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("oid", RowId, primary_key=True, autoincrement=False),
    sa.Column("t_end", sa.BigInteger, nullable=False),
    sa.Column("created", sa.BigInteger, nullable=False),
    sa.Column("object_id", HexId, nullable=False),
    sa.Column("eligible", Small, nullable=False, doc="1 when valid and without blocking flags, or qualified"),
    sa.Column("privileges", Small, nullable=False),
    sa.Column("project_id", sa.Integer, nullable=False),
    sa.Column("creator_id", sa.Integer, nullable=False),
    sa.Column("params_id", sa.Integer, nullable=False),
    sa.Column("own", Digest, nullable=False, doc="the sel of its natural key"),
    sa.Column("value", Digest, nullable=False),
    sa.Index("ix_candidate_oid", "oid"),
    sqlite_with_rowid=False,
)

span = sa.Table(
    "span", metadata,
    sa.Column("span", Small, primary_key=True, autoincrement=False, doc="each bin that some candidate is in"),
    sa.Column("length", sa.BigInteger, nullable=False, doc="2**span microseconds"),
)

edge = sa.Table(
    "edge", metadata,
    sa.Column("target", RowId, sa.ForeignKey("object.oid"), primary_key=True, autoincrement=False),
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False, doc="digest of the slot's name"),
    sa.Column("pos", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("input", RowId, sa.ForeignKey("object.oid"), nullable=False),
    sa.Column("sel", Digest, nullable=False, doc="what was asked"),
    sa.Column("at", sa.BigInteger, nullable=False, doc="at what time"),
    sa.Column("input_value", Digest, nullable=False, doc="the value it had"),
    sa.Column("per", Digest, doc="own sel of the object that this member is made from, where the slot says one_per"),
    sa.Index("ix_edge_input", "input"),
    sqlite_with_rowid=False,
)

want = sa.Table(
    "want", metadata,
    sa.Column("target", RowId, sa.ForeignKey("object.oid"), primary_key=True, autoincrement=False),
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("sel", Digest, nullable=False, doc="which group the set slot asked for"),
    sa.Column("t_from", sa.BigInteger, nullable=False),
    sa.Column("t_to", sa.BigInteger, nullable=False),
    sa.Column("n", sa.Integer, nullable=False, doc="how many it got; 0 for a single slot that found nothing"),
    sqlite_with_rowid=False,
)

scope = sa.Table(
    "scope", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("instrument", sa.String, nullable=False, server_default=""),
    sa.Column("chip", sa.String, nullable=False, server_default=""),
    sa.Column("filter", sa.String, nullable=False, server_default=""),
    sa.UniqueConstraint("instrument", "chip", "filter"),
)

recipe = sa.Table(
    "recipe", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("class_id", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("digest", sa.String, nullable=False, doc="of the normalised source that make() reaches"),
    sa.Column("git", sa.String, nullable=False, server_default=""),
    sa.Column("env", sa.Text, nullable=False, server_default="{}", doc="JSON: versions of the libraries that compute"),
    sa.Index("ix_recipe_class_id_digest", "class_id", "digest"),
)

parameters = sa.Table(
    "parameters", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("digest", Digest, nullable=False, unique=True),
    sa.Column("json", sa.Text, nullable=False),
)

parameter_set = sa.Table(
    "parameter_set", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("class_id", sa.Integer, nullable=False, index=True),
    sa.Column("level", Small, nullable=False, doc="1 instrument, 2 chip, 3 filter, 4 project"),
    sa.Column("project_id", sa.Integer, nullable=False, server_default="0"),
    sa.Column("instrument", sa.String, nullable=False, server_default=""),
    sa.Column("chip", sa.String, nullable=False, server_default=""),
    sa.Column("filter", sa.String, nullable=False, server_default=""),
    sa.Column("t_start", sa.BigInteger, nullable=False),
    sa.Column("t_end", sa.BigInteger, nullable=False),
    sa.Column("values", sa.Text, nullable=False, doc="JSON"),
    sa.Column("who", sa.Integer, nullable=False),
    sa.Column("when", Instant, nullable=False),
    sa.Column("why", sa.String, nullable=False, server_default=""),
)

file = sa.Table(
    "file", metadata,
    sa.Column("sha256", sa.LargeBinary(32), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("state", Small, nullable=False, server_default="1"),
    sqlite_with_rowid=False,
)

object_file = sa.Table(
    "object_file", metadata,
    sa.Column("oid", RowId, sa.ForeignKey("object.oid"), primary_key=True, autoincrement=False),
    sa.Column("role", sa.String, primary_key=True, doc="image, catalogue, raw, figure, ..."),
    sa.Column("ext", sa.String, nullable=False, doc="file name ending with its dot"),
    sa.Column("sha256", sa.LargeBinary(32), nullable=False, index=True),
    sa.Column("global_name", sa.String, nullable=False, unique=True),
)

change = sa.Table(
    "change", metadata,
    sa.Column("seq", RowId, primary_key=True),
    sa.Column("oid", RowId, nullable=False, index=True),
    sa.Column("field", sa.String, nullable=False),
    sa.Column("old", sa.String),
    sa.Column("new", sa.String),
    sa.Column("who", sa.Integer, nullable=False),
    sa.Column("when", Instant, nullable=False, index=True),
    sa.Column("why", sa.String, nullable=False, server_default=""),
    sa.Column("undo_of", RowId, index=True),
)

release = sa.Table(
    "release", metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=False, doc="drawn at random"),
    sa.Column("name", sa.String, nullable=False, unique=True),
    sa.Column("why", sa.String, nullable=False),
    sa.Column("moment", Instant, nullable=False, doc="as of when its members are looked at"),
    sa.Column("size", sa.Integer, nullable=False, doc="how many members it has"),
    sa.Column("privileges", Small, nullable=False),
    sa.Column("project_id", sa.Integer, nullable=False),
    sa.Column("creator_id", sa.Integer, nullable=False),
)

release_member = sa.Table(
    "release_member", metadata,
    sa.Column("release_id", RowId, primary_key=True, autoincrement=False, doc="its release, which is written last"),
    sa.Column("oid", RowId, primary_key=True, autoincrement=False),
    sa.Index("ix_release_member_oid", "oid"),
    sqlite_with_rowid=False,
)

touched = sa.Table(
    "touched", metadata,
    sa.Column("seq", RowId, primary_key=True, doc="grows with every insert into or change of candidates"),
    sa.Column("sel", Digest, nullable=False),
    sa.Column("xid", sa.BigInteger, nullable=False, server_default="0", doc="number of the transaction, on PostgreSQL"),
    sa.Index("ix_touched_xid", "xid", sqlite_where=sa.text("xid <> 0")),
)

clock = sa.Table(
    "clock", metadata,
    sa.Column("last", RowId, primary_key=True, doc="the last moment that was given to something new; PostgreSQL has its sequence alone"),
)

run = sa.Table(
    "run", metadata,
    sa.Column("id", RowId, primary_key=True),
    sa.Column("creator_id", sa.Integer, nullable=False),
    sa.Column("project_id", sa.Integer, nullable=False),
    sa.Column("privileges", Small, nullable=False, doc="who sees it, as of the objects it makes"),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("owner", sa.String, nullable=False, doc="the process, in words by which it is known to have ended"),
    sa.Column("what", sa.Text, nullable=False, doc="the targets that were asked for"),
    sa.Column("pars", sa.Text, nullable=False, server_default="{}", doc="JSON: the parameters of this call"),
    sa.Column("planned", sa.Integer, nullable=False),
    sa.Column("done", sa.Integer, nullable=False, server_default="0"),
    sa.Column("now", sa.Text, nullable=False, server_default="", doc="what is done just now, or who asked it to stop"),
    sa.Column("state", sa.String, nullable=False, index=True, doc="running, cancelling, done, failed, cancelled, lost"),
    sa.Column("started", Instant, nullable=False),
    sa.Column("updated", Instant, nullable=False),
    sa.Column("ended", Instant),
)

job = sa.Table(
    "job", metadata,
    sa.Column("id", RowId, primary_key=True),
    sa.Column("derivation", Digest, index=True),
    sa.Column("class_id", sa.Integer, nullable=False),
    sa.Column("request", sa.Text, nullable=False, doc="JSON: natural keys, time, parameters"),
    sa.Column("state", sa.String, nullable=False, doc="running, cancelling, done, failed, lost, cancelled"),
    sa.Column("permanent", Small, nullable=False, server_default="0"),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("log", sa.Text, nullable=False, server_default=""),
    sa.Column("oid", RowId, doc="what it made"),
    sa.Column("who", sa.Integer, nullable=False, server_default="0"),
    sa.Column("started", Instant, nullable=False),
    sa.Column("ended", Instant),
    sa.Column("host", sa.String, nullable=False, server_default=""),
    sa.Column("pid", sa.Integer, nullable=False, server_default="0"),
    sa.Column("project_id", sa.Integer, nullable=False, server_default="0", doc="as what it makes: with that one sees the job too"),
    sa.Column("privileges", Small, nullable=False, server_default="0"),
    sa.Column("at", sa.BigInteger, doc="the moment it was wanted for"),
    sa.Column("run_id", RowId, index=True, doc="the run it was part of"),
)

lease = sa.Table(
    "lease", metadata,
    sa.Column("derivation", Digest, primary_key=True),
    sa.Column("scope", sa.String, primary_key=True, doc="creator, project or everyone"),
    sa.Column("token", sa.String, nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("pid_start", sa.BigInteger, nullable=False),
    sa.Column("expires", Instant, nullable=False),
)

class_ = sa.Table(
    "class", metadata,
    sa.Column("class_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String, nullable=False, unique=True, doc="package:Class"),
    sa.Column("schema_version", sa.Integer, nullable=False, server_default="1"),
)

key_set = sa.Table(
    "key_set", metadata,
    sa.Column("class", sa.String, primary_key=True, doc="package:Class of what is asked for"),
    sa.Column("names", sa.String, primary_key=True, doc="by which keys, with commas"),
    sa.Column("is_group", Small, primary_key=True, autoincrement=False, doc="1 where the members of a group are asked for"),
)

user = sa.Table(
    "awe_user", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, nullable=False, unique=True),
)

project = sa.Table(
    "project", metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, nullable=False, unique=True),
    sa.Column("description", sa.String, nullable=False, server_default=""),
    sa.Column("public", Small, nullable=False, server_default="1"),
    sa.Column("default_privileges", Small, nullable=False, server_default="3"),
)

project_member = sa.Table(
    "project_member", metadata,
    sa.Column("project_id", sa.Integer, sa.ForeignKey("project.id"), primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("awe_user.id"), primary_key=True),
    sa.Column("manager", Small, nullable=False, server_default="0"),
)
