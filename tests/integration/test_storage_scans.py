"""Scans, slots and leases: what holds when two workers or two clocks want the same thing."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from changes.records import Id
from storage import head_scans, leases, scans, seen_ids, slots, sql
from storage.engine import Database
from storage.session import Session
from storage.slots import Slot

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
SLOT = Slot("s", "products", "full", NOW)


def _begin(
    session: Session, scan_id: str = "1", *, fence: int = 1, now: datetime = NOW, kind: str = "full"
) -> scans.Scan:
    return scans.begin(session, source="s", resource="products", kind=kind, fence=fence, now=now, id=scan_id)


def _advance(session: Session, *, fence: int, page: int = 1) -> bool:
    return scans.advance(
        session, "1", fence=fence, position={"page": page}, counters={"pages": 1, "rows": 10}, now=LATER, total=2**40
    )


def _finish(session: Session, state: str, scan_id: str = "1", *, now: datetime = LATER, **more: object) -> bool:
    return scans.finish(session, scan_id, fence=1, state=state, now=now, **more)


def test_scan_ids_sort_by_time() -> None:
    rng = random.Random(1)
    ids = [scans.new_scan_id(NOW + timedelta(milliseconds=n * 7), rng) for n in range(100)]
    assert (sorted(ids), {len(one) for one in ids}) == (ids, {26})


def test_a_scan_that_was_begun_is_running_where_it_stands(database: Database) -> None:
    with database.write() as session:
        begun = _begin(session)
        assert scans.running(session, "s", "products") == begun
        assert _advance(session, fence=1)
        assert _advance(session, fence=1, page=2)
    with database.read() as session:
        found = scans.running(session, "s", "products")
        assert scans.running(session, "s", "clients") is None
    assert (found.position, found.pages, found.rows, found.total) == ({"page": 2}, 2, 20, 2**40)
    assert (found.started_at, found.heartbeat_at, found.state) == (NOW, LATER, "running")


def test_what_the_source_said_of_its_rows_stays_where_a_page_says_nothing(database: Database) -> None:
    with database.write() as session:
        _begin(session)
        assert _advance(session, fence=1)
        assert scans.advance(session, "1", fence=1, position={"page": 2}, counters={}, now=LATER)
        ended = _finish(session, "complete", counters={"rows": 3})
    assert (ended.total, ended.pages, ended.rows) == (2**40, 1, 13)


def test_a_head_scan_leaves_out_those_before_it_that_found_nothing(database: Database) -> None:
    day = head_scans.KEPT
    with database.write() as session:
        _finish(session, "complete", _begin(session, "0").id)
        one = replace(scans.get(session, "0"), kind="head", started_at=LATER)
        of = {
            "old": replace(one, id=scans.first_id(LATER - 2 * day), started_at=LATER - 2 * day),
            "vain": replace(one, id=scans.first_id(LATER) + "1"),
            "found": replace(one, id=scans.first_id(LATER) + "2", created=1),
            "before the base line": replace(one, id=scans.first_id(LATER) + "3", started_at=NOW - 4 * day),
            "of another": replace(one, id=scans.first_id(LATER) + "4", resource="clients"),
            "full": replace(one, id=scans.first_id(LATER) + "5", kind="full"),
            "last": replace(one, id=scans.first_id(LATER) + "6"),
        }
        *others, last = of.values()
        for scan in others:
            scans.add(session, scan)
        head_scans.add(session, last, head={"way": 2**70}, baseline_at=NOW - 3 * day)
        assert scans.get_all(session, [scan.id for scan in of.values()]) == [
            scan for name, scan in of.items() if name != "vain"
        ]
        assert scans.resource_state(session, "s", "products").head == {"way": 2**70}


def test_a_worker_that_was_overtaken_cannot_move_or_end_the_scan(database: Database) -> None:
    with database.write() as session:
        _begin(session)
        assert scans.take_over(session, "1", fence=2, now=LATER)
        assert not _advance(session, fence=1)
        assert not _finish(session, "complete")
        assert not scans.take_over(session, "1", fence=1, now=LATER)
        assert _advance(session, fence=2)


def test_a_scan_that_has_ended_moves_no_more(database: Database) -> None:
    with database.write() as session:
        _begin(session)
        assert _finish(session, "failed", reason="500")
        assert not _advance(session, fence=1)
        assert not scans.take_over(session, "1", fence=9, now=LATER)
        assert scans.running(session, "s", "products") is None
        ended = scans.get(session, "1")
    assert (ended.state, ended.reason, ended.ended_at, ended.position) == ("failed", "500", LATER, None)


def test_what_a_scan_does_not_count_is_refused(database: Database) -> None:
    with database.write() as session:
        _begin(session)
        with pytest.raises(ValueError, match="does not count state"):
            scans.advance(session, "1", fence=1, position={}, counters={"state": 1}, now=NOW)


def test_a_resource_is_as_it_was_before_any_scan(database: Database) -> None:
    with database.read() as session:
        assert scans.resource_state(session, "s", "products") == scans.ResourceState()


def test_the_first_complete_scan_sets_the_baseline_and_later_ones_keep_it(database: Database) -> None:
    with database.write() as session:
        _begin(session)
        _finish(session, "complete")
        _begin(session, "2", now=LATER)
        _finish(session, "complete", "2", now=LATER + timedelta(minutes=1))
        state = scans.resource_state(session, "s", "products")
    assert (state.baseline_at, state.last_complete_id) == (LATER, "2")
    assert (state.last_complete_started_at, state.last_complete_at) == (LATER, LATER + timedelta(minutes=1))


def test_when_all_was_read_is_told_by_complete_scans_that_had_all(database: Database) -> None:
    with database.write() as session:
        for number, (state, has_all) in enumerate([("complete", True), ("complete", False), ("partial", True)]):
            _begin(session, str(number), now=NOW + timedelta(hours=number))
            _finish(session, state, str(number), has_all=has_all)
        assert scans.resource_state(session, "s", "products").all_read_at == NOW
        scans.begin_anew(session, "s", "products", read_as={})
        assert scans.resource_state(session, "s", "products").all_read_at is None


@pytest.mark.parametrize("state", ["drifted", "partial", "failed"])
def test_a_scan_that_is_not_complete_is_a_problem_until_the_next_complete_one(database: Database, state: str) -> None:
    with database.write() as session:
        _begin(session)
        _finish(session, state, reason="503 from the source")
        before = scans.resource_state(session, "s", "products")
        _begin(session, "2")
        _finish(session, "complete", "2")
        after = scans.resource_state(session, "s", "products")
    assert (before.last_problem, before.last_problem_at, before.baseline_at) == ("503 from the source", LATER, None)
    assert (after.last_problem, after.last_problem_at, after.baseline_at) == (None, None, LATER)


def test_a_head_scan_sets_no_baseline(database: Database) -> None:
    with database.write() as session:
        _begin(session, kind="head")
        _finish(session, "complete")
        assert scans.resource_state(session, "s", "products").baseline_at is None


def test_a_scan_that_ends_forgets_what_it_has_seen(database: Database) -> None:
    with database.write() as session:
        for scan_id in ("1", "2"):
            _begin(session, scan_id)
            seen_ids.note_seen(session, scan_id, 0, seen_ids.packed([Id("", "a")]))
        _finish(session, "complete")
        left = [name for (name,) in sql.fetch(session, "SELECT scan_id FROM mirrorpoint_seen")]
    assert left == ["2"]


def test_two_clocks_make_one_slot(database: Database) -> None:
    def open_it(_: int) -> int:
        with database.write() as session:
            return slots.open_slots(session, [SLOT, SLOT._replace(resource="clients")], now=NOW)

    with ThreadPoolExecutor(2) as clocks:
        assert sorted(clocks.map(open_it, range(2))) == [0, 2]


def test_a_slot_waits_from_its_time_on_until_it_is_done(database: Database) -> None:
    def waiting(session: Session, *, now: datetime = LATER) -> list[tuple[str, str]]:
        return slots.waiting(session, now=now, woken_before=LATER)

    with database.write() as session:
        slots.open_slots(session, [SLOT, SLOT._replace(slot_at=NOW - timedelta(minutes=5))], now=NOW)
        assert waiting(session, now=NOW - timedelta(minutes=6)) == []
        assert waiting(session) == [("s", "products")]
        assert slots.waiting(session, now=LATER, woken_before=NOW) == []
        assert slots.take_slots(session, "s", "products", scan_id="1", now=NOW) == 2
        assert waiting(session) == [("s", "products")]
        assert slots.finish_slots(session, "s", "products", scan_id="1", now=LATER) == 2
        assert waiting(session) == []


def test_a_slot_that_comes_while_a_scan_runs_is_left_for_the_next_one(database: Database) -> None:
    with database.write() as session:
        slots.open_slots(session, [SLOT], now=NOW)
        slots.take_slots(session, "s", "products", scan_id="1", now=NOW)
        slots.open_slots(session, [SLOT._replace(slot_at=LATER)], now=LATER)
        assert slots.finish_slots(session, "s", "products", scan_id="1", now=LATER) == 1
        assert slots.waiting(session, now=LATER, woken_before=LATER + timedelta(minutes=1)) == [("s", "products")]


def test_the_latest_slot_of_each_that_is_asked_for_is_found(database: Database) -> None:
    later, head = SLOT._replace(slot_at=LATER), SLOT._replace(kind="head", slot_at=NOW - timedelta(minutes=1))
    asked = [("s", "clients", "full"), ("s", "products", "full"), ("s", "products", "head"), ("t", "products", "full")]
    with database.write() as session:
        slots.open_slots(session, [SLOT, later, head, SLOT._replace(resource="others")], now=NOW)
        assert slots.last_slots(session, asked) == {asked[1]: LATER, asked[2]: head.slot_at}
        assert slots.last_slots(session, []) == {}


def test_old_slots_are_forgotten_only_when_they_are_done(database: Database) -> None:
    with database.write() as session:
        slots.open_slots(session, [SLOT, SLOT._replace(resource="clients")], now=NOW)
        slots.take_slots(session, "s", "products", scan_id="1", now=NOW)
        slots.finish_slots(session, "s", "products", scan_id="1", now=NOW)
        assert slots.forget_slots(session, before=LATER) == 1
        assert slots.waiting(session, now=LATER, woken_before=LATER) == [("s", "clients")]


def test_a_lease_has_one_holder_and_a_fence_that_only_grows(database: Database) -> None:
    with database.write() as session:
        assert leases.acquire(session, "n", holder="a", now=NOW, seconds=60) == 1
        assert leases.acquire(session, "n", holder="b", now=NOW + timedelta(seconds=59), seconds=60) is None
        assert leases.acquire(session, "n", holder="b", now=NOW + timedelta(seconds=60), seconds=60) == 2
        leases.release(session, "n", fence=2)
        assert leases.acquire(session, "n", holder="a", now=NOW, seconds=60) == 3
        assert leases.acquire(session, "another", holder="a", now=NOW, seconds=60) == 1


def test_a_lease_is_renewed_by_its_holder_alone(database: Database) -> None:
    with database.write() as session:
        leases.acquire(session, "n", holder="a", now=NOW, seconds=60)
        assert leases.renew(session, "n", fence=1, now=NOW + timedelta(seconds=50), seconds=60)
        assert leases.acquire(session, "n", holder="b", now=NOW + timedelta(seconds=100), seconds=60) is None
        assert leases.acquire(session, "n", holder="b", now=NOW + timedelta(seconds=110), seconds=60) == 2
        assert not leases.renew(session, "n", fence=1, now=NOW, seconds=60)
        leases.release(session, "n", fence=1)
        assert leases.holder(session, "n", now=NOW + timedelta(seconds=111)) == "b"


def test_a_lease_that_was_released_is_not_renewed(database: Database) -> None:
    with database.write() as session:
        leases.acquire(session, "n", holder="a", now=NOW, seconds=60)
        leases.release(session, "n", fence=1)
        assert not leases.renew(session, "n", fence=1, now=NOW, seconds=60)
        assert leases.holder(session, "n", now=NOW) is None


def test_of_many_who_want_a_lease_at_once_one_gets_it(database: Database) -> None:
    def acquire(number: int) -> int | None:
        with database.write() as session:
            return leases.acquire(session, "n", holder=str(number), now=NOW, seconds=60)

    with ThreadPoolExecutor(4) as workers:
        got = list(workers.map(acquire, range(8)))
    assert [fence for fence in got if fence is not None] == [1]
