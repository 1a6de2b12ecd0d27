"""Lists by page numbers, cursors and links: the mirror is what the source has, or the scan says what was wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tasks.scan.slice import scan_slice
from tasks.scan.slice_end import Outcome
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.scripted_server import Reply, Request, ScriptedServer, json_reply

CATALOGUE = """
[resources.numbered]
path = "/things"
paging = { style = "page", limit = "per_page" }

[resources.cursors]
path = "/things"
paging = { style = "cursor", next = "/meta/next" }

[resources.links]
path = "/things"
paging = { style = "link", next = ["/links/next", "Link"] }

[resources.after]
path = "/things"
paging = { style = "cursor", after = "id", next = "has_more" }

[resources.keyset]
path = "/things"
paging = { style = "cursor", after = "id" }

[resources.offsets]
path = "/things"

[resources.without_more]
path = "/things"
envelope = { more = [] }

[resources.counted]
path = "/things"
envelope = { total = "header:X-Total-Count" }

[resources.alone]
path = "/things"
paged = false

[resources.parts]
path = "/things/{parent}/parts"
parent = "cursors"
paging = { style = "cursor", next = "/meta/next" }
"""


#: Of one walk through 35 rows, by the rows that a page has at most.
REQUESTS = {1000: 4, 7: 5}


class Lists:
    """One list of numbers that answers to each style, and a list of parts for each of them."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.there = list(range(1, 36))
        self.has_total = False
        self.cap = 1000
        self.before: Callable[[Request], Reply | None] = lambda _request: None
        server.on("GET", "/things", self.answer)

    def answer(self, request: Request) -> Reply:
        reply = self.before(request)
        if reply is not None:
            return reply
        query = request.query
        limit = min(int(query.get("limit") or query.get("per_page") or 0), self.cap)
        after = int(query.get("cursor", -1))
        rows = [one for one in sorted(self.there) if one > after]
        if "page" in query:
            rows = rows[(int(query["page"]) - 1) * limit :]
        page = rows[:limit]
        link = f"/things?limit={limit}&cursor={page[-1]}" if len(rows) > limit else None
        body: dict[str, Any] = {"data": [{"id": one} for one in page]}
        body["has_more"] = link is not None
        body |= {"meta": {"next": page[-1] if link else None}, "links": {"next": link}}
        if self.has_total:
            body["total"] = len(self.there)
        return json_reply(body)

    def queries(self) -> list[dict[str, str]]:
        """What was asked since the last call."""
        found = [request.query for request in self.server.requests]
        self.server.requests.clear()
        return found


@pytest.fixture
def lists() -> Iterator[Lists]:
    with ScriptedServer() as server:
        yield Lists(server)


@pytest.fixture
def services(lists: Lists, tmp_path: Path) -> Iterator[Services]:
    database = f"sqlite:///{tmp_path / 'mirror.db'}"
    file = shops.configure(tmp_path, database=database, url=lists.server.url, page_size=10, catalogue=CATALOGUE)
    with closing(mirrored_world.services(file)) as services:
        yield services


def keys(services: Services, resource: str) -> list[int]:
    return sorted(int(key) for key in shops.keys(services, resource))


@pytest.mark.parametrize("resource", ["numbered", "cursors", "after", "keyset", "links"])
@pytest.mark.parametrize("has_total", [True, False], ids=["total", "no total"])
@pytest.mark.parametrize("cap", [1000, 7], ids=["whole pages", "capped"])
def test_the_mirror_is_what_the_source_has(
    lists: Lists, services: Services, resource: str, has_total: bool, cap: int
) -> None:
    lists.has_total, lists.cap = has_total, cap
    assert shops.scanned(services, resource).state == "complete"
    assert keys(services, resource) == lists.there
    lists.queries()

    unchanged = shops.scanned(services, resource)
    assert (unchanged.state, unchanged.deleted) == ("complete", 0)
    assert len(lists.queries()) - REQUESTS[cap] in (0, 1)

    lists.there = [0, *lists.there[3:], 40]
    states = [shops.scanned(services, resource).state for _ in range(2)]
    assert states == ["complete", "complete"]
    assert keys(services, resource) == lists.there


def test_a_scan_that_was_stopped_goes_on_behind_its_last_page(lists: Lists, services: Services) -> None:
    def stop(_request: Request) -> None:
        if len(lists.server.requests) == 3:
            services.stopping.set()

    lists.before = stop
    assert scan_slice(services, "shop", "links").outcome is Outcome.AGAIN
    services.stopping.clear()
    last = lists.queries()[-1]
    lists.before = lambda _request: None

    assert shops.scanned(services, "links").state == "complete"
    assert int(lists.queries()[0]["cursor"]) >= int(last["cursor"])
    assert keys(services, "links") == lists.there


def test_a_cursor_that_is_taken_no_more_begins_the_list_anew(lists: Lists, services: Services) -> None:
    refused: list[Reply] = [json_reply({"message": "expired"}, status) for status in (410, 400)]

    def expire(request: Request) -> Reply | None:
        return refused.pop() if refused and request.query.get("cursor") == "20" else None

    lists.before = expire
    assert shops.scanned(services, "cursors").state == "complete"
    assert (keys(services, "cursors"), refused) == (lists.there, [])

    lists.before = lambda request: json_reply({}, 410) if request.query.get("cursor") == "20" else None
    lists.there.remove(30)
    scan = shops.scanned(services, "cursors")
    assert (scan.state, scan.deleted) == ("drifted", 0)
    assert scan.reason == "what names its next page was refused 3 times, at last behind 20 rows"


def test_a_circle_ends_with_its_numbers_and_deletes_nothing(lists: Lists, services: Services) -> None:
    assert shops.scanned(services, "cursors").state == "complete"

    def turn_back(request: Request) -> Reply | None:
        if request.query.get("cursor") != "20":
            return None
        return json_reply({"data": [{"id": 21}, {"id": 22}], "meta": {"next": 10}})

    lists.before = turn_back
    for _ in range(3):
        scan = shops.scanned(services, "cursors")
        assert (scan.state, scan.deleted) == ("drifted", 0)
        assert scan.reason == "what names its next page was sent before after 3 pages with 22 rows: it goes in a circle"
    assert keys(services, "cursors") == lists.there


def test_a_next_page_at_another_place_than_the_catalogue_says_is_told(lists: Lists, services: Services) -> None:
    rows = [{"id": one} for one in lists.there]
    lists.before = lambda request: json_reply({"data": rows[: int(request.query["limit"])], "weiter": 1})
    scan = shops.scanned(services, "cursors")

    assert scan.state == "partial"
    assert "no next page where 5 of its rows came: is `next` of paging right?" in (scan.reason or "")


@pytest.mark.parametrize("resource", ["offsets", "alone"])
@pytest.mark.parametrize(
    ("beside", "headers", "place"),
    [
        ({"has_more": True}, {}, "has_more"),
        ({"links": {"next": "/things?cursor=10"}}, {}, "/links/next"),
        ({}, {"Link": '</things?cursor=10>; rel="next"'}, "Link"),
    ],
    ids=["flag", "member", "header"],
)
def test_one_answer_is_not_the_whole_list_where_it_names_another_page(
    lists: Lists, services: Services, resource: str, beside: dict[str, Any], headers: dict[str, str], place: str
) -> None:
    body = {"data": [{"id": one} for one in lists.there[:7]], **beside}
    lists.before = lambda _request: json_reply(body, headers=headers)
    for _ in range(3):
        scan = shops.scanned(services, resource)
        assert (scan.state, scan.deleted) == ("partial", 0)
        assert (
            scan.reason
            == f"7 rows came, and the answer says that more follow ({place}): `paging` must say how to ask for them"
        )


def test_an_end_that_says_that_more_follows_is_none_unless_a_total_counts_or_the_catalogue_leaves_it_out(
    lists: Lists, services: Services
) -> None:
    totals: dict[str, int] = {}

    def answer(request: Request) -> Reply:
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        rows = [{"id": one} for one in lists.there[offset : offset + limit]]
        return json_reply({"data": rows, "has_more": True, **totals})

    lists.before = answer
    scan = shops.scanned(services, "offsets")
    assert scan.state == "partial"
    assert scan.reason.startswith("35 rows came, and the last answer says that more follow (has_more)")
    assert shops.scanned(services, "without_more").state == "complete"
    totals["total"] = 35
    assert shops.scanned(services, "offsets").state == "complete"
    assert keys(services, "offsets") == keys(services, "without_more") == lists.there


def test_a_total_may_stand_in_a_header(lists: Lists, services: Services) -> None:
    def answer(request: Request) -> Reply:
        page = [{"id": one} for one in lists.there[int(request.query["offset"]) :][:10]]
        return json_reply({"data": page}, headers={"X-Total-Count": "36"})

    lists.before = answer
    scan = shops.scanned(services, "counted")
    assert (scan.state, scan.total) == ("drifted", 36)
    assert scan.reason == "the total says 36, but 35 different rows were listed"


def test_a_walk_whose_second_one_broke_off_counts_for_the_next_scan(lists: Lists, services: Services) -> None:
    asked = 0

    def answer(_request: Request) -> Reply | None:
        nonlocal asked
        asked += 1
        return json_reply({"message": "quota"}, 403) if asked > 7 else None

    lists.before = answer
    assert shops.scanned(services, "cursors").state == "partial"
    asked = 0
    assert shops.scanned(services, "cursors").state == "complete"
    assert keys(services, "cursors") == lists.there


def test_an_empty_page_that_is_an_error_ends_no_list(lists: Lists, services: Services) -> None:
    error = {"data": [], "success": False, "error": {"message": "backend timeout"}}
    assert shops.scanned(services, "numbered").state == "complete"
    lists.before = lambda request: json_reply(error) if request.query.get("page") == "3" else None
    for _ in range(2):
        scan = shops.scanned(services, "numbered")
        assert (scan.state, scan.deleted) == ("partial", 0)
        assert "says itself that it is an error" in (scan.reason or "")


@pytest.mark.parametrize("status", [403, 501])
def test_a_refused_right_ends_no_list(lists: Lists, services: Services, status: int) -> None:
    lists.cap = 7
    assert shops.scanned(services, "numbered").state == "complete"
    lists.before = lambda request: json_reply({}, status) if request.query.get("page") == "3" else None
    for _ in range(2):
        scan = shops.scanned(services, "numbered")
        assert (scan.state, scan.deleted) == ("partial", 0)


def test_a_page_that_ends_with_the_same_row_is_another_page(lists: Lists, services: Services) -> None:
    def answer(request: Request) -> Reply:
        number, size = int(request.query["page"]), int(request.query["per_page"]) - 1
        rows = lists.there[(number - 1) * size : number * size] if number else []
        return json_reply({"data": [{"id": one} for one in [*rows, 99] if rows]})

    lists.before = answer
    scan = shops.scanned(services, "numbered")
    assert scan.state == "drifted"
    assert keys(services, "numbered") == [*lists.there, 99]


def test_rows_that_share_what_a_list_goes_on_by_are_told(lists: Lists, services: Services) -> None:
    lists.before = lambda _request: json_reply({"data": [{"id": 1}, {"id": 1}], "has_more": True})
    scan = shops.scanned(services, "after")
    assert scan.state == "failed"
    assert 'rows of a page have the same "id"' in (scan.reason or "")


def test_a_link_to_another_origin_is_not_followed(lists: Lists, services: Services) -> None:
    with ScriptedServer() as other:
        link = {"links": {"next": f"{other.url}/things?cursor=2"}}
        lists.before = lambda _request: json_reply({"data": [{"id": 1}, {"id": 2}], **link})
        scan = shops.scanned(services, "links")
        assert (scan.state, other.requests) == ("failed", [])
        assert f"its link to the next page leads to {other.url}, not to {lists.server.url}" in (scan.reason or "")


def test_lists_below_parents_are_followed_too(lists: Lists, services: Services) -> None:
    lists.there = [1, 2, 3]
    for thing in lists.there:
        first = {"data": [{"id": 1}, {"id": 2}], "meta": {"next": "more"}}
        last = {"data": [{"id": 3}], "meta": {"next": None}}
        pages = {None: json_reply(first), "more": json_reply(last)}
        lists.server.on(
            "GET", f"/things/{thing}/parts", lambda request, pages=pages: pages[request.query.get("cursor")]
        )
    for resource, rows in (("cursors", 3), ("parts", 9), ("parts", 9)):
        scan = shops.scanned(services, resource)
        assert (scan.state, scan.rows) == ("complete", rows)  # each once, however often it was read

    assert keys(services, "parts") == [1, 1, 1, 2, 2, 2, 3, 3, 3]
