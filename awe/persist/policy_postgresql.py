"""Row-level security of PostgreSQL, as text: each user is a role, and sees and writes what `identity` says, by whatever SQL.

The owner of the tables is trusted, and asks as whom they like.  What a policy asks about the user is a sub-select without
reference to the row, so that it is answered once a statement.  Rows that belong to an object are there when it is: the
sub-select on `object` has its own policy.
"""
from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

#: What a policy asks about the user.  A plan has each of these once for every table that it reads: as functions they are planned by
#: themselves, and cost nothing in the eyes of PostgreSQL, which would count them for every row.  They are those of who asks.
FUNCTIONS = {
    "me() RETURNS integer": "SELECT u.id FROM awe_user u WHERE u.name = current_user",
    # the projects whose objects are seen: those one takes part in, and the public one that was said to be worked for
    "projects() RETURNS integer[]": """SELECT ARRAY(
SELECT m.project_id FROM project_member m JOIN awe_user u ON u.id = m.user_id WHERE u.name = current_user
UNION ALL SELECT p.id FROM project p WHERE p.public > 0 AND p.name = current_setting('awe.project', true)
AND EXISTS (SELECT 1 FROM awe_user u WHERE u.name = current_user))""",
    "managed() RETURNS integer[]": """SELECT ARRAY(SELECT m.project_id FROM project_member m JOIN awe_user u ON u.id = m.user_id
WHERE u.name = current_user AND m.manager > 0)"""}
FUNCTION = """CREATE OR REPLACE FUNCTION {prefix}{head} LANGUAGE sql STABLE PARALLEL SAFE COST 1 SET search_path = {schema}, pg_temp AS
$$ {body} $$"""
ME = "(SELECT awe_guard_me())"
PROJECTS = "(SELECT awe_guard_projects())::integer[]"
MANAGED = "(SELECT awe_guard_managed())::integer[]"
KNOWN = f"{ME} IS NOT NULL"
#: Said by what is hidden, with numbers that PostgreSQL can compare with its statistics: most objects are public.
HIDDEN = (f"privileges < 3 AND NOT (privileges = 2 AND project_id = ANY ({PROJECTS}) "
          f"OR privileges = 1 AND {{creator}} IS NOT DISTINCT FROM {ME})")
HIDDEN_FROM_THE_WORLD = "privileges = 3 AND (SELECT awe_guard_me() IS NULL)"
VISIBLE = f"(NOT ({HIDDEN}) AND NOT ({HIDDEN_FROM_THE_WORLD}))"
#: A row is there when its object is.  Without OFFSET, PostgreSQL reads all objects there are into a hash as soon as it expects many
#: rows, though a page asks for fifty of them.
SEEN_WITH_OBJECT = 'EXISTS (SELECT 1 FROM object o WHERE o.oid = "{table}".{owner} OFFSET 0)'
#: Tables that are words which objects share: every user reads and adds to them.
WORDS = ("class", "key_set", "parameters", "recipe", "scope", "span", "touched")
#: Tables of what is going on: every user reads and writes them.
GOING_ON = ("lease",)
#: Who acts: whom the connection was told to act as, else who opened it; the same inside of functions of the owner.
ACTOR = "CASE current_setting('role') WHEN 'none' THEN session_user::text ELSE current_setting('role') END"

#: Whether the line in the log is one that its writer may write; part of the function that applies it.
MAY_EDIT = """actor := {actor};
IF NOT pg_has_role(actor, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'MEMBER') THEN
SELECT u.id INTO me FROM awe_user u WHERE u.name = actor;
SELECT o.* INTO about FROM object o WHERE o.oid = NEW.oid;
theirs := about.creator_id = me;
member := EXISTS (SELECT 1 FROM project_member m WHERE m.project_id = about.project_id AND m.user_id = me);
manager := EXISTS (SELECT 1 FROM project_member m WHERE m.project_id = about.project_id AND m.user_id = me AND m.manager > 0);
seen := about.privileges >= 3 OR about.privileges = 2 AND (member OR EXISTS (SELECT 1 FROM project p WHERE p.id = about.project_id
AND p.public > 0 AND p.name = current_setting('awe.project', true))) OR about.privileges = 1 AND theirs;
IF me IS NULL OR NEW.who IS DISTINCT FROM me OR about.oid IS NULL OR NOT seen
OR abs(NEW."when" - extract(epoch FROM clock_timestamp()) * 1e6) > 3600e6 THEN
RAISE EXCEPTION 'awe: a line in the change log is about an object that its writer sees, in their name and of now'
USING ERRCODE = 'insufficient_privilege'; END IF;
allowed := CASE NEW.field
WHEN 'object' THEN about.privileges < 3 AND (theirs OR about.privileges = 2 AND manager)
AND NOT EXISTS (SELECT 1 FROM edge e WHERE e.input = NEW.oid)
WHEN 'privileges' THEN CASE WHEN greatest(about.privileges, NEW.new::int) >= 3 THEN manager ELSE theirs OR member END
WHEN 'project' THEN (manager OR theirs AND about.privileges < 3) AND EXISTS (SELECT 1 FROM project_member m
WHERE m.project_id = NEW.new::int AND m.user_id = me AND (m.manager > 0 OR about.privileges < 3))
WHEN 'is_valid' THEN theirs OR member WHEN 'quality_flags' THEN theirs OR member
WHEN 'timestamp_start' THEN theirs OR member WHEN 'timestamp_end' THEN theirs OR member
WHEN 'comment' THEN true WHEN 'review' THEN true WHEN 'announcement' THEN true ELSE false END;
IF NOT coalesce(allowed, false) THEN
RAISE EXCEPTION 'awe: %% may not change %% of this object', actor, NEW.field USING ERRCODE = 'insufficient_privilege'; END IF;
END IF;""".replace("%%", "%")
DECLARED = "actor text; me int; about object%ROWTYPE; theirs boolean; member boolean; manager boolean; seen boolean; allowed boolean;"

#: At the end of the transaction everybody who sees an object sees what it was made from.
SHARED = """CREATE OR REPLACE FUNCTION {prefix}shared() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$ BEGIN
IF pg_has_role({actor}, (SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'MEMBER') THEN RETURN NULL; END IF;
IF EXISTS (SELECT 1 FROM edge e JOIN object t ON t.oid = e.target JOIN object i ON i.oid = e.input WHERE e.target = NEW.oid AND NOT {sees})
OR EXISTS (SELECT 1 FROM edge e JOIN object t ON t.oid = e.target JOIN object i ON i.oid = e.input WHERE e.input = NEW.oid AND NOT {sees})
THEN RAISE EXCEPTION 'awe: somebody who sees an object would not see what it was made from' USING ERRCODE = 'insufficient_privilege';
END IF; {released} RETURN NULL; END $$"""
#: Nor does a release lose what its readers see.
RELEASED = """IF EXISTS (SELECT 1 FROM release_member m JOIN release t ON t.id = m.release_id JOIN object i ON i.oid = m.oid
WHERE m.oid = NEW.oid AND NOT {sees})
THEN RAISE EXCEPTION 'awe: somebody who sees a release would not see all of its members' USING ERRCODE = 'insufficient_privilege';
END IF;"""
SEES = """(i.privileges >= 3 AND i.privileges >= least(t.privileges, 4) OR i.privileges = 2 AND t.privileges <= 2
AND t.project_id = i.project_id OR i.privileges = 1 AND t.privileges = 1 AND t.creator_id = i.creator_id)"""


def may_edit() -> str:
    """The part of the function that applies a line."""
    return MAY_EDIT.format(actor=ACTOR)


def shared(prefix: str, schema: str, there: Collection[str]) -> str:
    """The function that looks at the end of a transaction."""
    released = RELEASED.format(sees=SEES) if "release_member" in there else ""
    return SHARED.format(prefix=prefix, schema=schema, actor=ACTOR, sees=SEES, released=released)


def functions(prefix: str, schema: str) -> dict[str, str]:
    """The functions that policies ask, by name."""
    return {head.split("(")[0]: FUNCTION.format(prefix=prefix, head=head, schema=schema, body=body) for head, body in FUNCTIONS.items()}


def policies(owned: Sequence[Any], there: Collection[str]) -> dict[tuple[str, str], str]:
    """(table, name of the policy) -> what it says."""
    found: dict[tuple[str, str], str] = {}

    def add(table: str, see: str, insert: str | None = None, delete: str | None = None, update: str | None = None) -> None:
        if table in there:
            says = {"see": f"FOR SELECT USING ({see})", "insert": f"FOR INSERT WITH CHECK ({insert})" if insert else "",
                    "delete": f"FOR DELETE USING ({delete})" if delete else "", "update": f"FOR UPDATE USING ({update})" if update else ""}
            found.update({(table, name): text for name, text in says.items() if text})
    mine = VISIBLE.format(creator="creator_id")
    add("object", mine, f"creator_id = {ME} AND project_id = ANY ({PROJECTS}) AND (privileges BETWEEN 1 AND 2 OR privileges <= "
        f"(SELECT p.default_privileges FROM project p WHERE p.id = project_id) OR project_id = ANY ({MANAGED}))", "privileges < 3")
    for table, owner in owned:
        of_mine = f'EXISTS (SELECT 1 FROM object o WHERE o.oid = "{table}".{owner} AND o.creator_id = {ME}'
        more = f' AND EXISTS (SELECT 1 FROM object i WHERE i.oid = "{table}".input)' if table == "edge" else ""
        add(table, SEEN_WITH_OBJECT.format(table=table, owner=owner), f"{of_mine}){more}",
            f'EXISTS (SELECT 1 FROM object o WHERE o.oid = "{table}".{owner} AND o.privileges < 3)')
    copied = ("object_id", "privileges", "project_id", "creator_id", "params_id", "value")
    same = " AND ".join(f"o.{column} = candidate.{column}" for column in copied)
    edits = f"(o.creator_id = {ME} OR o.project_id = ANY ({PROJECTS}))"
    add("candidate", mine, f"EXISTS (SELECT 1 FROM object o WHERE o.oid = candidate.oid AND o.creation_date = candidate.created "
        f"AND {same} AND {edits})", f"EXISTS (SELECT 1 FROM object o WHERE o.oid = candidate.oid AND {edits})")
    add("file", "EXISTS (SELECT 1 FROM object_file f WHERE f.sha256 = file.sha256)", KNOWN)
    add("change", f"who = {ME} OR EXISTS (SELECT 1 FROM object o WHERE o.oid = change.oid)", f"who = {ME}")
    add("job", f"who = {ME} OR {VISIBLE.format(creator='who')}", f"who = {ME}", f"who = {ME}", KNOWN)
    add("run", f"creator_id = {ME} OR {mine}", f"creator_id = {ME}", f"creator_id = {ME}", KNOWN)
    of_project = f"(project_id = 0 OR project_id = ANY ({PROJECTS}))"
    add("parameter_set", of_project, f"who = {ME} AND {of_project}")
    add("release", mine, f"creator_id = {ME} AND project_id = ANY ({PROJECTS})")
    add("release_member", "EXISTS (SELECT 1 FROM object o WHERE o.oid = release_member.oid) "
        "AND EXISTS (SELECT 1 FROM release r WHERE r.id = release_member.release_id)",
        f"{KNOWN} AND EXISTS (SELECT 1 FROM object o WHERE o.oid = release_member.oid)")
    for table in WORDS:
        add(table, "true", KNOWN)
    for table in GOING_ON:
        add(table, KNOWN, KNOWN, KNOWN, KNOWN)
    add("awe_user", "true")
    add("clock", "true")
    add("project", "true", KNOWN, None, f"id = ANY ({MANAGED})")
    alone = "NOT EXISTS (SELECT 1 FROM project_member m WHERE m.project_id = project_member.project_id)"
    managed = f"project_id = ANY ({MANAGED})"
    add("project_member", "true", f"{managed} OR {alone} AND user_id = {ME}", f"{managed} OR user_id = {ME}", managed)
    return found
