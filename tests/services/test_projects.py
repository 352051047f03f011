"""Projects, members, tokens and publishing through pages, on both databases."""
from __future__ import annotations

import pytest

from tests.services.conftest import Served, form_token


def send(served: Served, path: str, asker: str = "ann", **values):
    return served.client.post(f"/api/v1{path}", json=values, headers=served.headers(asker))


def look(served: Served, path: str, asker: str = "ann", **params):
    return served.client.get(f"/api/v1{path}", params=params, headers=served.headers(asker))


def test_a_project_is_founded_joined_and_left(served: Served) -> None:
    assert send(served, "/projects/found", name="deep", description="deep fields", private=True).status_code == 200
    assert send(served, "/projects/found", name="deep").status_code in (400, 403, 409)
    told = look(served, "/projects/deep").json()
    assert told["is_managed"] and told["members"] == ["ann"] and not told["public"]
    added = send(served, "/projects/deep/add", user="bob")
    assert added.status_code == 200, added.text
    assert send(served, "/projects/deep/add", "bob").status_code in (400, 403)
    assert set(look(served, "/projects/deep", "bob").json()["members"]) == {"ann", "bob"}
    assert look(served, "/projects/deep", "eve").json()["members"] == []
    assert send(served, "/projects/deep/privileges", "bob", privileges="1").status_code == 403
    assert send(served, "/projects/deep/privileges", privileges="2").json()["privileges"] == 2
    assert send(served, "/projects/deep/remove", "bob", user="bob").status_code == 200
    assert send(served, "/projects/deep/remove", user="ann").status_code in (400, 403), "somebody has to manage it"
    assert look(served, "/projects/nowhere").status_code == 404


def test_who_asks_in_a_way_that_there_is_not_is_told_the_right_ones(served: Served) -> None:
    for path, allowed in (("/projects/found", {"POST"}), ("/projects/open", {"GET", "HEAD"})):
        answer = served.client.options(f"/api/v1{path}")
        assert answer.status_code == 405 and set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/projects", "/projects/open", "/account"])
def test_only_those_who_are_logged_in_see_people(served: Served, path: str) -> None:
    assert look(served, path, "").status_code == 401
    assert served.client.get(path).headers["location"].startswith("/login")
    assert served.client.get(path, headers=served.headers("eve")).status_code == 200


def test_a_token_is_shown_once_works_and_is_taken_away(served: Served) -> None:
    browser = served.log_in("eve")
    page = browser.post("/account/tokens", data={"name": "notebook", "csrf": form_token(browser.get("/account").text)})
    token = page.text.split('id="token">')[1].split("<")[0]
    assert served.client.get("/api/v1/account", headers={"Authorization": f"Bearer {token}"}).json()["user"] == "eve"
    assert token not in browser.get("/account").text
    listed = look(served, "/account", "eve").json()["tokens"]
    (mine,) = [one for one in listed if one["name"] == "notebook"]
    assert not mine["may_edit"] and send(served, "/account/tokens/revoke", "bob", sha256=mine["sha256"]).status_code == 404
    assert send(served, "/account/tokens/revoke", "eve", sha256=mine["sha256"]).status_code == 200
    assert served.client.get("/api/v1/account", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_publishing_is_looked_at_first_and_refused_where_it_is_not_theirs(served: Served) -> None:
    identity = served.identities[3]
    told = look(served, f"/publish/{identity}", privileges="4").json()
    assert told["counts"] == {"Filter": 1} and told["is_now"] == 3 and not told["refused"]
    assert look(served, f"/publish/{identity}", "eve", privileges="4").json()["refused"]
    assert send(served, f"/publish/{identity}", "eve", privileges="4", why="mine now").status_code == 403
    assert send(served, f"/publish/{identity}", privileges="4", why=" ").status_code == 400
    assert send(served, f"/publish/{served.identities[1]}", "bob", privileges="4", why="x").status_code == 404
    page = served.client.get(f"/publish/{identity}?privileges=4", headers=served.headers("ann"))
    assert page.status_code == 200 and "Would be 4" in page.text
