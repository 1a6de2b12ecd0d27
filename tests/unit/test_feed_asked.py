"""What a reader of the feed may ask for, and what he is told of nonsense."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from starlette.requests import Request

from web.feed import asked
from web.feed.asked import Asked
from web.queries import BadQuery


def read(query: str = "", **headers: str) -> Asked:
    sent = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return asked.read(Request({"type": "http", "query_string": query.encode(), "headers": sent}))


@pytest.mark.parametrize("query", ["", "lastEventId=", "lastEventId=null", "after=&since="])
def test_without_a_cursor_it_begins_at_the_beginning(query: str) -> None:
    found = read(query)
    assert (found.last_id, found.after, found.since) == (None, None, None)


def test_what_is_not_said_is_as_documented() -> None:
    found = read()
    assert (found.limit, found.timeout_seconds, found.is_compact) == (500, 0, False)
    assert read("timeout=600000").timeout_seconds == 60
    assert read("limit=5000").limit == 5000


def test_a_time_without_a_zone_is_utc() -> None:
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert read("since=2026-11-22T12:00:00").since == noon
    assert read("since=2026-11-22T13:00:00%2B01:00").since == noon


def test_names_and_globs_may_stand_in_one_parameter_or_in_several() -> None:
    found = read("resource=products,client*&resource=assets&kind=*d&kind=snapshot")
    assert found.resources == ("products", "client*", "assets")
    assert found.kinds == ("created", "updated", "deleted", "restored", "snapshot")


def test_the_header_of_a_stream_that_comes_back_goes_before_the_address_that_it_was_opened_with() -> None:
    for query in ("after=5", "since=2026-11-22", "lastEventId=old"):
        found = read(query, last_event_id="new")
        assert (found.last_id, found.after, found.since) == ("new", None, None)


def test_null_says_nothing_beside_another_place() -> None:
    assert read("lastEventId=null&after=5").after == 5


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("limit=0", "limit"),
        ("limit=5001", "limit"),
        ("limit=x", "limit"),
        ("after=-1", "after"),
        ("after=" + "9" * 20, "after"),
        ("after=" + "9" * 5000, "after"),
        ("timeout=1.5", "timeout"),
        ("timeout=-1", "timeout"),
        ("since=soon", "since"),
        ("since=0001-01-01T00:00:00%2B10:00", "since"),
        ("kind=changed", "kind"),
        ("kind=x*", "kind"),
        ("compact=perhaps", "compact"),
        ("lastEventid=1", "lastEventid"),
        ("after=1&lastEventId=x", "lastEventId"),
        ("resource=mirrorpoint.*,things", "resource"),
        ("resource=mirrorpoint.*&kind=created", "kind"),
        ("resource=mirrorpoint.*&since=2026-11-22", "since"),
        ("resource=mirrorpoint.*&compact=true", "compact"),
    ],
)
def test_nonsense_is_told_by_its_name_and_with_a_cure(query: str, told: str) -> None:
    with pytest.raises(BadQuery) as caught:
        read(query)
    assert told in caught.value.message
    assert caught.value.hint
    assert len(caught.value.message) < 200


def following(found: Asked, after: int, id: str | None) -> dict[str, Any]:  # noqa: A002
    return parse_qs(found.next_query(after, id=id).removeprefix("?"))


def test_what_goes_on_is_named_by_an_id_and_by_a_number_only_where_there_is_none() -> None:
    query = urlencode({"resource": "p*", "kind": "deleted", "limit": 7, "timeout": 100, "compact": "true"})
    same = {"resource": ["p*"], "kind": ["deleted"], "limit": ["7"], "timeout": ["100"], "compact": ["1"]}
    assert following(read(query), 9, "an-id") == {**same, "lastEventId": ["an-id"]}
    assert following(read(query), 9, None) == {**same, "after": ["9"]}
    assert following(read(query), 0, None) == same
    assert read().next_query(0, id=None) == ""
