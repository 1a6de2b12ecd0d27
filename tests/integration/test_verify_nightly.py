"""The record is verified by itself once in `record.verify`, by one process, and what comes of it is kept and shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from record import notes
from storage import leases, sql, verifications
from storage.verifications import Standing
from tasks import housekeeping
from tasks.record import sealing, verifying
from tasks.services import Services
from tests import mirrored_world, waiting
from tests.integration import shop as shops
from tests.integration.shop import Shop

THINGS = [f'{{"id":{number},"name":"n"}}' for number in range(1, 40)]
RECORD = '\n[record]\nname = "example.com/m"\nsigning_key = "file:mirrorpoint.sign"\nverify = "1h"\n'


@pytest.fixture
def services(shop: Shop, database_url: str, tmp_path: Path) -> Iterator[Services]:
    file = shops.configure(tmp_path, database=database_url, url=shop.server.url)
    file.write_text(file.read_text() + RECORD)
    (tmp_path / "mirrorpoint.sign").write_text(notes.new_pem())
    built = mirrored_world.services(file)
    shop.lists("things", *THINGS)
    assert shops.scanned(built, "things").state == "complete"
    yield built
    built.close()


def at(services: Services, moment: datetime) -> Services:
    """The same at another time."""
    return replace(services, now=lambda: moment)


def sealed_at(services: Services) -> datetime:
    now = services.now()
    sealing.seal_all(services.database, services.record.signer, now=now)
    return now


def standing(services: Services) -> Standing | None:
    with services.database.read() as session:
        return verifications.standing(session)


def verified(services: Services) -> bool:
    """Whether it was due; waits for the end."""
    thread = verifying.begin_if_due(services)
    if thread is not None:
        thread.join(60)
        assert not thread.is_alive()
    return thread is not None


def alter(services: Services, statement: str) -> None:
    with services.database.write() as session:
        session.execute(statement)


def test_it_is_due_when_so_much_time_has_passed_since_the_last_or_the_first_checkpoint(services: Services) -> None:
    assert not verified(services)  # nothing is sealed yet
    first = sealed_at(services)
    assert not verified(at(services, first + timedelta(minutes=59)))
    assert verified(at(services, first + timedelta(minutes=61)))
    found = standing(services)
    assert found is not None
    assert (found.is_ok, found.changes, found.altered_since, found.what) == (True, 39, None, None)
    assert not verified(at(services, first + timedelta(minutes=100)))
    assert verified(at(services, first + timedelta(minutes=130)))
    never = replace(services, record=replace(services.record, verify_every=None))
    assert not verified(at(never, first + timedelta(days=30)))
    # A clock that was far ahead keeps nobody from looking.
    assert verified(at(services, first - timedelta(days=30)))


def test_housekeeping_begins_it_and_goes_on(services: Services) -> None:
    late = at(services, sealed_at(services) + timedelta(hours=2))
    housekeeping.housekeep(late)
    waiting.until(lambda: standing(services), what="the first verification")
    waiting.until(lambda: not [each for each in threading.enumerate() if each.name == "verify"])


def test_an_alteration_is_logged_kept_and_shown_until_it_is_gone(services: Services) -> None:
    first = sealed_at(services)
    assert verified(at(services, first + timedelta(hours=2)))
    alter(services, "UPDATE mirrorpoint_change SET scan_id = 'other' WHERE seq = 7")
    told = "change 7, things/7 version 1: what it says does not match its digest"
    with capture_logs() as lines:
        assert verified(at(services, first + timedelta(hours=4)))
    assert [(line["event"], line["log_level"], line["problem"]) for line in lines] == [
        ("record_altered", "error", told)
    ]
    assert verified(at(services, first + timedelta(hours=6)))
    found = standing(services)
    assert found is not None
    assert (found.is_ok, found.altered_since, found.what) == (False, first + timedelta(hours=4), told)
    alter(services, "UPDATE mirrorpoint_change SET scan_id = 'other' WHERE seq = 5")
    assert verified(at(services, first + timedelta(hours=8)))
    later = standing(services)
    assert later is not None
    assert later.ended_at == first + timedelta(hours=8)
    assert later.altered_since == first + timedelta(hours=4)
    assert (later.what or "").startswith("change 5, "), "what the last look has found, not the first"
    assert sql_value(services, "SELECT scan_id FROM mirrorpoint_change WHERE seq = 7") == "other"  # nothing is mended
    assert sql_value(services, "SELECT count(*) FROM mirrorpoint_verification WHERE how = 'by itself'") == 4


def sql_value(services: Services, statement: str) -> object:
    with services.database.read() as session:
        return sql.fetch(session, statement, ())[0][0]


def test_one_process_does_it_and_another_takes_over_when_that_has_gone(services: Services) -> None:
    late = at(services, sealed_at(services) + timedelta(hours=2))
    with services.database.write() as session:
        leases.acquire(session, verifying.LEASE, holder="another", now=late.now(), seconds=verifying.LEASE_SECONDS)
    assert not verified(late)
    assert verified(at(services, late.now() + timedelta(seconds=verifying.LEASE_SECONDS + 1)))


def test_who_has_lost_the_lease_stops_and_says_nothing(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "RENEW_AFTER_SECONDS", -1)
    late = at(services, sealed_at(services) + timedelta(hours=2))
    taken = leases.renew
    monkeypatch.setattr(leases, "renew", lambda *_, **__: False)
    with capture_logs() as lines:
        assert verified(late)
    assert [line["event"] for line in lines] == ["verification_stopped"]
    assert standing(services) is None
    monkeypatch.setattr(leases, "renew", taken)
    assert verified(at(services, late.now() + timedelta(hours=1)))
    assert standing(services) is not None


def test_it_stops_with_the_process_and_is_done_again_later(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    late = at(services, sealed_at(services) + timedelta(hours=2))
    began, go_on = threading.Event(), threading.Event()
    steps = verifying.whole.verify

    def slow(looks: object, *rest: object) -> object:
        began.set()
        assert go_on.wait(30)
        return steps(looks, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(verifying.whole, "verify", slow)
    thread = verifying.begin_if_due(late)
    assert thread is not None
    assert began.wait(30)
    late.stopping.set()
    go_on.set()
    thread.join(1)
    assert not thread.is_alive()
    assert standing(services) is None
    assert not verified(late)  # it is about to end
    late.stopping.clear()
    assert verified(late)


def test_trouble_with_the_database_is_told_and_it_is_not_tried_again_at_once(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = at(services, sealed_at(services) + timedelta(hours=2))

    def broken(*_: object) -> None:
        from storage.errors import DatabaseTrouble

        raise DatabaseTrouble("it is away", "wait")

    monkeypatch.setattr(verifying.whole, "verify", broken)
    with capture_logs() as lines:
        assert verified(late)
    assert [(line["event"], line["error"]) for line in lines] == [("verification_broke_off", "it is away")]
    assert not verified(at(services, late.now() + timedelta(seconds=10)))
    assert standing(services) is None


def test_before_a_head_is_kept_it_is_looked_at_at_once(services: Services) -> None:
    sealed_at(services)
    assert verifying.is_unaltered(services)
    alter(services, "DELETE FROM things WHERE key = '3'")
    assert not verifying.is_unaltered(services)
    found = standing(services)
    assert found is not None
    assert found.what == "things/3: it has no row in the mirror, and the log tells of it up to version 1"
    services.stopping.set()
    assert not verifying.is_unaltered(services)
