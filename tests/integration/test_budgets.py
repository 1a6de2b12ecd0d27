"""Budgets, permits, tokens and sign-ins, shared by processes through either database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from storage import budgets
from storage.budgets import KeptToken, Refusal
from storage.engine import Database

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Made = TypeVar("Made")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def reserve(database: Database, n: int, *, now: datetime = NOW, name: str = "s") -> float:
    """Seconds after NOW."""
    with database.write() as session:
        return budgets.reserve(session, name, n=n, spacing_seconds=0.05, now=now) - NOW.timestamp()


def acquire(database: Database, holder: str, *, now: datetime = NOW, limit: int = 2) -> int | None:
    with database.write() as session:
        return budgets.acquire_permit(session, "s", holder=holder, limit=limit, lease_seconds=60, now=now)


def all_at_once(work: Callable[[], Made], *, threads: int) -> list[Made]:
    made: list[Made] = []
    running = [threading.Thread(target=lambda: made.append(work())) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return made


def test_start_times_follow_each_other_whoever_reserves_them(database: Database) -> None:
    assert reserve(database, 20) == 0
    assert round(reserve(database, 1), 6) == 1
    assert round(reserve(database, 1, now=later(0.5)), 6) == 1.05
    assert reserve(database, 1, name="other") == 0


def test_time_that_nobody_used_is_not_made_up_for(database: Database) -> None:
    reserve(database, 1)
    assert reserve(database, 1, now=later(100)) == 100


def test_no_two_get_the_same_start_time(database: Database) -> None:
    starts = all_at_once(lambda: [reserve(database, 1) for _ in range(5)], threads=4)
    assert sorted(round(start / 0.05) for batch in starts for start in batch) == list(range(20))


def test_nothing_starts_inside_a_pause_and_a_shorter_one_does_not_end_it(database: Database) -> None:
    with database.write() as session:
        assert budgets.paused_until(session, "s") is None
        budgets.pause(session, "s", until=later(30))
        budgets.pause(session, "s", until=later(10))
        assert budgets.paused_until(session, "s") == later(30)
    assert reserve(database, 1) == 30


def test_no_more_permits_than_the_limit_are_out(database: Database) -> None:
    numbers = all_at_once(lambda: acquire(database, threading.current_thread().name), threads=5)
    taken = [number for number in numbers if number is not None]
    assert sorted({*taken, *([acquire(database, "again")] if len(taken) < 2 else [])}, key=str) == [0, 1]
    assert acquire(database, "late") is None


def test_a_permit_that_is_given_back_or_has_run_out_is_free(database: Database) -> None:
    assert (acquire(database, "a"), acquire(database, "b"), acquire(database, "c")) == (0, 1, None)
    with database.write() as session:
        budgets.release_permit(session, "s", 1, holder="a")  # not its own
    assert acquire(database, "c") is None
    with database.write() as session:
        budgets.release_permit(session, "s", 1, holder="b")
    assert acquire(database, "c") == 1
    assert acquire(database, "d", now=later(60)) == 0


def test_a_permit_lasts_as_long_as_it_is_renewed(database: Database) -> None:
    acquire(database, "a", limit=1)
    with database.write() as session:
        assert budgets.renew_permit(session, "s", 0, holder="a", lease_seconds=60, now=later(50))
    assert acquire(database, "b", limit=1, now=later(100)) is None
    assert acquire(database, "b", limit=1, now=later(110)) == 0
    with database.write() as session:
        assert not budgets.renew_permit(session, "s", 0, holder="a", lease_seconds=60, now=later(111))


def test_a_limit_that_is_lowered_holds_at_once(database: Database) -> None:
    assert [acquire(database, "a", limit=3) for _ in range(3)] == [0, 1, 2]
    with database.write() as session:
        budgets.release_permit(session, "s", 2, holder="a")
    assert acquire(database, "b", limit=2) is None


def test_a_token_is_kept_until_it_is_dropped_and_is_not_shown(database: Database) -> None:
    token = KeptToken("access-encrypted", "refresh-encrypted", later(3600))
    with database.write() as session:
        assert budgets.load_token(session, "s") is None
        budgets.save_token(session, "s", token)
    with database.read() as session:
        assert budgets.load_token(session, "s") == token
    assert "encrypted" not in repr(token)
    with database.write() as session:
        budgets.drop_token(session, "s")
        assert budgets.load_token(session, "s") is None


def test_sign_ins_of_all_processes_are_counted(database: Database) -> None:
    for seconds in range(0, 60, 2):
        with database.write() as session:
            budgets.note_sign_in(session, "s", at=later(seconds))
    with database.write() as session:
        assert budgets.sign_in_times(session, "s", since=later(54)) == [later(54), later(56), later(58)]
        assert len(budgets.sign_in_times(session, "s", since=NOW)) == budgets.SIGN_INS_KEPT
        assert budgets.sign_in_times(session, "other", since=NOW) == []


def test_a_refusal_stands_until_a_token_was_given(database: Database) -> None:
    with database.write() as session:
        budgets.note_refusal(session, "s", reason="wrong password", at=NOW)
    with database.write() as session:
        assert budgets.refusal(session, "s") == Refusal(NOW, "wrong password")
        budgets.save_token(session, "s", KeptToken("a", None, None))
        assert budgets.refusal(session, "s") is None


def test_what_a_clock_wrote_that_was_a_day_ahead_does_not_hold(database: Database) -> None:
    day = 86_400
    reserve(database, 20, now=later(day))
    with database.write() as session:
        budgets.pause(session, "s", until=later(day + 30))
    assert [acquire(database, holder, now=later(day)) for holder in ("a", "b")] == [0, 1]

    assert reserve(database, 1) == 0
    assert acquire(database, "c") == 0
    with database.write() as session:
        budgets.pause(session, "s", until=later(30))
    assert reserve(database, 1, now=later(1)) == 30


def test_a_long_line_of_those_who_wait_is_none_that_is_ahead(database: Database) -> None:
    for _ in range(100):
        reserve(database, 40)
    assert round(reserve(database, 1)) == 200
