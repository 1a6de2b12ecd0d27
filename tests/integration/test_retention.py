"""What is left out after a time, in small pieces, and what never is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert
from sqlmodel import col, func, select

from storage import processes, retention, scans, tables
from storage.engine import Database
from storage.session import Session
from storage.tables import AttemptRow, ChangeRow, DeliveryRow, ProcessRow, ScanRow
from tasks import housekeeping
from tasks.services import Services
from tests.mirrored_world import World, scan

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
COLUMNS: dict[str, Any] = {"source": "s", "kind": "full", "state": "complete", "rows": 7}


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def write_scan(session: Session, name: str, *, days: float, resource: str = "tags", **columns: Any) -> str:
    """Its id ends with the name."""
    scan_id = scans.first_id(ago(days)) + name
    row = {"id": scan_id, "resource": resource, "started_at": ago(days), "ended_at": ago(days)} | COLUMNS | columns
    session.objects.execute(insert(ScanRow).values(**row))
    return scan_id


def write_state(session: Session, resource: str = "tags", **columns: Any) -> None:
    session.objects.execute(insert(tables.ResourceRow).values(source="s", resource=resource, **columns))


def forget_scans(database: Database) -> list[str]:
    """The names of those that are left, in their order."""
    place: str | None = ""
    while place is not None:
        with database.write() as session:
            place = retention.forget_scans(session, before=ago(7), incomplete_before=ago(30), after_id=place)
    with database.read() as session:
        return [scan_id[12:] for scan_id in session.objects.exec(select(ScanRow.id).order_by(col(ScanRow.id)))]


def test_complete_scans_that_found_nothing_go_after_a_week_and_the_last_stays(database: Database) -> None:
    with database.write() as session:
        write_state(session, baseline_at=ago(90))
        write_state(session, "phones", baseline_at=ago(90))
        for days in range(60, 1, -1):
            write_scan(session, f"-{days}", days=days)
        write_scan(session, "-only", days=50, resource="phones")
    assert forget_scans(database) == ["-only", "-7", "-6", "-5", "-4", "-3", "-2"]


@pytest.mark.parametrize("counter", ["created", "updated", "deleted", "restored", "held"])
def test_scans_that_found_something_stay(database: Database, counter: str) -> None:
    with database.write() as session:
        write_state(session, baseline_at=ago(90))
        write_scan(session, "-found", days=50, **{counter: 1})
        write_scan(session, "-last", days=1)
    assert forget_scans(database) == ["-found", "-last"]


def test_scans_that_may_have_brought_first_sights_stay(database: Database) -> None:
    with database.write() as session:
        write_state(session, baseline_at=ago(40))
        write_scan(session, "-partial", days=50, state="partial")
        write_scan(session, "-empty", days=45, state="failed", rows=0)
        write_scan(session, "-first", days=40)
        write_scan(session, "-second", days=39)
        write_scan(session, "-last", days=1)
        write_scan(session, "-never", days=50, resource="unknown", state="partial")
        write_scan(session, "-never2", days=35, resource="unknown", state="partial")
    assert forget_scans(database) == ["-never", "-partial", "-first", "-never2", "-last"]


def test_scans_that_were_not_complete_stay_for_a_month(database: Database) -> None:
    with database.write() as session:
        last_complete_id = write_scan(session, "-good", days=60)
        write_state(session, baseline_at=ago(90), last_complete_id=last_complete_id)
        for state in ("failed", "partial", "drifted"):
            write_scan(session, f"-{state}", days=31, state=state)
            write_scan(session, f"-{state}", days=20, state=state)
        write_scan(session, "-runs", days=50, state="running", ended_at=None)
    assert sorted(forget_scans(database)) == ["-drifted", "-failed", "-good", "-partial", "-runs"]


def test_attempts_of_what_has_arrived_go_after_a_month(database: Database) -> None:
    deliveries = {1: ("delivered", 40), 2: ("delivered", 20), 3: ("dead", 50), 4: ("due", 50)}
    with database.write() as session:
        for number, (state, days) in deliveries.items():
            values = {"id": number, "change_seq": number, "point": "A", "record": "r", "state": state, "attempts": 1}
            at = ago(days) if state == "delivered" else None
            session.objects.execute(
                insert(DeliveryRow).values(**values, fence=1, created_at=ago(60), delivered_at=at, losses=0)
            )
        for days in (55, 45, 15):
            for number in deliveries:
                session.objects.execute(
                    insert(AttemptRow).values(
                        delivery_id=number, change_seq=number, point="A", attempted_at=ago(days), duration_ms=1
                    )
                )
    place: int | None = 0
    while place is not None:
        with database.write() as session:
            place = retention.forget_attempts(session, before=ago(30), after_id=place)
    with database.read() as session:
        left = session.objects.exec(
            select(AttemptRow.delivery_id, func.count()).group_by(col(AttemptRow.delivery_id))
        ).all()
        assert dict(left) == {1: 1, 2: 3, 3: 3, 4: 3}
        assert session.objects.exec(select(func.count()).select_from(DeliveryRow)).one() == 4


def test_no_transaction_looks_at_more_than_a_few(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_A_TIME", 10)
    with database.write() as session:
        write_state(session, baseline_at=ago(90))
        for number in range(35):
            write_scan(session, f"-{number}", days=30 - number / 10)
    places, left = [""], []
    while True:
        with database.write() as session:
            place = retention.forget_scans(session, before=ago(7), incomplete_before=ago(30), after_id=places[-1])
            left.append(session.objects.exec(select(func.count()).select_from(ScanRow)).one())
        if place is None:
            break
        places.append(place)
    assert left == [25, 15, 5, 1, 1]


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_housekeeping_does_so_once_an_hour_and_leaves_the_log_alone(services: Services, world: World) -> None:
    for _ in range(3):
        scan(services, "tags")
    with services.database.write() as session:
        processes.note_beat(session, "gone", kind="clock", host="a", now=services.now())
    before = _counts(services)
    assert before[ScanRow] == 3
    housekeeping.housekeep(services)
    assert _counts(services) == before
    later = _at(services, days=8)
    housekeeping.housekeep(later)
    after = _counts(services)
    assert after == before | {ScanRow: 2, ProcessRow: 0}, "the first scan, whose sights they are, and the last"
    scan(later, "tags")
    scan(_at(services, days=8.5), "tags")
    housekeeping.housekeep(_at(services, days=16))
    assert _counts(services)[ScanRow] == 2


def _at(services: Services, *, days: float) -> Services:
    from dataclasses import replace

    moment = services.now() + timedelta(days=days)
    return replace(services, now=lambda: moment)


def _counts(services: Services) -> dict[Any, int]:
    with services.database.read() as session:
        return {
            row: session.objects.exec(select(func.count()).select_from(row)).one()
            for row in (ScanRow, ChangeRow, ProcessRow)
        }
