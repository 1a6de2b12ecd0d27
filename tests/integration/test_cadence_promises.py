"""Promises are judged on the starts of scans; each breach is told once, and its end, however many processes judge."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from sqlmodel import select

from changes.cadence.terms import Promise
from changes.notices import Notice
from storage import points
from storage.engine import Database
from storage.tables import DeliveryRow
from tasks import housekeeping
from tasks.cadence import promises
from tasks.rests import Rests
from tasks.scan.head_state import HeadState
from tests.integration.cadence_office import START, Office
from tests.integration.test_cadence_clock import head_seen
from upstream.heads import Way

BROKEN, KEPT = str(Notice.PROMISE_BROKEN), str(Notice.PROMISE_KEPT)


@pytest.fixture
def office(database: Database) -> Office:
    made = Office(database)
    made.configure(schedule={"clients": "off", "rights": "off"})
    made.clock().tick()
    return made


def told(office: Office) -> list[tuple[str, str]]:
    return [(notice.type, notice.data["which"]) for notice in office.notices()]


def test_nothing_is_promised_before_the_first_complete_scan(office: Office) -> None:
    office.wait(days=1)
    promises.judge(office.services)
    assert office.notices() == []
    assert office.stored("products").broken_at == {}


def test_a_breach_is_told_once_with_all_that_is_known_of_it_and_so_is_its_end(office: Office) -> None:
    office.wait(seconds=1)
    office.scan("products", seconds=1)
    started_at = office.moment - timedelta(seconds=1)
    office.wait(seconds=314)
    promises.judge(office.services)
    assert office.notices() == []  # 315 seconds since the scan began: 300 are promised, and a twentieth is let pass
    office.wait(seconds=1)
    promises.judge(office.services)
    assert told(office) == [(BROKEN, "created"), (BROKEN, "updated"), (BROKEN, "deleted")]
    notice = office.notices()[1]
    since = started_at + timedelta(seconds=300)
    assert notice.subject == "backoffice/products"
    assert notice.data == {
        "source": "backoffice",
        "resource": "products",
        "which": "updated",
        "promised_seconds": 300,
        "observed_seconds": 316,
        "since": since.isoformat(),
    }
    assert office.stored("products").broken_at == dict.fromkeys(Promise, since)

    office.wait(hours=1)
    promises.judge(office.services)
    assert len(office.notices()) == 3  # it is the same breach

    office.scan("products", seconds=1)
    promises.judge(office.services)
    assert len(office.notices()) == 3  # one look in time is not enough
    office.wait(seconds=298)
    office.scan("products", seconds=1)
    promises.judge(office.services)
    promises.judge(office.services)
    assert told(office)[3:] == [(KEPT, "created"), (KEPT, "updated"), (KEPT, "deleted")]
    data = office.notices()[4].data
    assert data["since"] == since.isoformat()
    assert data["observed_seconds"] == 316 + 3600  # as old it was when the first of the two looks had ended
    assert office.stored("products").broken_at == {}


class Lines:
    """What is written to the log of the plan; no line of it is for debugging."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[tuple[str, dict[str, object]]] = []
        for level in ("warning", "info"):
            monkeypatch.setattr(promises.log, level, lambda event, **data: self.said.append((event, data)))


def test_one_line_says_that_a_list_is_late_and_one_that_it_is_no_more(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.scan("products", seconds=1)
    office.wait(seconds=320)
    lines = Lines(monkeypatch)
    promises.judge(office.services)
    promises.judge(office.services)
    ((event, line),) = lines.said
    assert event == "promise_broken"
    assert line["resource"] == "products"
    assert line["which"] == "created, updated, deleted"
    assert (line["promised_seconds"], line["observed_seconds"]) == (300, 321)
    office.scan("products", seconds=1)
    office.wait(seconds=250)
    office.scan("products", seconds=1)
    promises.judge(office.services)
    assert [event for event, _ in lines.said] == ["promise_broken", "promise_kept"]


def test_a_list_that_is_late_already_has_no_line_for_its_next_promise(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(database)
    office.configure(schedule={"clients": "off", "products": "off"})
    office.clock().tick()
    office.scan("rights", seconds=1)
    office.wait(seconds=320)
    lines = Lines(monkeypatch)
    promises.judge(office.services)
    office.wait(seconds=330)
    promises.judge(office.services)  # a deletion is promised for two scans
    assert [(event, line["which"]) for event, line in lines.said] == [("promise_broken", "created, updated")]
    assert told(office)[2:] == [(BROKEN, "deleted")]


@pytest.mark.parametrize(("lists", "lines"), [(3, 3), (4, 1)])
def test_after_a_pause_one_line_says_of_how_many_lists(
    office: Office, monkeypatch: pytest.MonkeyPatch, lists: int, lines: int
) -> None:
    office.configure(schedule={"clients": "1h", "rights": "auto", "client_notes": "1h"})
    office.clock().tick()
    for name in ("clients", "client_notes", "products", "rights")[:lists]:
        office.scan(name, seconds=1)
    office.wait(days=1)
    told_of = Lines(monkeypatch)
    promises.judge(office.services)
    assert len(told_of.said) == lines
    if lines == 1:
        (line,) = told_of.said
        assert line == (
            "promise_broken",
            {"source": "backoffice", "promises": 12, "resources": 4, "first": "client_notes"},
        )


def test_a_deletion_that_no_path_confirms_is_promised_for_two_scans(database: Database) -> None:
    office = Office(database)
    office.configure(schedule={"clients": "off", "products": "off"})
    office.clock().tick()
    office.scan("rights", seconds=1)
    office.wait(seconds=320)
    promises.judge(office.services)
    assert told(office) == [(BROKEN, "created"), (BROKEN, "updated")]
    office.wait(seconds=330)
    promises.judge(office.services)
    assert told(office)[2:] == [(BROKEN, "deleted")]


def test_creations_are_judged_by_heads_where_there_are_some(database: Database) -> None:
    office = Office(database)
    office.configure(schedule={"default": "off", "clients": "4h, head 30s"})
    office.clock().tick()
    office.scan("clients", seconds=1)
    head_seen(office)
    office.clock().tick()
    promised = office.stored("clients").planned.promises[Promise.CREATED]
    assert 30 < promised < 40
    office.wait(seconds=promised + 9)
    promises.judge(office.services)
    assert office.notices() == []
    office.wait(seconds=2)
    promises.judge(office.services)
    assert told(office) == [(BROKEN, "created")]
    head_seen(office)
    promises.judge(office.services)
    assert told(office) == [(BROKEN, "created")]
    office.wait(seconds=30)
    office.scan("clients", seconds=1)  # a full scan sees creations as well
    promises.judge(office.services)
    assert told(office) == [(BROKEN, "created"), (KEPT, "created")]


def test_a_list_whose_looks_are_always_a_little_late_is_one_long_breach(database: Database) -> None:
    office = Office(database)
    office.configure(schedule={"default": "off", "clients": "5s"})
    office.clock().tick()
    for _ in range(20):
        office.scan("clients", seconds=1)
        for _ in range(6):
            office.wait(seconds=5)
            promises.judge(office.services)
    assert told(office) == [(BROKEN, which.value) for which in Promise]
    for _ in range(2):
        office.wait(seconds=4)
        office.scan("clients", seconds=1)
        promises.judge(office.services)
    assert told(office)[3:] == [(KEPT, which.value) for which in Promise]


def test_a_long_promise_is_kept_again_when_nothing_was_late_for_ten_minutes(office: Office) -> None:
    office.configure(schedule={"default": "4h"})
    office.clock().tick()
    office.scan("products", seconds=1)
    office.wait(hours=4, seconds=55)
    promises.judge(office.services)
    assert office.notices() == []  # a minute is let pass
    office.wait(hours=1)
    promises.judge(office.services)
    assert told(office) == [(BROKEN, which.value) for which in Promise]
    office.scan("products", seconds=1)
    office.wait(seconds=598)
    promises.judge(office.services)
    assert len(office.notices()) == 3
    office.wait(seconds=1)
    promises.judge(office.services)
    assert told(office)[3:] == [(KEPT, which.value) for which in Promise]


def test_many_processes_tell_a_breach_once(office: Office) -> None:
    office.scan("products")
    for minutes in (6, 1):
        office.wait(minutes=minutes)
        threads = [threading.Thread(target=promises.judge, args=(office.services,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(told(office)) == [(BROKEN, "created"), (BROKEN, "deleted"), (BROKEN, "updated")]


def test_who_asks_for_such_notices_is_owed_them_and_nobody_else(office: Office) -> None:
    with office.services.database.write() as session:
        points.add(session, code="OPS", url="https://ops.example.com/hook", now=START)
    office.scan("products")
    office.route("*")
    office.wait(minutes=6)
    promises.judge(office.services)
    assert owed(office) == 0
    office.route("mirrorpoint.*")
    office.scan("products")
    office.wait(minutes=1)
    office.scan("products")
    promises.judge(office.services)
    assert owed(office) == 3


def owed(office: Office) -> int:
    with office.services.database.read() as session:
        return len(session.objects.execute(select(DeliveryRow)).all())


def test_housekeeping_judges_and_writes_nothing_while_all_is_well(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.scan("products")
    office.wait(minutes=6)
    housekeeping.housekeep(office.services)
    assert len(office.notices()) == 3
    office.scan("products")
    housekeeping.housekeep(office.services)

    def refuse(*_: object) -> None:
        raise AssertionError("nothing is to be written")

    monkeypatch.setattr(promises, "_write", refuse)
    office.wait(minutes=1)
    housekeeping.housekeep(office.services)


def test_a_clock_that_is_put_back_breaks_no_promise(office: Office) -> None:
    office.scan("products")
    office.wait(minutes=-10)
    promises.judge(office.services)
    assert office.notices() == []


def test_a_resource_that_is_configured_no_more_is_not_judged(office: Office) -> None:
    office.scan("products")
    catalogue = office.source.catalogue
    others = {name: each for name, each in catalogue.resources.items() if name != "products"}
    office.configure(catalogue=type(catalogue)("office", "", "", catalogue.paging, None, None, others))
    office.wait(minutes=6)
    promises.judge(office.services)
    assert office.notices() == []


def test_a_head_scan_of_a_clock_that_was_ahead_is_younger_than_no_time_at_all(office: Office) -> None:
    office.scan("products")
    ahead = HeadState(way=Way.NEWEST, started_at=office.moment + timedelta(days=1))
    office.put("products", head=ahead.to_json())
    promises.judge(office.services)
    assert office.notices() == []
    assert isinstance(office.made_at(), datetime)


def test_a_promise_that_becomes_shorter_is_not_judged_by_looks_of_before(office: Office) -> None:
    office.configure(schedule={"default": "1h"})
    office.clock().tick()
    office.scan("products", seconds=1)
    office.wait(minutes=50)
    office.configure(schedule={"default": "5m"})
    office.clock().tick()
    assert office.stored("products").planned.promises[Promise.UPDATED] == 303
    promises.judge(office.services)
    assert office.notices() == []
    office.wait(minutes=4)
    office.clock().tick()
    promises.judge(office.services)
    assert office.notices() == []  # a plan that only says the same again changes nothing of that
    office.wait(minutes=2)
    promises.judge(office.services)
    assert told(office) == [(BROKEN, "created"), (BROKEN, "updated")]
    data = office.notices()[0].data
    assert data["observed_seconds"] > 56 * 60
    assert data["since"] == (office.moment - timedelta(seconds=6 * 60 - data["promised_seconds"])).isoformat()


def test_judging_says_for_how_long_nothing_can_change(office: Office) -> None:
    assert promises.judge(office.services) == promises.MOST_REST_SECONDS  # nothing was ever scanned
    office.wait(seconds=1)
    office.scan("products", seconds=1)
    office.wait(seconds=200)
    assert promises.judge(office.services) == promises.MOST_REST_SECONDS
    office.wait(seconds=100)
    assert promises.judge(office.services) == pytest.approx(14)  # 315 seconds after the scan began
    office.wait(seconds=14)
    assert promises.judge(office.services) == 0
    assert office.notices() == []
    office.wait(seconds=1)
    assert promises.judge(office.services) == 0
    assert len(office.notices()) == 3
    assert promises.judge(office.services) == 0  # the next scan may keep them again


def test_with_rests_a_promise_is_judged_when_it_can_break_and_then_until_it_is_kept_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[datetime] = []
    judge = promises.judge
    monkeypatch.setattr(promises, "judge", lambda services: judged.append(office.moment) or judge(services))
    rests = Rests(lambda: (office.moment - START) / timedelta(seconds=1))
    office.scan("products", seconds=0)
    began = office.moment
    for _ in range(65):
        housekeeping.housekeep(office.services, rests)
        office.wait(seconds=5)
    at = [(each - began).total_seconds() for each in judged]
    assert at == [0, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 315, 320]
    assert len(office.notices()) == 3
    office.scan("products", seconds=0)
    office.wait(seconds=5)
    office.scan("products", seconds=0)
    housekeeping.housekeep(office.services, rests)
    assert len(office.notices()) == 6
