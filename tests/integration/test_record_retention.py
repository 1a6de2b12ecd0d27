"""With a retention the content of a version goes once others have followed it for long enough, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from changes import fingerprint
from storage import outbox, outdated, sql
from tasks import housekeeping
from tasks.record import retention
from tests import waiting
from tests.integration import erasable
from tests.integration.erasable import NEEDLE, Erasable, person, thing

DAY = timedelta(days=1)
KEPT = 400 * DAY
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Aged(Erasable):
    """A shop whose days a test counts."""

    day: float = 0.0

    def at(self, day: float) -> Aged:
        self.day = day
        self.services = replace(self.services, now=self.now)
        return self

    def now(self) -> datetime:
        return BEGIN + self.day * DAY

    def sweep(self, day: float) -> int:
        self.day = day
        return retention.sweep(self.database, KEPT, now=self.now, stopping=threading.Event())

    def full(self) -> list[tuple[str, int]]:
        """Key and version of all that has content."""
        return [(row.key, row.version) for row in self.log() if row.salt is not None]


@pytest.fixture
def shop(tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> Iterator[Aged]:
    monkeypatch.setattr(erasable, "Erasable", Aged)
    with erasable.opened(tmp_path, database_url, capsys) as made:
        assert isinstance(made, Aged)
        made.shop.server.on("POST", "/hook", made._hook)
        yield made


def years(shop: Aged) -> None:
    """The first changes on day 10 and 20, the second never, the third is deleted on day 30."""
    shop.has(person(1), person(2), person(3))
    shop.at(0).scan()
    shop.has(person(1, size=10), person(2), person(3))
    shop.at(10).scan()
    shop.has(person(1, size=20), person(2), person(3))
    shop.at(20).scan()
    shop.has(person(1, size=20), person(2))
    shop.server_says_gone(3)
    shop.at(30).scan()
    shop.deliver()


def test_a_version_is_erased_when_the_one_behind_it_is_old_enough(shop: Aged) -> None:
    years(shop)
    root = shop.assert_proved()
    assert shop.sweep(410) == 0
    assert shop.full() == [("1", 1), ("2", 1), ("3", 1), ("1", 2), ("1", 3), ("3", 2)]
    assert shop.sweep(410.5) == 1
    assert shop.full() == [("2", 1), ("3", 1), ("1", 2), ("1", 3), ("3", 2)]
    assert shop.sweep(420.5) == 1
    assert shop.full() == [("2", 1), ("3", 1), ("1", 3), ("3", 2)]
    assert shop.sweep(5000) == 2
    assert shop.full() == [("2", 1), ("1", 3)], "the last versions of living records stay for ever"
    assert shop.assert_proved() == root
    assert shop.sweep(9000) == 0
    assert shop.verified() == 4


def test_of_a_record_that_is_deleted_for_long_the_last_document_goes_too(shop: Aged) -> None:
    years(shop)
    shop.sweep(429)
    assert shop.row("3")["document"] == person(3)
    shop.sweep(430.5)
    row = shop.row("3")
    assert (row["document"], row["name"], row["fingerprint"]) == (None, None, fingerprint.ERASED)
    assert row["deleted_at"] == BEGIN + 30 * DAY
    assert shop.row("1")["document"] == person(1, size=20)
    shop.has(person(1, size=20), person(2), person(3))
    shop.at(431).scan()
    assert [(row.kind, row.changed, row.previous) for row in shop.log("3")][-1] == ("restored", [""], {})
    assert shop.verified() == 4


def test_a_deleted_record_that_came_back_keeps_what_it_is(shop: Aged) -> None:
    years(shop)
    shop.has(person(1, size=20), person(2), person(3, size=33))
    shop.at(40).scan()
    shop.sweep(435)
    assert ("3", 2) in shop.full(), "it was followed less than 400 days ago"
    assert shop.row("3")["document"] == person(3, size=33)
    shop.sweep(5000)
    assert [each for each in shop.full() if each[0] == "3"] == [("3", 3)]
    assert shop.row("3")["document"] == person(3, size=33)


def test_each_sweep_is_an_action_that_names_what_was_erased(shop: Aged) -> None:
    years(shop)
    shop.sweep(410.5)
    intent, outcome = shop.actions()
    assert (intent.what, intent.how, intent.who, intent.target) == (
        "retention",
        "by itself",
        "mirrorpoint",
        "before 2026-01-11T12:00:00+00:00",
    )
    assert intent.arguments == {"seqs": [[1, 1]]}
    assert (outcome.of, outcome.outcome) == (intent.id, "done: versions erased: 1")
    shop.sweep(410.6)
    assert len(shop.actions()) == 2, "where there is nothing to do there is no action"
    shop.sweep(5000)
    assert [row.arguments for row in shop.actions()] == [{"seqs": [[1, 1]]}, {}, {"seqs": [[3, 4], [6, 6]]}, {}]
    erased = {row.seq for row in shop.log() if row.salt is None}
    ranges = [each for row in shop.actions() for each in row.arguments.get("seqs", [])]
    assert {seq for first, last in ranges for seq in range(first, last + 1)} == erased


def test_what_is_still_owed_waits(shop: Aged) -> None:
    years(shop)
    shop.sql("UPDATE mirrorpoint_delivery SET state = 'due', due_at = created_at WHERE change_seq = 1")
    assert shop.sweep(5000) == 3
    assert shop.full() == [("1", 1), ("2", 1), ("1", 3)]
    assert shop.sweep(5001) == 0
    assert [each["data"]["key"] for each in shop.deliver()] == ["1"]
    assert shop.sweep(5002) == 1
    assert shop.full() == [("2", 1), ("1", 3)]


def test_what_receivers_said_of_it_goes_too(shop: Aged) -> None:
    shop.refuses("1", "2", "3")
    years(shop)
    shop.sweep(5000)
    found = shop.sql("SELECT DISTINCT change_seq FROM mirrorpoint_attempt WHERE answer IS NOT NULL ORDER BY change_seq")
    assert [row[0] for row in found] == [2, 5]


@pytest.mark.parametrize(("looked_at", "at_a_time"), [(1, 1), (2, 1), (3, 2), (5_000, 500)])
def test_it_is_done_in_pieces(shop: Aged, monkeypatch: pytest.MonkeyPatch, looked_at: int, at_a_time: int) -> None:
    monkeypatch.setattr(retention, "LOOKED_AT", looked_at)
    monkeypatch.setattr(retention, "AT_A_TIME", at_a_time)
    years(shop)
    assert shop.sweep(5000) == 4
    assert shop.full() == [("2", 1), ("1", 3)]


def test_one_that_is_stopped_goes_on_the_next_time(shop: Aged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_A_TIME", 1)
    years(shop)
    stopping, real = threading.Event(), retention.erasures.erase

    def erase(*arguments: Any) -> int:
        stopping.set()
        return real(*arguments)

    monkeypatch.setattr(retention.erasures, "erase", erase)
    shop.day = 5000
    assert retention.sweep(shop.database, KEPT, now=shop.now, stopping=stopping) == 1
    assert shop.actions()[-1].outcome == "failed: stopped, versions erased: 1"
    monkeypatch.setattr(retention.erasures, "erase", real)
    assert shop.sweep(5000) == 3
    assert shop.full() == [("2", 1), ("1", 3)]


def test_a_clock_that_was_ahead_erases_nothing_too_early(shop: Aged) -> None:
    shop.has(person(1))
    shop.at(0).scan()
    shop.has(person(1, size=10))
    shop.at(900).scan()
    shop.has(person(1, size=20))
    shop.at(20).scan()
    shop.sql("UPDATE mirrorpoint_delivery SET state = 'delivered'")
    assert shop.sweep(415) == 0
    assert shop.full() == [("1", 1), ("1", 2), ("1", 3)]
    assert shop.sweep(421) == 1
    assert shop.full() == [("1", 1), ("1", 3)], "what the odd clock has dated makes nothing outdated"


@pytest.mark.parametrize(
    ("record", "erased"), [("", False), ('retention = "forever"', False), ('retention = "1s"', True)]
)
def test_housekeeping_does_it_by_itself_where_it_is_asked_for(shop: Aged, record: str, erased: bool) -> None:
    from tests import mirrored_world

    shop.has(person(1), thing(2))
    shop.scan()
    shop.has(person(1, size=2), thing(2))
    shop.scan()
    shop.deliver()
    shop.configure(record)
    services = mirrored_world.services(shop.config)
    try:
        housekeeping.housekeep(replace(services, now=lambda: shop.services.now() + timedelta(seconds=5)))
    finally:
        services.close()
    assert (len(shop.full()) == 2) is erased
    assert (NEEDLE in str(shop.sql("SELECT document FROM mirrorpoint_change WHERE seq = 1"))) is not erased


def test_ranges_name_each_number_once() -> None:
    assert outdated.ranges([]) == []
    assert outdated.ranges([5, 1, 2, 3, 9, 8]) == [[1, 3], [5, 5], [8, 9]]


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_an_answer_that_is_just_being_written_down_goes_too(shop: Aged) -> None:
    """On SQLite there is one writer at a time."""
    years(shop)
    sweep = threading.Thread(target=shop.sweep, args=(410.5,))
    with shop.database.write() as session:
        outbox.lock(session)
        sweep.start()
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        waiting.until(lambda: not sweep.is_alive() or sql.value(session, waits, ()) == 1)
        session.execute("UPDATE mirrorpoint_attempt SET answer = 'Quixotl'")
    sweep.join()
    answered = shop.sql("SELECT change_seq FROM mirrorpoint_attempt WHERE answer IS NOT NULL ORDER BY change_seq")
    erased = [row.seq for row in shop.log() if row.salt is None]
    assert erased
    assert not {seq for (seq,) in answered}.intersection(erased)
