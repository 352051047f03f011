"""Projects and people: who works together, what new objects are, one's own tokens; raising the privileges of objects."""
from __future__ import annotations

from typing import Any

from awe.errors import NotFoundError, QueryError
from awe.face.named import object_named
from awe.persist import project as project_rows
from awe.persist.identity import LEVELS
from awe.persist.publish import publish
from awe.services import tokens
from awe.services.asked import Asked
from awe.services.card import brief
from awe.services.declared import Parameter
from awe.services.page import Page
from awe.services.shown import Done, Shown

#: So many objects of a closure are told one by one.
LISTED = 200
PRIVILEGES = tuple(str(level) for level in LEVELS)


def projects(asked: Asked) -> Shown:
    """All projects."""
    found = [told(asked, one) for one in project_rows.projects(asked.database)]
    return Shown("projects.html", "Projects", {"projects": found}, awe="context.projects()")


def told(asked: Asked, one: project_rows.Project) -> dict[str, Any]:
    """One project; who takes part in a private one is told to those who do."""
    user = asked.identity.user
    mine = user in one.members
    found = {**one.as_dict(), "is_mine": mine, "is_managed": user in one.managers, "level": LEVELS[one.privileges]}
    return found if one.public or mine else {**found, "members": [], "managers": []}


def project(asked: Asked) -> Shown:
    """One project."""
    found = told(asked, project_rows.project_named(asked.database, asked["project"]))
    return Shown("project.html", f"Project {found['name']}", found, awe=f"context.set_project({found['name']!r})", more={"levels": LEVELS})


def create(asked: Asked) -> Done:
    """Found a project."""
    name = asked["name"].strip()
    project_rows.make_project(asked.database, name, asked["description"].strip(), public=not asked["private"],
                              privileges=int(asked["privileges"]))
    return Done(f"{name} is a project now, and you manage it.", f"/projects/{name}", {"project": name})


def add(asked: Asked) -> Done:
    """Let a user take part."""
    project_rows.add_member(asked.database, asked["project"], asked["user"].strip(), manager=asked["manager"])
    return Done(f"{asked['user']} takes part.", f"/projects/{asked['project']}", {"user": asked["user"]})


def remove(asked: Asked) -> Done:
    """Let a user take part no more."""
    project_rows.remove_member(asked.database, asked["project"], asked["user"])
    return Done(f"{asked['user']} takes part no more.", f"/projects/{asked['project']}", {"user": asked["user"]})


def usual(asked: Asked) -> Done:
    """Set what new objects of a project usually are."""
    level = int(asked["privileges"])
    project_rows.set_usual_privileges(asked.database, asked["project"], level)
    return Done(f"New objects are {LEVELS[level]} from now on.", f"/projects/{asked['project']}", {"privileges": level})


# ---------------------------------------------------------------------- tokens

def account(asked: Asked) -> Shown:
    """Who is logged in, and their tokens."""
    return Shown("account.html", asked.need_user().user, {"user": asked.identity.user, "project": asked.identity.project,
                                                          "tokens": own_tokens(asked)}, more={"token": ""}, awe="context")


def own_tokens(asked: Asked) -> list[dict[str, Any]]:
    """The tokens of who asks, by the beginning of their digests."""
    return [{"sha256": one.sha256[:16], "name": one.name, "project": one.project, "may_edit": one.may_edit, "may_put": one.may_put}
            for one in tokens.read(asked.house.instance.config.home) if one.user == asked.need_user().user]


def give(asked: Asked) -> Shown:
    """Make a token; it is shown this once."""
    who = asked.need_user()
    made = tokens.give(asked.house.instance.config.home, who.user, who.project, may_edit=asked["may_edit"], name=asked["name"].strip())
    return Shown("account.html", who.user, {"user": who.user, "project": who.project, "tokens": own_tokens(asked), "token": made})


def revoke(asked: Asked) -> Done:
    """Take a token away."""
    home, user = asked.house.instance.config.home, asked.need_user().user
    digests = [one.sha256 for one in tokens.read(home) if one.user == user and one.sha256.startswith(asked["sha256"])]
    if len(digests) != 1:
        raise NotFoundError(f"you have no token {asked['sha256'][:16]!r}")
    tokens.revoke(home, user, digests[0])
    return Done("The token is worth nothing any more.", "/account", {"revoked": 1})


# ---------------------------------------------------------------------- publishing

def publication(asked: Asked) -> Shown:
    """What would be shown to whom, if the privileges of an object were changed."""
    obj = object_named(asked.instance, asked["id"])
    level = int(asked["privileges"])
    found = publish([obj], level, closure=asked["closure"], dry_run=True)
    rows = found.as_dict()
    data = {"object": brief(obj), "is_now": obj.privileges, "privileges": level, "level": LEVELS[level], "closure": asked["closure"],
            "counts": rows["counts"], "files": rows["files"], "objects": rows["objects"][:LISTED], "refused": rows["refused"][:LISTED]}
    return Shown("publish.html", f"Publish {brief(obj)['class']} {obj.object_id[:8]}", data, more={"levels": LEVELS},
                 awe=f"publish([{brief(obj)['class']}(object_id={obj.object_id!r})], {level}, closure={asked['closure']}, dry_run=True)")


def raise_privileges(asked: Asked) -> Done:
    """Change the privileges of an object, and with `closure` of what it was made from."""
    obj = object_named(asked.instance, asked["id"])
    if not asked["why"].strip():
        raise QueryError("say why: it stands in the change log")
    found = publish([obj], int(asked["privileges"]), asked["why"].strip(), closure=asked["closure"])
    return Done(f"Brought {found}.", f"/object/{obj.object_id}", found.as_dict())


PROJECT = Parameter("project", str, "the name of a project", longest=63)
NAME = Parameter("name", str, "its name", required=True, longest=63)
USER = Parameter("user", str, "the name of a user", required=True, longest=63)
LEVEL = Parameter("privileges", str, "1 MyDB, 2 Project, 3 Astro-WISE, 4 World, 5 VO", "3", choices=PRIVILEGES)
ID = Parameter("id", str, "the beginning of an object_id", of="object", longest=300)
CLOSURE = Parameter("closure", bool, "what it was made from too", False)


def change(name: str, path: str, answer: Any, summary: str, *parameters: Parameter) -> Page:
    """A page that changes something."""
    return Page(name, path, answer, summary, parameters, method="POST", needs_user=True)


PAGES = [
    Page("projects", "/projects", projects, "all projects", needs_user=True, menu="Projects", rank=70),
    Page("project", "/projects/{project}", project, "one project, and who takes part", (PROJECT,), needs_user=True),
    change("found", "/projects/found", create, "found a project", NAME, Parameter("description", str, "what it is for", ""), LEVEL,
           Parameter("private", bool, "members alone may work for it", False)),
    change("add member", "/projects/{project}/add", add, "let a user take part", PROJECT, USER,
           Parameter("manager", bool, "as a manager", False)),
    change("remove member", "/projects/{project}/remove", remove, "let a user take part no more", PROJECT, USER),
    change("usual privileges", "/projects/{project}/privileges", usual, "what new objects of a project are", PROJECT, LEVEL),
    Page("account", "/account", account, "who is logged in, and their tokens", needs_user=True),
    change("give token", "/account/tokens", give, "make a token for programs", Parameter("name", str, "what it is for", "", longest=100),
           Parameter("may_edit", bool, "whether it may change something", False)),
    change("revoke token", "/account/tokens/revoke", revoke, "take a token away",
           Parameter("sha256", str, "the beginning of its digest", required=True, longest=64)),
    Page("publication", "/publish/{id}", publication, "what would follow if the privileges of an object were changed", (ID, LEVEL, CLOSURE),
         needs_user=True),
    change("publish", "/publish/{id}", raise_privileges, "change the privileges of an object", ID, LEVEL, CLOSURE,
           Parameter("why", str, "the reason", required=True)),
]
