import itertools

import pytest
from persist_sky import Chip

from awe.errors import ForbiddenError, NotFoundError, QueryError
from awe.persist.bulk import bulk_insert
from awe.persist.context import context
from awe.persist.edit import edit
from awe.persist.user import add_user

COUNT = itertools.count()


@pytest.fixture
def moon(database):
    """A public project of ann, with bob in it; other projects for each test."""
    name = f"moon{next(COUNT)}"
    context.set_user("ann")
    context.make_project(name, "rocks", privileges=2)
    context.add_member("bob", name)
    context.set_project(name)
    yield name
    context.set_user("ann")
    context.set_project("sky")


def project(name):
    return next(each for each in context.projects if each.name == name)


def test_projects_show_managers_and_members(moon):
    found = project(moon)
    assert (found.description, found.public, found.privileges) == ("rocks", True, 2)
    assert (found.managers, found.members) == (("ann",), ("ann", "bob"))
    assert found.as_dict()["members"] == ("ann", "bob") and "new objects are Project" in repr(found)
    assert moon in next(user for user in context.users if user.name == "bob").projects


def test_managers_add_promote_and_remove(moon):
    context.add_member("cat", manager=True)
    assert project(moon).managers == ("ann", "cat")
    context.add_member("cat")
    assert project(moon).managers == ("ann",) and "cat" in project(moon).members
    context.remove_member("cat")
    assert project(moon).members == ("ann", "bob")
    with pytest.raises(NotFoundError, match="cat is no member"):
        context.remove_member("cat")
    for change in (lambda: context.remove_member("ann"), lambda: context.add_member("ann")):
        with pytest.raises(ForbiddenError, match="the only manager"):
            change()


def test_others_cannot_and_members_may_leave(moon):
    context.set_user("bob")
    for change in (lambda: context.add_member("eve"), lambda: context.remove_member("ann")):
        with pytest.raises(ForbiddenError, match=r"bob is no manager of moon"):
            change()
    context.remove_member("bob")
    assert project(moon).members == ("ann",)
    with pytest.raises(NotFoundError, match="did you mean"):
        context.add_member("eve", moon[:-1])


def test_nobody_in_particular_changes_nothing(moon):
    context.set_user("")
    for change in (lambda: context.make_project("mars"), lambda: context.add_member("eve"), lambda: context.remove_member("ann")):
        with pytest.raises(ForbiddenError, match="nobody in particular"):
            change()


@pytest.mark.parametrize("name", ["", " x", "x\n", "a\0b", "x" * 64])
def test_names_that_cannot_be(database, name):
    for make in (lambda: context.make_project(name), lambda: context.add_member(name), lambda: add_user(database, name)):
        with pytest.raises(QueryError, match="cannot be the name of a"):
            make()


def test_users_are_added_once(database):
    assert add_user(database, "dora") and not add_user(database, "dora")


def test_new_objects_are_what_is_usual_and_only_managers_make_more(moon):
    context.set_user("bob")
    assert context.privileges == 2
    for make in (lambda: context.set_privileges(3), lambda: Chip(name="b", privileges=3).commit(),
                 lambda: bulk_insert(Chip, {"name": ["b"], "privileges": [4]})):
        with pytest.raises(ForbiddenError, match=r"bob is no manager of moon.* makes objects up to Project"):
            make()
    context.set_privileges(1)
    context.set_user("ann")
    context.set_privileges(5)
    with pytest.raises(QueryError, match="1 MyDB"):
        Chip(name="b", privileges=6).commit()


def test_privileges_that_are_given_are_those_of_the_project_or_lower(moon, database):
    with pytest.raises(ForbiddenError, match="no manager"):
        database.find_identity("bob", moon, 3)
    assert database.find_identity("bob", moon).privileges == 2 and database.find_identity("bob", moon, 1).privileges == 1


def test_who_edits(moon):
    context.set_privileges(3)
    made = Chip(name="judged")
    made.commit()
    context.set_user("eve")
    with pytest.raises(ForbiddenError, match=r"was made by ann for moon.* and eve is none"):
        edit(made, "is_valid", 0, "envy")
    context.set_user("bob")
    edit(made, "is_valid", 0, "a scratch")
    with pytest.raises(ForbiddenError, match="only managers of moon"):
        edit(made, "privileges", 2, "take back")
    context.set_user("ann")
    edit(made, "privileges", 2, "take back")
