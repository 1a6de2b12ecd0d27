"""What a look at a list costs the database in which nothing has changed: counted, so no machine is too slow.

There are thousands of such looks in an hour, so they are most of what an idle Mirrorpoint does. Reservations of start
times are left out: how many requests one of them serves depends on how fast the requests follow each other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from storage import backoff, leases, slots
from storage.engine import Database
from storage.tables import LeaseRow, PermitRow, ScanRow, SlotRow
from tasks.scan import scan_resource
from tasks.scan.slice import scan_slice
from tasks.scan.slice_end import Outcome, SliceEnd
from tasks.services import Services
from tests import mirrored_world
from tests.integration import news
from tests.integration import shop as shops
from tests.integration.news import Newsroom
from tests.integration.shop import Shop, scanned, things

STATEMENTS, TRANSACTIONS = 28, 6
#: Which parents there are, and that they still are there when their lists are written.
OF_PARENTS = 4
HEAD_STATEMENTS, HEAD_TRANSACTIONS = 15, 5
#: One transaction with two statements that both name this.
RESERVATION = ("next_at", "mirrorpoint_budget")

file, shop_services = shops.file, shops.services


@pytest.fixture
def news_services(room: Newsroom, database_url: str, tmp_path: Path) -> Iterator[Services]:
    file = shops.configure(tmp_path, database=database_url, url=room.server.url, catalogue=news.CATALOGUE)
    built = mirrored_world.services(file)
    yield built
    built.close()


class Asked:
    """What a database is asked, but for start times."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.transactions = 0

    def note(self, text: str, _: object) -> None:
        if text.startswith("BEGIN"):
            self.transactions += 1
        elif not all(word in text for word in RESERVATION):
            self.statements.append(text)
        elif text.startswith("UPDATE"):
            self.transactions -= 1


@contextmanager
def counted(database: Database) -> Iterator[Asked]:
    asked = Asked()
    database.watchers.append(asked.note)
    try:
        yield asked
    finally:
        database.watchers.remove(asked.note)


def woken(services: Services, resource: str, kind: str) -> SliceEnd:
    """What the task does for a slot that is there."""
    with services.database.read() as session:
        kinds = backoff.turns(session, "shop", resource, now=services.now())
    assert kinds == {kind: False}
    return scan_resource.scan_resource(services, "shop", resource, kinds=kinds)


def open_slot(services: Services, resource: str, kind: str) -> None:
    with services.database.write() as session:
        now = services.now()
        slots.open_slots(session, [slots.Slot("shop", resource, kind, now)], now=now)


def cost(services: Services, resource: str, kind: str = slots.FULL) -> Asked:
    for _ in range(2):  # what the first one learns of the list is written down once
        open_slot(services, resource, kind)
        woken(services, resource, kind)
    open_slot(services, resource, kind)
    with counted(services.database) as asked:
        assert woken(services, resource, kind).outcome is Outcome.ENDED
    return asked


def test_a_small_list_without_news_takes_few_statements(shop: Shop, shop_services: Services) -> None:
    shop.lists("things", *things(7))
    scanned(shop_services, "things")
    asked = cost(shop_services, "things")
    assert len(asked.statements) <= STATEMENTS, asked.statements
    assert asked.transactions <= TRANSACTIONS


def test_an_empty_list_takes_no_more_and_one_below_a_parent_little_more(shop: Shop, shop_services: Services) -> None:
    shop.lists("things", *things(1))
    shop.parts(0, json.dumps({"id": 1}))
    scanned(shop_services, "things")
    for resource, more in (("leaflets", 0), ("parts", OF_PARENTS)):
        scanned(shop_services, resource)
        asked = cost(shop_services, resource)
        assert len(asked.statements) <= STATEMENTS + more, (resource, asked.statements)
        assert asked.transactions <= TRANSACTIONS, resource


def test_no_statement_is_made_twice_but_for_each_page(shop: Shop, shop_services: Services) -> None:
    shop.lists("things", *things(7))
    scanned(shop_services, "things")
    asked = cost(shop_services, "things")
    assert sorted(set(asked.statements)) == sorted(asked.statements)


def test_a_head_scan_that_finds_nothing_takes_fewer(news_services: Services, room: Newsroom) -> None:
    room.add(5)
    scanned(news_services, "news")
    asked = cost(news_services, "news", slots.HEAD)
    assert len(asked.statements) <= HEAD_STATEMENTS, asked.statements
    assert asked.transactions <= HEAD_TRANSACTIONS


def test_with_the_transaction_of_its_end_a_scan_has_given_back_all_that_it_held(
    shop: Shop, shop_services: Services
) -> None:
    shop.lists("things", *things(7))
    scanned(shop_services, "things")
    seen = _seen_by_others(shop_services, lambda: woken(shop_services, "things", slots.FULL))
    at_work, ended = ("running", True, True, False), ("complete", False, False, True)
    assert set(seen) == {(None, False, False, False), at_work, ended}
    assert seen[-1] == ended


def _seen_by_others(services: Services, work: Callable[[], object]) -> list[tuple[str | None, bool, bool, bool]]:
    """In front of each transaction, and at the end: the scan's state, has it lease, has it permit, is its slot done."""
    open_slot(services, "things", slots.FULL)
    url = services.database.url.text(hide_password=False)
    other, found = Database(url), list[tuple[str | None, bool, bool, bool]]()
    with other.read() as session:
        before = session.objects.execute(select(col(ScanRow.id)).order_by(col(ScanRow.id).desc())).scalars().first()

    def note(text: str = "BEGIN", _: object = None) -> None:
        if not text.startswith("BEGIN"):
            return
        with other.read() as session:
            scan = session.objects.execute(select(ScanRow).where(col(ScanRow.id) > before)).scalars().one_or_none()
            slot = session.objects.execute(select(SlotRow).order_by(col(SlotRow.slot_at).desc())).scalars().first()
            lease, permit = (
                session.objects.execute(select(col(row.expires_at)).where(col(row.expires_at).is_not(None))).first()
                for row in (LeaseRow, PermitRow)
            )
            state = None if scan is None else scan.state
            is_done = slot is not None and slot.done_at is not None
            found.append((state, lease is not None, permit is not None, is_done))

    services.database.watchers.append(note)
    try:
        work()
    finally:
        services.database.watchers.remove(note)
    note()
    other.dispose()
    return found


def test_where_the_lease_is_taken_no_permit_is_kept(shop: Shop, shop_services: Services) -> None:
    shop.lists("things", *things(7))
    scanned(shop_services, "things")
    name, now = leases.of_scan("shop", "things"), shop_services.now()
    with shop_services.database.write() as session:
        assert leases.acquire(session, name, holder="another", now=now, seconds=60)
    assert scan_slice(shop_services, "shop", "things", waits=False).outcome is Outcome.HELD
    with shop_services.database.read() as session:
        assert session.objects.execute(select(PermitRow).where(col(PermitRow.expires_at).is_not(None))).all() == []


def test_where_no_permit_is_free_no_lease_is_taken(shop: Shop, shop_services: Services) -> None:
    shop.lists("things", *things(7))
    scanned(shop_services, "things")
    with shop_services.database.write() as session:
        for permit in session.objects.execute(select(PermitRow)).scalars():
            permit.holder, permit.expires_at = "another", shop_services.now() + timedelta(seconds=30)
    assert scan_slice(shop_services, "shop", "things", waits=False).outcome is Outcome.CROWDED
    with shop_services.database.read() as session:
        assert session.objects.execute(select(LeaseRow).where(col(LeaseRow.expires_at).is_not(None))).all() == []


def test_a_scan_whose_last_page_has_news_tells_them_and_ends_as_well(shop: Shop, shop_services: Services) -> None:
    shop.lists("things", *things(7))
    scanned(shop_services, "things")
    shop.lists("things", *things(8))
    scan = scanned(shop_services, "things")
    assert (scan.state, scan.rows, scan.created, scan.total) == ("complete", 8, 1, 8)
