"""What people say of an object: on its quality page and in the API, taken back by who said it, seen by who sees the object."""
from __future__ import annotations

from tests.services.conftest import Served, form_token


def test_what_is_said_stands_on_the_quality_page_until_it_is_taken_back(served: Served) -> None:
    where = f"/quality/{served.identities[3]}"
    browser = served.log_in("eve")
    page = browser.get(where)
    given = {"text": "<b>clouds</b>", "kind": "review", "rating": "2", "csrf": form_token(page.text)}
    assert browser.post(f"{where}/comment", data=given).headers["location"] == where
    page = browser.get(where).text
    assert "&lt;b&gt;clouds&lt;/b&gt;" in page and "2 of 5" in page and "said marker3" in page and page.count("take back") == 1
    told = served.client.get(f"/api/v1{where}", headers=served.headers("ann")).json()
    assert [(one["who"], one["rating"]) for one in told["comments"]] == [("ann", None), ("eve", 2)]
    seq = told["comments"][1]["seq"]
    refused = served.client.post("/api/v1/undo", json={"seq": [seq], "why": "no"}, headers=served.headers("ann"))
    assert refused.status_code == 403 and "who alone can take it back" in refused.json()["detail"]
    assert browser.post("/undo", data={"seq": str(seq), "why": "no", "next": where, "csrf": given["csrf"]}).status_code == 303
    assert "clouds" not in browser.get(where).text.partition('id="comments"')[2].partition("</section>")[0]


def test_nothing_is_said_of_what_cannot_be_seen_nor_by_nobody_nor_in_no_words(served: Served) -> None:
    def answer(level: int, user: str, **given: object) -> int:
        url = f"/api/v1/quality/{served.identities[level]}/comment"
        return served.client.post(url, json={"text": "seen", **given}, headers=served.headers(user)).status_code
    assert answer(2, "eve") == answer(1, "bob") == 404 and answer(5, "") == 401
    assert [answer(5, "eve", **wrong) for wrong in ({"text": " "}, {"rating": 3}, {"rating": 9, "kind": "review"}, {"kind": "x"},
                                                    {"text": "\0"}, {"text": "x" * 2001})] == [400] * 6
