"""The sentences of the pages: they name what they are about, and lead on from where something went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from storage import recent_scans
from tests import shop as shops
from tests.integration import page_text, web_server
from tests.integration.web_server import OPS, Served
from tests.page import mirrors
from tests.page.mirrors import Mirror
from web.failures import MOST

FORM = {**page_text.HTML, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    made = mirrors.open_small(tmp_path)
    yield made
    made.close()


@pytest.fixture
def served(mirror: Mirror) -> Iterator[Served]:
    with web_server.serving(mirror.config) as found:
        yield found


def hold(mirror: Mirror, count: int) -> str:
    """A scan that holds so many deletions of things; its id."""
    at = mirrors.now()
    mirror.see("things", [(str(key), {"id": key}) for key in range(1, 24)], at=at - timedelta(hours=1))
    mirror.hold("things", [str(key) for key in range(1, count + 1)], at=at)
    with mirror.database.read() as session:
        return recent_scans.read(session, "shop", "things", limit=1)[0].id


def test_who_approves_is_asked_about_how_many_of_what(mirror: Mirror, served: Served) -> None:
    page = page_text.read(served, OPS, f"/actions/approve/{hold(mirror, 12)}")
    assert "Look again at 12 deletions of shop:things, and delete what is still absent?" in page
    assert "They are 1, 10, 11, 12, 2, …, of 23 records." in page


def test_who_comes_late_is_asked_about_what_a_later_scan_holds(mirror: Mirror, served: Served) -> None:
    first = hold(mirror, 12)
    later = hold(mirror, 13)
    with served.client(OPS, headers=page_text.HTML, follow_redirects=True) as client:
        answer = client.get(f"/actions/approve/{first}")
    assert answer.url.path == f"/actions/approve/{later}"
    assert "Look again at 13 deletions of shop:things" in page_text.of(answer.text)


def test_what_late_and_last_seen_count_from_is_said_where_a_list_is_late(mirror: Mirror, served: Served) -> None:
    said = "Late counts from the beginning of the last look, last seen from its end."
    for name in mirror.resources["shop"]:
        mirror.scan(name, at=mirrors.now())
    assert said not in page_text.read(served, OPS, "/")
    mirror.scan("things", at=mirrors.now() - timedelta(days=3))
    assert said in page_text.read(served, OPS, "/")


def test_what_is_held_no_more_is_not_asked_about(served: Served) -> None:
    with served.client(OPS, headers=page_text.HTML) as client:
        answer = client.get("/actions/approve/nothing")
    assert answer.status_code == 400
    assert "the scan nothing holds nothing back any more" in page_text.of(answer.text)


def test_a_wrong_token_leads_back_to_the_form_and_then_to_what_was_asked_for(served: Served) -> None:
    form = {"token": "wrong-token-123", "next": "/changes?kind=updated"}
    with served.client(headers=FORM) as client:
        wrong = client.post("/login", data=form)
        assert wrong.status_code == 401
        assert "This token is not known here" in page_text.of(wrong.text)
        assert 'name=next value="/changes?kind=updated"' in wrong.text
        assert "wrong-token-123" not in wrong.text
        right = client.post("/login", data={**form, "token": OPS})
        assert 'url=/changes?kind=updated"' in right.text


def test_who_has_tried_too_often_is_told_how_long_to_wait_beside_the_form(served: Served) -> None:
    with served.client(headers=FORM) as client:
        for _ in range(MOST):
            client.post("/login", data={"token": "wrong", "next": "/seal"})
        waits = client.post("/login", data={"token": OPS, "next": "/seal"})
    assert waits.status_code == 429
    assert int(waits.headers["retry-after"]) > 0
    assert "Too many wrong tokens came from 127.0.0.1: try again in" in page_text.of(waits.text)
    assert 'name=next value="/seal"' in waits.text


def test_a_program_that_sends_a_wrong_token_to_the_form_gets_a_problem_document(served: Served) -> None:
    with served.client(headers={"Sec-Fetch-Site": "none"}) as client:
        answer = client.post("/login", data={"token": "wrong"})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


def test_where_nothing_was_seen_yet_that_is_said(served: Served) -> None:
    assert "Nothing was seen yet." in page_text.read(served, OPS, "/")
    assert "Nothing was seen yet." in page_text.read(served, OPS, "/changes")


def test_where_first_sights_alone_were_seen_it_is_said_that_nothing_has_changed_since(tmp_path: Path) -> None:
    file = shops.configure(tmp_path)
    file.write_text(file.read_text() + web_server.TOKENS)
    shop = shops.Shop(tmp_path)
    for key in "123":
        shop.note("things", key, {"id": key}, at=shops.NOON)
    shop.database.dispose()
    with web_server.serving(file) as served:
        first, log = page_text.read(served, OPS, "/"), page_text.read(served, OPS, "/changes")
        filtered = page_text.read(served, OPS, "/changes?resource=things&kind=updated&since=2h")
        with served.client(OPS, headers=page_text.HTML) as client:
            kept = client.get("/changes?resource=things").text
    assert "No change was seen" not in first
    assert "What first scans saw is in the log, 3 entries: show them." in first
    assert "Nothing has changed since it was first seen." in log
    assert "3 snapshots (first sights) left out" in log
    assert "No change of the kind updated of things since 2h ago was seen." in filtered
    assert 'href="/changes?resource=things&amp;all=1"' in kept


def test_what_is_one_is_told_as_one(tmp_path: Path) -> None:
    mirror = mirrors.open_large(tmp_path)
    try:
        at = mirrors.now()
        mirror.work()
        mirror.scan("things", at=at)
        with web_server.serving(mirror.config) as served:
            assert "shop: 1 quiet, within its promise" in page_text.read(served, OPS, "/")
            mirror.scan("list_1", at=at)
            assert "shop: 2 quiet, within their promises" in page_text.read(served, OPS, "/")
    finally:
        mirror.close()
