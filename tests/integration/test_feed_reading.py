"""Pages of the feed as they are read from the log: which changes, in which order, and where a page ends."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest

from changes.records import Change, Id, Kind
from changes.routes import Route
from storage import change_log, feed
from storage.engine import Database
from storage.session import Session
from tests.shop import NOON
from web.feed import reading
from web.feed.reading import Page
from web.feed.sieve import Sieve

ALL = Sieve(None, None, None)


def change(key: str, version: int = 1, *, kind: Kind = Kind.UPDATED, **more: Any) -> Change:
    return Change(
        source=more.get("source", "shop"), resource=more.get("resource", "things"), id=Id("", key), version=version,
        kind=kind, changed=more.get("changed", ("/name",)), previous={}, document=more.get("document", {"id": key}),
        observed_after=None, observed_at=NOON, scan_id="s",
    )  # fmt: skip


def append(database: Database, *changes: Change) -> None:
    with database.write() as session:
        change_log.append(session, changes)


def told(page: Page) -> list[tuple[str, int]]:
    events = [json.loads(body)["data"] for _, body in page.events]
    return [(each["key"], each["version"]) for each in events]


def read(session: Session, sieve: Sieve, **more: Any) -> Page:
    return reading.read(session, sieve, **{"after": 0, "limit": 500, "is_compact": False, **more})


def whole(database: Database, sieve: Sieve, **more: Any) -> list[tuple[str, int]]:
    """Page by page, to the end."""
    found: list[tuple[str, int]] = []
    after = 0
    with database.snapshot() as session:
        while True:
            page = read(session, sieve, **{**more, "after": after})
            found += told(page)
            if page.is_at_end:
                return found
            assert page.reached > after
            after = page.reached


def to_fields(*fields: str) -> Sieve:
    route = Route(points=("A",), fields=fields)
    return Sieve(None, {str(kind) for kind in route.kinds}, [route])


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
@pytest.mark.parametrize("window", [1, 3, 20_000])
def test_no_limit_and_no_window_passes_over_anything(
    database: Database, monkeypatch: pytest.MonkeyPatch, limit: int, window: int
) -> None:
    monkeypatch.setattr(reading, "WINDOW", window)
    monkeypatch.setattr(reading, "_BATCH", 2)
    monkeypatch.setattr(reading, "_CONTENTS", 2)
    fields = [("/a",) if number % 3 else ("/b",) for number in range(1, 12)]
    append(database, *(change("k", version, changed=changed) for version, changed in enumerate(fields, 1)))
    assert whole(database, ALL, limit=limit) == [("k", number) for number in range(1, 12)]
    assert whole(database, to_fields("/b"), limit=limit) == [("k", 3), ("k", 6), ("k", 9)]


def test_compact_gives_the_last_version_that_a_reader_sees(database: Database) -> None:
    append(
        database,
        change("seen", 1, kind=Kind.CREATED),
        change("other", 1, changed=("/price",)),
        change("seen", 2, changed=("/price",)),
        change("other", 2, changed=("/name",)),
        change("seen", 3, changed=("/name",)),
        change("other", 3, changed=("/name",)),
        change("gone", 1, changed=("/price",)),
        change("gone", 2, kind=Kind.DELETED, document=None),
    )
    assert whole(database, ALL, is_compact=True) == [("seen", 3), ("other", 3), ("gone", 2)]
    assert whole(database, Sieve(None, {"updated"}, None), is_compact=True) == [
        ("seen", 3), ("other", 3), ("gone", 1),
    ]  # fmt: skip
    assert whole(database, to_fields("/price"), is_compact=True) == [("other", 1), ("seen", 2), ("gone", 2)]
    assert whole(database, to_fields("/price"), is_compact=True, limit=1) == [("other", 1), ("seen", 2), ("gone", 2)]
    assert whole(database, to_fields("/none"), is_compact=True) == [("seen", 1), ("gone", 2)]


def test_compact_looks_behind_any_number_of_versions(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_VERSIONS", 2)
    monkeypatch.setattr(reading, "_BATCH", 1)
    append(database, change("k", 1, changed=("/price",)), change("k", 2, changed=("/price",)))
    append(database, *(change("k", version) for version in range(3, 9)))
    assert whole(database, to_fields("/price"), is_compact=True) == [("k", 2)]


def test_a_page_is_full_with_so_many_bytes_and_one_that_is_larger_comes_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FULL_BYTES", 1500)
    append(database, *(change(str(number), document={"text": "x" * 600}) for number in range(4)))
    append(database, change("large", document={"text": "x" * 5000}), change("last"))
    with database.snapshot() as session:
        first = read(session, ALL)
        assert told(first) == [("0", 1), ("1", 1)]
        assert first.reached == 2
    assert [key for key, _ in whole(database, ALL)] == ["0", "1", "2", "3", "large", "last"]


def test_a_page_that_takes_long_ends_and_says_how_far_it_came(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "WINDOW", 10)
    append(database, *(change(str(number)) for number in range(95)), change("rare", kind=Kind.RESTORED))
    seconds = count(step=2)  # each look at the clock is two seconds later
    with database.snapshot() as session:
        rare = Sieve(None, {"restored"}, None)
        page = read(session, rare, monotonic=lambda: float(next(seconds)))
        assert (page.events, page.reached, page.is_at_end) == ([], 30, False)
        assert page.cursor == feed.id_of(session, 30)
    assert whole(database, rare) == [("rare", 1)]


def test_every_resource_that_the_log_has_anything_of_is_found_in_its_index(database: Database) -> None:
    pairs = [("shop", "a"), ("shop", "b"), ("a", "b"), ("z", "ü"), ("shop", "B")]
    append(database, *(change(str(n), source=s, resource=r) for n in range(3) for s, r in pairs))
    with database.read() as session:
        assert sorted(feed.named(session)) == sorted(pairs)


def test_an_empty_log_has_no_ends_and_names_nothing(database: Database) -> None:
    with database.read() as session:
        assert feed.span(session) == (0, 0)
        assert feed.named(session) == []
        page = read(session, ALL)
        assert (page.events, page.reached, page.cursor, page.is_at_end) == ([], 0, None, True)


def test_the_ends_of_a_long_log_are_found_without_reading_it(database: Database) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL finds both by itself")
    said: list[str] = []
    with database.read() as session:
        session.driver.set_trace_callback(said.append)
        feed.span(session)
        session.driver.set_trace_callback(None)
        (asked,) = (text for text in said if "mirrorpoint_change" in text)
        plan = session.driver.execute(f"EXPLAIN QUERY PLAN {asked}")
        assert not [row for row in plan if "SCAN mirrorpoint_change" in row[3]]
