"""Processes that were only slow: whoever stood still until another took over writes nothing of what it had in hand."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from sandbox.receiver import Behaviour
from storage.tables import DeliveryRow
from tasks.scan.slice import scan_slice
from tests import mirrored_world, waiting
from tests.end_to_end import crashing
from tests.end_to_end.crashing import Office
from tests.mirrored_world import expected_changes, last_seq, log, told_changes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="whether a process stands still is asked of Linux")


def test_a_scan_that_stood_still_at_any_transaction_writes_nothing_after_another_has_taken_over(office: Office) -> None:
    office.scan()
    ever, at, has_stood = office.truth(), 0, True
    while has_stood:
        at += 1
        before, seq = office.truth(), last_seq(office.services)
        office.change(seed=at)
        with crashing.standing(office, crashing.scan_products_on_short_leases, at=at) as has_stood:
            middle = office.truth()
            waiting.until(lambda: _scan_is_free(office))
            office.scan()
            told = told_changes(log(office.services, after=seq))
            assert expected_changes(before, middle, ever=ever) == set(told), at
            for name, rows in middle.items():
                ever[name] |= rows
            office.change(seed=1000 + at)
            after = office.truth()
            office.scan()
            mirrored_world.assert_equal(office.services, office.world)
            seq = last_seq(office.services)

        mirrored_world.assert_equal(office.services, office.world)
        assert log(office.services, after=seq) == [], at
        for name, rows in after.items():
            ever[name] |= rows
    assert at > 7
    crashing.check_log(office)


def test_a_scan_that_stood_still_writes_no_page_beside_another_that_is_half_way(office: Office) -> None:
    office.scan()
    at, has_stood = 0, True
    while has_stood:
        at += 1
        seq, products = last_seq(office.services), list(office.truth()["products"])
        with crashing.standing(office, crashing.scan_products_on_short_leases, at=at) as has_stood:
            for product in products:
                office.world.change("/api/v2/products", "update", key=product.key, document={"name": f"the {at}th"})
            waiting.until(lambda: _has_read_a_page(office))
        for _ in range(2):
            mirrored_world.scan(office.services, "products")

        told = told_changes(log(office.services, after=seq))
        assert [("products", product, "updated") for product in products] == sorted(told), at
    assert at > 4


def _has_read_a_page(office: Office) -> bool:
    """One more page; then the scan is given back, for whoever goes on."""
    stopping = office.services.stopping
    try:
        end = scan_slice(office.services, "backoffice", "products", on_progress=lambda _: stopping.set())
    finally:
        stopping.clear()
    return end.outcome in ("again", "ended")


def _scan_is_free(office: Office) -> bool:
    """Also where the one that stands still has not taken it yet, or has given it back."""
    return mirrored_world.scan(office.services, "products").outcome == "ended"


def test_a_delivery_that_stood_still_does_not_count_after_another_has_taken_over(office: Office) -> None:
    office.scan()
    tags = list(office.truth()["tags"])
    for tag in tags:
        office.world.change("/api/v2/tags", "update", key=tag.key, document={"name": "other"})
    mirrored_world.scan(office.services, "tags")
    office.receiver.behaviours.append(Behaviour(status=500))
    with crashing.standing(office, crashing.deliver_and_stop_before_the_first_outcome) as has_stood:
        assert has_stood
        waiting.until(lambda: _has_run_out(office))
        failed = len(office.received())
        assert failed > 0
        office.receiver.behaviours.clear()
        assert 0 == office.deliver().due
        states = _states(office)
        assert {"delivered"} == {state for _, state, _ in states}

    assert states == _states(office)
    times = Counter(event["id"] for event in office.received())
    assert len(tags) == len(times)
    # What it had begun cannot be called back; all the rest it has left to the other.
    assert failed + len(tags) <= times.total() <= failed + len(tags) + crashing.AT_ONCE


def _has_run_out(office: Office) -> bool:
    with office.database.read() as session:
        until = session.objects.execute(select(func.max(col(DeliveryRow.leased_until)))).scalar_one()
    return bool(until <= office.services.now())


def _states(office: Office) -> list[Any]:
    which = (col(DeliveryRow.id), col(DeliveryRow.state), col(DeliveryRow.attempts))
    with office.database.read() as session:
        return list(session.objects.execute(select(*which).order_by(which[0])).all())
