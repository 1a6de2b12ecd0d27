"""A head scan sees what is new within a request or a few, tells it once, and takes nothing for gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from storage import history, leases, mirror, scans, slots, suspects
from storage.tables import ScanRow, SlotRow
from tasks.scan import scan_resource
from tasks.scan.head import HeadEnd, scan_head
from tasks.scan.slice import scan_slice
from tasks.scan.slice_end import Outcome
from tasks.services import Services
from tests import mirrored_world
from tests.integration import news
from tests.integration import shop as shops
from tests.integration.news import BEGIN, Newsroom, look, state_of, told
from tests.integration.scripted_server import Reply, ScriptedServer
from upstream.heads import Way

PAGE = 10
ON_ONE = pytest.mark.parametrize("dialect", ["sqlite"])


@pytest.fixture
def room(server: ScriptedServer) -> Newsroom:
    return Newsroom(server)


@pytest.fixture
def services(room: Newsroom, database_url: str, tmp_path: Path) -> Iterator[Services]:
    file = shops.configure(
        tmp_path, database=database_url, url=room.server.url, page_size=PAGE, catalogue=news.CATALOGUE
    )
    with closing(mirrored_world.services(file)) as built:
        yield built


def full(services: Services, resource: str = "news") -> None:
    assert shops.scanned(services, resource).state == "complete"


def last_seq(services: Services) -> int:
    with services.database.read() as session:
        return history.last_seq(session)


def changes(services: Services, after: int) -> list[history.Entry]:
    with services.database.read() as session:
        return history.read(session, after_seq=after)


def test_new_rows_are_told_as_created_in_their_order_and_the_full_scan_tells_none_again(
    services: Services, room: Newsroom
) -> None:
    room.add(25)
    full(services)
    seq = last_seq(services)
    keys = room.add(3)
    scan = look(services)
    assert scan is not None
    assert ("head", "complete", 2, 3, 0) == (scan.kind, scan.state, scan.requests, scan.created, scan.updated)
    assert [("news", key, "created") for key in keys] == told(services, after=seq)
    full(services)
    look(services)
    assert [("news", key, "created") for key in keys] == told(services, after=seq)


def test_nothing_new_costs_one_request_and_leaves_one_row(services: Services, room: Newsroom) -> None:
    room.add(25)
    full(services)
    seq, room.asked[:] = last_seq(services), []
    for _ in range(5):
        look(services)
    assert [{"limit": "10", "offset": "0", "sort": "createdAt", "order": "desc"}] * 5 == room.asked
    assert seq == last_seq(services)
    with services.database.read() as session:
        kinds = session.objects.execute(select(col(ScanRow.kind)).order_by(col(ScanRow.id))).scalars().all()
    assert ["full", "head"] == list(kinds)


def test_pages_are_read_until_one_holds_only_what_is_known(services: Services, room: Newsroom) -> None:
    room.add(25)
    full(services)
    room.add(2 * PAGE)
    scan = look(services)
    assert scan is not None
    assert (3, 20) == (scan.requests, scan.created)


def test_more_than_five_pages_of_news_bring_the_full_scan_forward(services: Services, room: Newsroom) -> None:
    room.add(5)
    full(services)
    room.add(80)
    woken: list[str] = []
    scan = look(replace(services, wake=lambda task, **more: woken.append(task)))
    assert scan is not None
    assert (5, 50) == (scan.requests, scan.created)
    assert scan.reason == "5 pages held new records: the full scan is brought forward"
    with services.database.read() as session:
        assert {"full"} == slots.waiting_kinds(session, "shop", "news", now=services.now())
    assert ["scan"] == woken
    full(services)
    assert 85 == len(shops.keys(services, "news"))


def test_an_update_that_a_head_scan_sees_is_told_once(services: Services, room: Newsroom) -> None:
    room.add(25)
    full(services)
    seq = last_seq(services)
    room.rows[-1]["title"] = "corrected"
    look(services)
    full(services)
    assert [("news", "25", "updated")] == told(services, after=seq)


def test_a_record_that_comes_back_is_told_as_restored(services: Services, room: Newsroom) -> None:
    room.add(25)
    full(services)
    row = room.rows.pop()
    full(services)
    full(services)
    seq = last_seq(services)
    room.rows.append(row)
    look(services)
    assert [("news", "25", "restored")] == told(services, after=seq)


def test_a_head_scan_deletes_nothing_and_moves_neither_suspects_nor_the_last_complete_scan(
    services: Services, room: Newsroom
) -> None:
    room.add(25)
    full(services)
    row = room.rows.pop()
    full(services)  # absent once
    room.rows.append(row)
    with services.database.read() as session:
        before = scans.resource_state(session, "shop", "news")
        assert 1 == len(suspects.suspects(session, "shop", "news", limit=10))
    del room.rows[20:24]
    look(services)
    with services.database.read() as session:
        after = scans.resource_state(session, "shop", "news")
        assert replace(before, head=None) == replace(after, head=None)
        assert 1 == len(suspects.suspects(session, "shop", "news", limit=10))
        assert 25 == mirror.live_count(session, services.sources["shop"].catalogue.resources["news"], "shop")


def test_before_the_first_complete_scan_its_records_are_snapshots(services: Services, room: Newsroom) -> None:
    room.add(25)
    assert look(services) is None, "nothing says yet by which key they are kept"
    end = scan_slice(services, "shop", "news", seconds=0)
    assert end.outcome is Outcome.AGAIN
    look(services)
    assert {"snapshot"} == {kind for _, _, kind in told(services)}
    assert all(each.observed_after is None for each in changes(services, 0))
    full(services)
    assert sorted(str(number) for number in range(1, 26)) == sorted(key for _, key, _ in told(services))


def complete_at(services: Services) -> datetime:
    """The start of the last complete scan."""
    with services.database.read() as session:
        complete = scans.resource_state(session, "shop", "news").last_complete_started_at
    assert complete is not None
    return complete


def moments(services: Services) -> tuple[datetime, datetime]:
    """The same, and that of the last head scan."""
    head = state_of(services).started_at
    assert head is not None
    return complete_at(services), head


def test_a_later_stamp_proves_that_the_record_was_not_there_at_the_last_head_scan(
    services: Services, room: Newsroom
) -> None:
    room.add(25)
    full(services)
    look(services)
    seq, (complete, head) = last_seq(services), moments(services)
    room.add(1)
    look(services)
    (change,) = changes(services, seq)
    assert head == change.observed_after > complete
    assert change.observed_at > head


@pytest.mark.parametrize(
    "stamp", [BEGIN, BEGIN + timedelta(seconds=25)], ids=["back-dated", "of the same moment as the newest known"]
)
@ON_ONE
def test_a_stamp_that_is_not_later_proves_nothing(services: Services, room: Newsroom, stamp: datetime) -> None:
    room.add(25)
    full(services)
    look(services)
    seq, (complete, _) = last_seq(services), moments(services)
    room.add(1, created_at=stamp)
    look(services)
    full(services)
    (change,) = changes(services, seq)
    assert complete == change.observed_after


@ON_ONE
def test_after_a_clock_far_ahead_nothing_is_proved_by_stamps_before_it(services: Services, room: Newsroom) -> None:
    room.add(25)
    room.rows[3]["createdAt"] = datetime(2099, 1, 1, tzinfo=UTC).isoformat()
    full(services)
    look(services)
    seq, (complete, _) = last_seq(services), moments(services)
    room.add(1)
    look(services)
    (change,) = changes(services, seq)
    assert complete == change.observed_after


@ON_ONE
def test_a_page_that_shows_no_order_proves_nothing(services: Services, room: Newsroom) -> None:
    room.mind = "ascending"
    room.add(PAGE, created_at=BEGIN)
    room.add(1)  # it stands on the second page, whatever is asked for
    look_without(services, room, at=PAGE)


@ON_ONE
def test_a_first_page_that_is_cut_proves_nothing(services: Services, room: Newsroom) -> None:
    room.add(25)
    room.cut = 1
    look_without(services, room, at=24)


def look_without(services: Services, room: Newsroom, *, at: int) -> None:
    """A head scan that is not shown the row that came before it; the next one is."""
    (hidden,) = room.rows[at:][:1]
    del room.rows[at]
    full(services)
    seq, complete = last_seq(services), complete_at(services)
    room.rows.insert(at, hidden)
    look(services)
    assert last_seq(services) == seq
    room.cut, room.mind = 0, "obeys"
    look(services)
    (change,) = changes(services, seq)
    assert complete == change.observed_after


@ON_ONE
def test_where_the_server_ignores_the_order_and_sorts_the_other_way_the_last_pages_are_read(
    services: Services, room: Newsroom
) -> None:
    room.mind = "ascending"
    room.add(37)
    full(services)
    seq = last_seq(services)
    look(services)
    assert Way.TAIL is state_of(services).way
    keys = room.add(12)
    room.asked.clear()
    scan = look(services)
    assert scan is not None
    assert scan.created == 12
    assert ["20", "30", "40"] == sorted(ask["offset"] for ask in room.asked)
    room.asked.clear()
    look(services)
    assert ["40"] == [ask["offset"] for ask in room.asked]
    assert [("news", key, "created") for key in keys] == told(services, after=seq)
    assert all(each.observed_after == moments(services)[0] for each in changes(services, seq))


@ON_ONE
@pytest.mark.parametrize("counts_to", [20, 25])
def test_where_the_total_is_too_low_to_find_the_last_pages_there_are_no_head_scans(
    services: Services, room: Newsroom, counts_to: int
) -> None:
    room.mind, room.counts_to = "ascending", counts_to
    room.add(45)
    full(services)
    look(services)
    state = state_of(services)
    assert (Way.NONE, f"it says that it has {counts_to} rows, and has more") == (state.way, state.why)


@ON_ONE
def test_a_last_page_that_is_full_is_no_reason_for_doubt(services: Services, room: Newsroom) -> None:
    room.mind = "ascending"
    room.add(2 * PAGE)
    full(services)
    look(services)
    assert Way.TAIL is state_of(services).way
    seq = last_seq(services)
    (key,) = room.add(1)
    look(services)
    assert [("news", key, "created")] == told(services, after=seq)


@ON_ONE
def test_a_list_that_has_become_shorter_is_followed_to_its_new_end(services: Services, room: Newsroom) -> None:
    room.mind = "ascending"
    room.add(37)
    full(services)
    look(services)
    gone = room.rows[5:25]
    del room.rows[5:25]
    assert len(gone) == 20
    number = 100
    room.rows.append({"id": number, "title": "x", "createdAt": (BEGIN + timedelta(hours=1)).isoformat()})
    scan = look(services)
    assert scan is not None
    assert scan.created == 1


@ON_ONE
def test_where_the_rows_have_no_order_there_are_no_head_scans_and_it_says_so(
    services: Services, room: Newsroom
) -> None:
    room.mind = "shuffled"
    room.add(25)
    full(services)
    scan = look(services)
    assert scan is not None
    assert "failed" == scan.state
    assert scan.reason == "no head scans: its newest rows stand neither first nor in the last of its pages"
    state, room.asked[:] = state_of(services), []
    assert Way.NONE is state.way
    assert scan.reason.endswith(state.why)
    assert look(services) is None
    assert [] == room.asked, "it is not asked for nothing"
    with services.database.read() as session:
        assert scans.resource_state(session, "shop", "news").last_problem is None
    room.mind = "obeys"
    tomorrow = services.now() + timedelta(days=1, seconds=1)
    assert look(replace(services, now=lambda: tomorrow)) is not None
    assert Way.NEWEST is state_of(services).way


@ON_ONE
def test_rows_without_a_stamp_and_short_lists_are_taken_as_they_come(services: Services, room: Newsroom) -> None:
    room.add(1)
    full(services)
    look(services)
    assert Way.NEWEST is state_of(services).way
    room.rows.append({"id": 77, "title": "no stamp", "createdAt": None, "note": "x"})
    del room.rows[0]["createdAt"]
    room.rows = [{**row, "createdAt": row.get("createdAt") or ""} for row in room.rows]
    scan = look(services)
    assert scan is not None
    assert scan.created == 1


@ON_ONE
def test_a_server_that_caps_its_pages_loses_no_row(services: Services, room: Newsroom) -> None:
    room.page_rows = 4
    room.add(25)
    full(services)
    room.add(7)
    scan = look(services)
    assert scan is not None
    assert (3, 7) == (scan.requests, scan.created)


def test_a_head_scan_waits_for_a_slice_that_is_under_way(services: Services, room: Newsroom) -> None:
    room.add(25)
    full(services)
    with services.database.write() as session:
        name = leases.of_scan("shop", "news")
        fence = leases.acquire(session, name, holder="another", now=services.now(), seconds=60)
        assert fence is not None
        slots.open_slots(session, [slots.Slot("shop", "news", "head", services.now())], now=services.now())
    assert scan_head(services, "shop", "news") is HeadEnd.HELD
    with services.database.write() as session:
        assert {"head"} == slots.waiting_kinds(session, "shop", "news", now=services.now())
        leases.release(session, name, fence=fence)
    assert scan_head(services, "shop", "news") is HeadEnd.ENDED
    with services.database.read() as session:
        assert [] == session.objects.execute(select(SlotRow)).scalars().all(), "answered ones are left out"


def test_one_whose_lease_was_taken_meanwhile_writes_nothing(services: Services, room: Newsroom) -> None:
    room.add(25)
    full(services)
    seq = last_seq(services)
    room.add(1)

    def take() -> None:
        with services.database.write() as session:
            later = services.now() + timedelta(minutes=5)
            leases.acquire(session, leases.of_scan("shop", "news"), holder="another", now=later, seconds=60)

    room.on_asked = take
    assert scan_head(services, "shop", "news") is HeadEnd.HELD
    assert seq == last_seq(services)
    assert state_of(services).started_at is None


def test_a_record_that_only_a_head_scan_has_seen_is_not_absent(services: Services, room: Newsroom) -> None:
    room.add(25)
    full(services)
    seq = last_seq(services)
    scan_slice(services, "shop", "news", seconds=0)
    room.add(1)
    look(services)
    hidden = room.rows.pop()
    full(services)
    room.rows.append(hidden)
    with services.database.read() as session:
        assert [] == suspects.suspects(session, "shop", "news", limit=10)
    assert [("news", "26", "created")] == told(services, after=seq)


@ON_ONE
def test_a_head_scan_that_fails_rests_a_little_and_says_why(services: Services, room: Newsroom) -> None:
    room.add(25)
    full(services)
    room.server.on("GET", "/news", Reply(403, b"{}"))
    scan = look(services)
    assert scan is not None
    assert "failed" == scan.state
    state = state_of(services)
    assert state.failures == 1
    assert state.problem
    assert look(services) is None
    with services.database.read() as session:
        assert scans.resource_state(session, "shop", "news").last_problem is None


def test_lists_below_parents_that_have_changed_are_read_and_no_others(services: Services, room: Newsroom) -> None:
    room.add(25)
    room.comments(3, 31)
    room.comments(4, 41)
    for resource in ("news", "comments"):
        full(services, resource)
    seq = last_seq(services)
    room.comments(3, 31, 32)
    room.comments(4, 41, 42)
    room.rows[2]["title"] = "edited"
    full(services)
    before = len(room.server.requests)
    look(services, "comments")
    assert ["/news/3/comments"] == [request.path for request in room.server.requests[before:]]
    assert [("news", "3", "updated"), ("comments", "32", "created")] == told(services, after=seq)
    look(services, "comments")
    assert 1 == len(room.server.requests) - before, "no parent has changed since"


@ON_ONE
def test_a_head_scan_whose_process_ended_is_left_alone_for_a_while_longer_each_time(
    services: Services, room: Newsroom
) -> None:
    room.add(25)
    full(services)
    moment = services.now()
    timed = replace(services, now=lambda: moment)
    for failures in (1, 2, 3):
        with services.database.write() as session:
            leases.acquire(session, leases.of_scan("shop", "news"), holder="dead", now=moment, seconds=60)
        moment += timedelta(seconds=400)
        assert scan_head(timed, "shop", "news") is HeadEnd.NOT_NOW
        assert (failures, "the process that was at work on the list has ended") == (
            state_of(services).failures,
            state_of(services).problem,
        )
        assert scan_head(timed, "shop", "news") is HeadEnd.NOT_NOW, "it rests"
    moment += timedelta(seconds=400)
    assert scan_head(timed, "shop", "news") is HeadEnd.ENDED
    assert (0, "") == (state_of(services).failures, state_of(services).problem)


@ON_ONE
def test_one_that_breaks_says_so_and_does_not_come_again_at_once(
    services: Services, room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    room.add(25)
    full(services)
    with services.database.write() as session:
        slots.open_slots(session, [slots.Slot("shop", "news", "head", services.now())], now=services.now())
    monkeypatch.setattr("tasks.scan.head_pages.HeadReader.read", broken)
    with pytest.raises(ZeroDivisionError):
        scan_head(services, "shop", "news")
    assert "unexpected ZeroDivisionError" == state_of(services).problem
    with services.database.read() as session:
        assert set() == slots.waiting_kinds(session, "shop", "news", now=services.now())


@pytest.mark.parametrize(
    ("statement", "gone"),
    [("DROP TABLE news", "the table news"), ("ALTER TABLE news DROP COLUMN title", "the column news.title")],
)
def test_one_that_meets_a_table_that_somebody_has_damaged_says_what_is_gone(
    services: Services, room: Newsroom, statement: str, gone: str
) -> None:
    room.add(25)
    full(services)
    shops.run(services, statement)
    room.add(1)
    scan = look(services)
    assert scan is not None
    assert scan.state == "failed"
    assert str(scan.reason).startswith(f"{gone} is gone: ")
    assert state_of(services).problem == scan.reason


@ON_ONE
def test_nothing_is_proved_by_a_head_scan_of_a_time_to_come(services: Services, room: Newsroom) -> None:
    room.add(25)
    full(services)
    ahead = services.now() + timedelta(hours=3)
    look(replace(services, now=lambda: ahead))
    seq, (complete, _) = last_seq(services), moments(services)
    room.add(1)
    look(services)
    (change,) = changes(services, seq)
    assert complete == change.observed_after < change.observed_at


@ON_ONE
def test_a_slice_ends_for_a_head_scan_that_waits_and_looks_first(
    services: Services, room: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.scan.waiting_line.LOOK_SECONDS", 0)
    room.add(25)
    full(services)
    seq = last_seq(services)
    room.add(1)

    def open_a_head_slot() -> None:
        room.on_asked = lambda: None
        with services.database.write() as session:
            slots.open_slots(session, [slots.Slot("shop", "news", "head", services.now())], now=services.now())

    room.on_asked = open_a_head_slot
    end = scan_resource.scan_resource(services, "shop", "news", kinds={"full"})
    assert end.outcome is Outcome.AGAIN
    assert [("news", "26", "created")] == told(services, after=seq), "the list's last page was not read yet"
    assert {change.scan_id for change in changes(services, seq)} == {look_id(services)}


def look_id(services: Services) -> str:
    with services.database.read() as session:
        found = session.objects.execute(select(col(ScanRow.id)).where(col(ScanRow.kind) == "head")).scalars().all()
    (id_,) = found
    return id_
