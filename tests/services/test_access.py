"""Who asks, and who may change something: log-in, cookies, tokens, forms of other sites, and too many tries."""
from __future__ import annotations

import dataclasses
import re

import pytest
from starlette.testclient import TestClient

from awe.services import tokens
from awe.services.rate import Rate
from awe.services.session import COOKIE
from tests.services.conftest import PASSWORD, Served, form_token


@pytest.fixture(autouse=True)
def patient(served: Served) -> None:
    """Each test begins with all tries."""
    served.house.tries, served.house.callers = Rate(5, 20.0), Rate(30, 5.0)


def test_who_logs_in_is_known_until_they_log_out(served: Served) -> None:
    browser = served.log_in("ann")
    cookie = next(cookie for cookie in browser.cookies.jar if cookie.name == COOKIE)
    assert cookie.has_nonstandard_attr("HttpOnly") and cookie.get_nonstandard_attr("SameSite") == "lax"
    page = browser.get("/")
    assert "ann" in page.text and "Welcome, ann" in page.text and "Welcome" not in browser.get("/").text
    assert browser.post("/logout", data={"csrf": form_token(page.text)}).status_code == 303
    assert "Log in" in browser.get("/").text


@pytest.mark.parametrize(("user", "password"), [
    ("ann", "wrong password"), ("nobody", PASSWORD), ("", PASSWORD), ("ann", ""), ("a\x00b", "x")])
def test_a_wrong_password_and_a_user_who_is_not_there_are_told_alike(served: Served, user: str, password: str) -> None:
    browser = TestClient(served.client.app)
    token = form_token(browser.get("/login").text)
    answer = browser.post("/login", data={"user": user, "password": password, "csrf": token})
    assert answer.status_code in (400, 403) and COOKIE not in {cookie.name for cookie in browser.cookies.jar if "ann" in str(cookie.value)}
    assert "do not belong together" in answer.text or answer.status_code == 400


def test_who_tries_too_often_has_to_wait(served: Served) -> None:
    browser = TestClient(served.client.app)
    token = form_token(browser.get("/login").text)
    answers = [browser.post("/login", data={"user": "bob", "password": "guess", "csrf": token}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429] and int(answers[-1].headers["retry-after"]) <= 20
    right = browser.post("/login", data={"user": "bob", "password": PASSWORD, "csrf": token})
    assert right.status_code == 429, "not even the right one is tried then"


def test_a_form_of_another_page_is_refused(served: Served) -> None:
    browser = served.log_in("ann")
    token = form_token(browser.get("/").text)
    for sent, headers in (({}, {}), ({"csrf": "0" * 64}, {}), ({"csrf": form_token(served.log_in("bob").get("/").text)}, {}),
                          ({"csrf": token}, {"Sec-Fetch-Site": "cross-site"})):
        answer = browser.post("/project", data={"project": "secret", **sent}, headers=headers)
        assert answer.status_code == 403
    assert browser.post("/project", data={"project": "secret", "csrf": token}).status_code == 303
    assert browser.post("/project", data={"project": "open", "csrf": token}).status_code == 303, "a public one"
    assert browser.post("/project", data={"project": "not-there", "csrf": token}).status_code == 403


def test_a_cookie_that_was_written_by_hand_says_nothing(served: Served) -> None:
    browser = served.log_in("ann")
    cookie = browser.cookies[COOKIE]
    for forged in ("", "x", cookie[:-2] + ("aa" if cookie[-2:] != "aa" else "bb"), cookie.split(".")[0], cookie * 20):
        other = TestClient(served.client.app, cookies={COOKIE: forged})
        assert "Log in" in other.get("/").text


def test_a_new_password_ends_all_log_ins(served: Served) -> None:
    browser = served.log_in("eve")
    assert "<b>eve</b>" in browser.get("/").text
    served.house.accounts.set_password("eve", PASSWORD)
    assert "<b>eve</b>" not in browser.get("/").text


def test_tokens(served: Served) -> None:
    for stated in ("Bearer nonsense", "Basic YW5uOng=", "Bearer", "bearer a b"):
        answer = served.client.get("/api/v1/database", headers={"Authorization": stated})
        assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["status"] == 401
    given = tokens.give(served.home, "bob", "secret", name="a laptop")
    assert served.client.get("/api/v1/database", headers={"Authorization": f"Bearer {given}"}).status_code == 200
    (held,) = [one for one in tokens.read(served.home) if one.name == "a laptop"]
    assert tokens.revoke(served.home, "bob", held.sha256) == 1
    assert served.client.get("/api/v1/database", headers={"Authorization": f"Bearer {given}"}).status_code == 401


@pytest.mark.parametrize("path", ["/", "/login", "/nope", "/api/v1/instance", "/api/openapi.json", "/files/none", "/static/x/awe.css"])
def test_every_answer_keeps_a_browser_on_this_host(served: Served, path: str) -> None:
    answer = served.client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r'style="|<style|<script(?! src="/static)|\son\w+="', answer.text)
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', answer.text)


def test_nobody_is_sent_to_another_host_after_log_in(served: Served) -> None:
    for target in ("//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/\n/evil"):
        browser = TestClient(served.client.app, follow_redirects=False)
        page = browser.get("/login", params={"next": target})
        answer = browser.post("/login", data={"user": "ann", "password": PASSWORD, "csrf": form_token(page.text), "next": target})
        assert (answer.status_code, answer.headers.get("location")) == (303, "/") or answer.status_code == 400


def test_health_tells_of_a_file_server_that_is_away(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served.client.get("/api/v1/health").json()["is_well"]
    instance = served.house.instance
    monkeypatch.setattr(instance, "client", object())
    monkeypatch.setattr(instance, "config", dataclasses.replace(instance.config, fileserver="http://127.0.0.1:9"))
    told = served.client.get("/api/v1/health").json()
    assert not told["is_well"] and {"what": "file server", "is_well": False, "words": "does not answer"} in told["health"]


def test_colours_are_remembered(served: Served) -> None:
    browser = TestClient(served.client.app, follow_redirects=False)
    assert browser.post("/theme", data={"theme": "dark", "next": "/database"}).headers["location"] == "/database"
    assert 'data-theme="dark"' in browser.get("/").text
    assert browser.post("/theme", data={"theme": "pink"}).status_code == 400


def test_secrets_are_for_the_owner_alone(served: Served) -> None:
    for name in ("accounts.toml", "tokens.toml", "cookies.key"):
        assert (served.home / name).stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in (served.home / "accounts.toml").read_text()


@pytest.mark.parametrize("name", ["a\nb", "\x11", "\r\n[[token]]\n", '"; \\', "\x7f", "na\u00efve \U0001f52d"])
def test_a_token_of_any_name_leaves_those_of_others_readable(served: Served, name: str) -> None:
    given = served.client.post("/api/v1/account/tokens", json={"name": name}, headers=served.headers("eve"))
    told = served.client.get("/api/v1/account", headers=served.headers("eve")).json()
    assert given.status_code == 200 and name.strip() in [one["name"] for one in told["tokens"]]
    assert served.client.get("/api/v1/account", headers=served.headers("ann")).status_code == 200
