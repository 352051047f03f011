"""Every page, and its twin in the API, for everybody: what somebody may not see is nowhere, and a fault nowhere either.

Pages that are added are walked over without a word here, as long as their parameters say what they name (`Parameter.of`).
"""
from __future__ import annotations

import itertools
from typing import Any

import pytest

from awe.persist.context import context
from awe.services.app import all_pages
from awe.services.declared import Parameter
from awe.services.page import Page
from tests.services.conftest import LEAST, LEVELS, Served

PAGES = {page.name: page for page in all_pages()}
#: So many requests of one page try its optional parameters too.
MOST = 80
PLAIN: dict[type, str] = {str: "x", int: "1", float: "1", bool: "yes"}


#: Statements that would read everything, if they could; some try to reach around what holds them.
STATEMENTS = (
    "SELECT * FROM filter JOIN object ON object.oid = filter.oid", "SELECT * FROM change", "SELECT * FROM object_file",
    "SELECT * FROM master_bias", "SELECT o.object_id, e.* FROM edge e JOIN object o ON o.oid = e.target", "SELECT * FROM main.filter",
    "SELECT * FROM public.filter", "WITH object AS (SELECT * FROM main.filter) SELECT * FROM object",
    "SELECT * FROM (SELECT * FROM main.filter) AS filter", "SELECT sql FROM sqlite_temp_master", "SELECT * FROM candidate",
    "SELECT count(*) FROM filter WHERE CASE WHEN name = 'mar' || 'ker1' THEN abs(-9223372036854775807 - 1) > 0 ELSE false END",
    "SELECT set_config('role', 'none', false), * FROM filter", "SELECT query_to_xml('SELECT * FROM filter', true, true, '')")


def values_of(served: Served, one: Parameter) -> list[str]:
    """What a parameter is tried with."""
    if one.of == "object":
        return [*served.identities.values(), *(identity[:8] for identity in served.identities.values()), *served.names.values()]
    if one.of == "change":
        return [str(seq) for seq in served.changes.values()]
    if one.of == "file":
        return [*served.names.values(), *served.hashes.values()]
    if one.of == "class":
        return ["Filter", "Instrument", "DBObject"]
    if one.choices:
        return list(one.choices)
    if one.of == "sql":
        return list(STATEMENTS)
    if one.of == "path":
        return ["name"]
    if one.type in PLAIN:
        return [str(one.default if one.default is not None and not one.several else PLAIN[one.type])]
    return ["2026-03-01T12:00"]


def requests(served: Served, page: Page) -> list[tuple[str, str, dict[str, str]]]:
    """All ways in which a page is asked: (method, path, values), with one optional parameter at a time."""
    known = page.all_parameters
    needed = {name: values_of(served, one) for name, one in known.items() if name in page.in_path or one.required}
    more: list[dict[str, str]] = [{}]
    more += [{name: value} for name, one in known.items() if name not in needed for value in values_of(served, one)]
    found = []
    for path in filter(None, (page.path, page.twin)):
        for chosen in itertools.product(*needed.values()):
            given = dict(zip(needed, chosen, strict=True))
            filled = path.format(**{name: given[name] for name in page.in_path})
            rest = {name: value for name, value in given.items() if name not in page.in_path}
            found += [(page.method, filled, {**rest, **extra}) for extra in (more if len(found) < MOST else more[:1])]
    return found


@pytest.fixture(autouse=True)
def membership(served: Served) -> None:
    """Pages that change who takes part in a project were walked over before: bob is a member again."""
    with served.house.seen_by(served.house.identity("ann", "secret")):
        context.add_member("bob", "secret")


def as_json(one: Parameter, value: str) -> Any:
    """A value as a program sends it."""
    typed = value == "yes" if one.type is bool else one.type(value) if one.type in (int, float) else value
    return [typed] if one.several else typed


def said(answer: Any, given: dict[str, str], path: str) -> bytes:
    """Everything that an answer says, without what was asked."""
    text = answer.content + repr(list(answer.headers.items())).encode()
    for asked in sorted([*given.values(), *path.split("/")], key=len, reverse=True):
        text = text.replace(asked.encode(), b"") if len(asked) > 6 else text
    return text


#: Who may do so really shows things to others here, which the other walks would take for leaks.
OWNER_ONLY = {("publish", "ann")}


@pytest.mark.parametrize("user", LEAST)
def test_what_may_be_seen_is_there(served: Served, user: str) -> None:
    seen = {f"marker{level}" for level in LEVELS if level >= LEAST[user]}
    headers = served.headers(user)
    listed = served.client.get("/api/v1/database/Filter", params={"column": "name"}, headers=headers).json()
    assert {row[0] for row in listed["rows"]} == seen and listed["count"] == len(seen)
    for level in LEVELS:
        page = served.client.get(f"/object/{served.identities[level]}", headers=headers)
        file = served.client.get(f"/files/{served.names[level]}", headers=headers)
        absent = served.client.get("/object/0123456789abcdef0123456789abcdef", headers=headers)
        if level >= LEAST[user]:
            assert page.status_code == 200 and f"marker{level}" in page.text and served.names[level] in page.text
            assert file.status_code == 200 and file.content == f"marker{level}".encode() * 100
        else:
            assert page.status_code == absent.status_code == 404 and file.status_code == 404


@pytest.mark.parametrize(("name", "user"), [(name, user) for name in PAGES for user in LEAST if (name, user) not in OWNER_ONLY])
def test_what_is_hidden_is_nowhere(served: Served, name: str, user: str) -> None:
    hidden = [level for level in LEVELS if level < LEAST[user]]
    for method, path, given in requests(served, PAGES[name]):
        sent = {"params": given} if method == "GET" else {"data": given}
        if method == "POST" and path.startswith("/api"):
            sent = {"json": {key: as_json(PAGES[name].all_parameters[key], value) for key, value in given.items()}}
        answer = served.client.request(method, path, headers=served.headers(user), **sent)
        assert answer.status_code < 500, (path, given, answer.text[:500])
        text = said(answer, given, path)
        for level in hidden:
            for secret in (f"marker{level}", served.hashes[level], served.identities[level], served.identities[level][:8]):
                assert secret.encode() not in text, (path, given)
