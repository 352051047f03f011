"""The guards of PostgreSQL, as text."""
from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from awe.persist import policy_postgresql

#: The names of triggers and functions, and the digest of the text that made them, which is kept as a comment.
PRESENT = """SELECT t.tgname, obj_description(t.oid, 'pg_trigger') FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND starts_with(t.tgname, '{prefix}')
UNION ALL SELECT p.proname, obj_description(p.oid, 'pg_proc') FROM pg_proc p
WHERE p.pronamespace = current_schema()::regnamespace AND starts_with(p.proname, '{prefix}')
UNION ALL SELECT p.polname, obj_description(p.oid, 'pg_policy') FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE c.relnamespace = current_schema()::regnamespace AND starts_with(p.polname, '{prefix}')"""

LIFT = """DO $$ DECLARE one record; BEGIN
FOR one IN SELECT t.tgname, t.tgrelid::regclass AS tab FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND starts_with(t.tgname, '{prefix}') AND c.relname IN ({tables}) LOOP
EXECUTE format('DROP TRIGGER %I ON %s', one.tgname, one.tab); END LOOP;
FOR one IN SELECT p.polname, p.polrelid::regclass AS tab FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE c.relnamespace = current_schema()::regnamespace AND starts_with(p.polname, '{prefix}') AND c.relname IN ({tables}) LOOP
EXECUTE format('DROP POLICY %I ON %s', one.polname, one.tab); END LOOP; END $$"""

REFUSE = """CREATE OR REPLACE FUNCTION {prefix}refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
RAISE EXCEPTION 'awe: rows of % are never %', TG_TABLE_NAME, CASE TG_OP WHEN 'DELETE' THEN 'deleted' ELSE 'changed' END
USING ERRCODE = 'integrity_constraint_violation'; END $$"""

#: The log is read by the owner: the one who deletes need not be allowed to see its lines.
DELETED = """CREATE OR REPLACE FUNCTION {prefix}delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE mine bigint := (to_jsonb(OLD) ->> TG_ARGV[0])::bigint; BEGIN
IF NOT EXISTS (SELECT 1 FROM change c WHERE c.oid = mine AND c.field = 'object' AND c.new IS NULL) THEN
RAISE EXCEPTION 'awe: rows of % are never deleted; use context.delete(obj)', TG_TABLE_NAME
USING ERRCODE = 'integrity_constraint_violation'; END IF;
RETURN OLD; END $$"""

#: A release has its members when its own row is written; what belongs to one stays.
SEALED = """CREATE OR REPLACE FUNCTION {prefix}sealed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$ BEGIN
IF EXISTS (SELECT 1 FROM release r WHERE r.id = NEW.release_id) THEN
RAISE EXCEPTION 'awe: a release never changes, and gets no more members; make another one'
USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"""
RELEASED = """CREATE OR REPLACE FUNCTION {prefix}released() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$ BEGIN
IF EXISTS (SELECT 1 FROM release_member m WHERE m.oid = OLD.oid) THEN
RAISE EXCEPTION 'awe: this object belongs to a release, and stays; invalidate it instead'
USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN OLD; END $$"""

OBJECT = """CREATE OR REPLACE FUNCTION {prefix}object() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
IF ({old}) IS DISTINCT FROM ({new}) THEN
RAISE EXCEPTION 'awe: rows of object are never changed' USING ERRCODE = 'integrity_constraint_violation'; END IF;
{checks} RETURN NEW; END $$"""

CHECK = """IF OLD.{column} IS DISTINCT FROM NEW.{column} AND NOT EXISTS (SELECT 1 FROM change c
WHERE c.seq = (SELECT max(m.seq) FROM change m WHERE m.oid = OLD.oid AND m.field = '{field}')
AND c.old::bigint = OLD.{column} AND c.new::bigint = NEW.{column}) THEN
RAISE EXCEPTION 'awe: an object is edited by a line in the change log, and {field} was to change without; use edit(obj, field, value, why)'
USING ERRCODE = 'integrity_constraint_violation'; END IF;"""

#: Somebody who edits the same at the same time waits here, and then begins anew.
APPLY = """CREATE OR REPLACE FUNCTION {prefix}apply() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE was bigint; becomes bigint; {declared} BEGIN
{may_edit}
IF NEW.field NOT IN ({fields}) THEN RETURN NEW; END IF;
was := NEW.old; becomes := NEW.new;
CASE NEW.field {cases} END CASE;
IF NOT FOUND THEN
RAISE EXCEPTION 'awe: the line in the change log does not say truly what was' USING ERRCODE = 'serialization_failure'; END IF;
IF NEW.field = 'privileges' THEN UPDATE candidate SET privileges = becomes WHERE oid = NEW.oid; END IF;
IF NEW.field = 'project' THEN UPDATE candidate SET project_id = becomes WHERE oid = NEW.oid; END IF;
RETURN NEW; END $$"""

#: The next dates, from the first on.  The lock is let go at the end of the inner block, which takes back nothing else: what a
#: sequence is set to stays.
MOMENTS = """CREATE OR REPLACE FUNCTION {prefix}moments(n bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE first bigint; BEGIN
IF n NOT BETWEEN 1 AND 1000000000 THEN
RAISE EXCEPTION 'awe: dates are given to 1 to 1000000000 things at once' USING ERRCODE = 'integrity_constraint_violation'; END IF;
BEGIN
PERFORM pg_advisory_xact_lock(hashtext('awe_clock'));
first := greatest((extract(epoch FROM clock_timestamp()) * 1000000)::bigint, (SELECT last_value + 1 FROM clock_last_seq));
PERFORM setval('clock_last_seq', first + n - 1);
RAISE EXCEPTION 'given' USING ERRCODE = 'AWE01';
EXCEPTION WHEN SQLSTATE 'AWE01' THEN NULL; END;
RETURN first; END $$"""


def texts(prefix: str, guarded: Sequence[Any], edited: Mapping[str, str], kept: Sequence[str], there: Collection[str],
          schema: str) -> dict[str, str]:
    """All functions, triggers and policies by name, functions first."""
    cases = " ".join(f"WHEN '{field}' THEN UPDATE object SET {column} = becomes WHERE oid = NEW.oid AND {column} = was;"
                     for field, column in edited.items())
    checks = "\n".join(CHECK.format(field=field, column=column) for field, column in edited.items())
    old, new = (", ".join(f"{row}.{column}" for column in kept) for row in ("OLD", "NEW"))
    bodies = policy_postgresql.functions(prefix, schema) if "project_member" in there else {}
    bodies |= {"refuse": REFUSE.format(prefix=prefix), "delete": DELETED.format(prefix=prefix, schema=schema),
              "object": OBJECT.format(prefix=prefix, old=old, new=new, checks=checks),
              "shared": policy_postgresql.shared(prefix, schema, there),
              "apply": APPLY.format(prefix=prefix, schema=schema, declared=policy_postgresql.DECLARED, cases=cases,
                                    may_edit=policy_postgresql.may_edit(), fields=", ".join(f"'{field}'" for field in edited))}
    if "release_member" in there:
        bodies |= {"sealed": SEALED.format(prefix=prefix, schema=schema), "released": RELEASED.format(prefix=prefix, schema=schema)}
    found = {prefix + name: _noted(f"FUNCTION {prefix}{name}()", body) for name, body in bodies.items()}
    if "clock" in there:
        found[f"{prefix}moments"] = _noted(f"FUNCTION {prefix}moments(bigint)", MOMENTS.format(prefix=prefix, schema=schema))

    def add(table: str, what: str, when: str, function: str) -> None:
        name = f"{prefix}{table}_{what}"
        made = f'CREATE OR REPLACE TRIGGER "{name}" {when} ON "{table}" FOR EACH ROW EXECUTE FUNCTION {prefix}{function}'
        found[name] = _noted(f'TRIGGER "{name}" ON "{table}"', made)
    add("change", "applied", "AFTER INSERT", "apply()")
    add("object", "update", "BEFORE UPDATE", "object()")
    if "release_member" in there:
        add("release_member", "insert", "BEFORE INSERT", "sealed()")
        add("object", "released", "BEFORE DELETE", "released()")
    for table, owner in [*guarded, ("object", "oid")]:
        if table != "object":
            add(table, "update", "BEFORE UPDATE", "refuse()")
        add(table, "delete", "BEFORE DELETE", f"delete('{owner}')" if owner else "refuse()")
    name = f"{prefix}change_shared"
    found[name] = _noted(f'TRIGGER "{name}" ON change', f"DROP TRIGGER IF EXISTS {name} ON change; CREATE CONSTRAINT TRIGGER {name} "
                         "AFTER INSERT ON change DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.field IN ('privileges', 'project')) "
                         f"EXECUTE FUNCTION {prefix}shared()")
    owned = [each for each in guarded if each.owner]
    for (table, kind), says in policy_postgresql.policies(owned, there).items():
        name = f"{prefix}{table}_may_{kind}"
        found[name] = _noted(f'POLICY "{name}" ON "{table}"', f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY; '
                             f'DROP POLICY IF EXISTS "{name}" ON "{table}"; CREATE POLICY "{name}" ON "{table}" {says}')
    return found


def known(text: str) -> str:
    """The comment that what was made by `text` has."""
    return hashlib.sha256(text.rsplit(";\nCOMMENT ON", 1)[0].encode()).hexdigest()


def _noted(what: str, text: str) -> str:
    return f"{text};\nCOMMENT ON {what} IS '{known(text)}'"
