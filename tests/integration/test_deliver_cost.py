"""What a round of the delivery step costs the database: counted in statements, so no machine is too slow."""

from __future__ import annotations

import pytest

from storage import outbox
from storage.engine import Database
from tasks.delivery.store import BatchRequest, BatchResult, DeliveryStore
from tests.integration.office import Office


@pytest.fixture
def office(database: Database) -> Office:
    made = Office(database)
    made.point("A", "http://127.0.0.1:9/hook")
    return made


def test_a_turn_with_many_deliveries_asks_no_more_often_than_one_with_few(office: Office) -> None:
    few, many = asked(office, deliveries=2), asked(office, deliveries=60)

    assert len(many) == len(few) <= 20


def test_a_turn_with_notices_asks_once_more_whatever_their_number(office: Office) -> None:
    without, few, many = asked(office, deliveries=2), asked(office, notices=2), asked(office, notices=60)

    assert len(many) == len(few)
    assert len(few) <= len(without) + 1


def test_a_turn_waits_for_the_lock_once(office: Office) -> None:
    locks = [statement for statement in asked(office, deliveries=3) if "advisory" in statement]
    assert len(locks) == (1 if office.database.dialect == "postgresql" else 0)


def asked(office: Office, *, deliveries: int = 0, notices: int = 0) -> list[str]:
    """The statements of a round that settles so many deliveries and leases as many others."""
    keys = [f"{deliveries}-{number}" for number in range(deliveries)]
    for _ in range(2):  # the second of each waits for the first
        office.change(*keys)
        for number in range(notices):
            office.notice(f"{notices}-{number}")
    first = DeliveryStore(office.services).settle_and_lease(request())
    found: list[str] = []

    def note(text: str, _: object) -> None:
        found.append(text)

    office.database.watchers.append(note)
    try:
        second = DeliveryStore(office.services).settle_and_lease(request(*arrived(office, first)))
    finally:
        office.database.watchers.remove(note)
    assert len(first.ready) == len(second.ready) == deliveries + notices
    DeliveryStore(office.services).settle_and_lease(request(*arrived(office, second)))
    return found


def request(*ended: outbox.Outcome) -> BatchRequest:
    return BatchRequest(ended, returned=(), held=(), ahead={"A": 64}, ahead_at_first=64, at_once=8, limit=800)


def arrived(office: Office, result: BatchResult) -> list[outbox.Outcome]:
    now = office.clock()
    return [outbox.Outcome(each.leased, "delivered", now, attempted_at=now, status=204) for each in result.ready]
