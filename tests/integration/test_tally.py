"""What is done is counted in the transaction that does it; totals never fall."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from storage import deliveries, erasures, points, tally, tally_histograms
from storage.engine import Database
from storage.states import DeliveryState
from storage.tally import Counted, Key
from tasks import housekeeping
from tasks.scan import read_as, retiring
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.office import OK, Office
from tests.integration.scripted_server import Reply, ScriptedServer
from tests.integration.shop import Shop

NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
UPDATED = Key(Counted.CHANGES, ("shop", "things", "updated"))
FAILED = Key(Counted.SCANS, ("shop", "things", "full", "failed"))


def totals(database: Database) -> dict[Key, int]:
    with database.read() as session:
        return tally.totals(session)


def add(database: Database, counts: dict[Key, int], *, now: datetime = NOW) -> None:
    with database.write() as session:
        tally.add(session, counts, now=now)


def test_a_counter_grows_by_what_is_added(database: Database) -> None:
    add(database, {UPDATED: 3, FAILED: 1})
    add(database, {UPDATED: 2})
    assert totals(database) == {UPDATED: 5, FAILED: 1}


def test_labels_may_hold_anything(database: Database) -> None:
    key = Key(Counted.DELIVERIES, ('a "point", [odd] \\ ü\n', "delivered"))
    add(database, {key: 1})
    assert totals(database) == {key: 1}


def test_changes_are_kept_by_the_hour_and_scans_are_not(database: Database) -> None:
    add(database, {UPDATED: 3, FAILED: 1})
    add(database, {UPDATED: 2}, now=NOW + timedelta(minutes=29))
    add(database, {UPDATED: 4}, now=NOW + timedelta(minutes=31))
    with database.read() as session:
        found = tally.hours(session, Counted.CHANGES, since=NOW)
        later = tally.hours(session, Counted.CHANGES, since=NOW + timedelta(hours=1))
        assert tally.hours(session, Counted.SCANS, since=NOW) == []
    noon = NOW.replace(minute=0)
    assert found == [(noon, UPDATED.labels, 5), (noon + timedelta(hours=1), UPDATED.labels, 4)]
    assert later == found[1:]


def test_hours_that_are_over_for_a_day_are_forgotten_and_totals_stay(database: Database) -> None:
    for ago in (26, 25, 0):
        add(database, {UPDATED: 1}, now=NOW - timedelta(hours=ago))
    with database.write() as session:
        tally.forget_hours(session, now=NOW)
    with database.read() as session:
        found = tally.hours(session, Counted.CHANGES, since=NOW - timedelta(days=9))
    assert [NOW.replace(minute=0) - each.begins_at for each in found] == [timedelta(hours=25), timedelta(0)]
    assert totals(database) == {UPDATED: 3}


def test_housekeeping_forgets_hours_by_itself(shop_services: Services) -> None:
    now = shop_services.now()
    add(shop_services.database, {UPDATED: 1}, now=now - timedelta(hours=30))
    add(shop_services.database, {UPDATED: 1}, now=now)
    housekeeping.housekeep(shop_services)
    with shop_services.database.read() as session:
        assert [each.number for each in tally.hours(session, Counted.CHANGES, since=now - timedelta(days=9))] == [1]


def test_nothing_costs_no_statement_and_much_costs_one(database: Database) -> None:
    found: list[str] = []

    def note(text: str, _: object) -> None:
        if "mirrorpoint_tally" in text:
            found.append(text)

    database.watchers.append(note)
    add(database, {})
    add(database, {UPDATED: 0})
    assert found == []
    add(database, {Key(Counted.CHANGES, ("shop", str(number), "updated")): 1 for number in range(50)})
    assert len(found) == 1


def test_many_more_counters_than_one_statement_holds_are_counted(database: Database) -> None:
    counts = {Key(Counted.DELIVERIES, (str(number), "delivered")): number for number in range(1, 900)}
    add(database, counts)
    add(database, counts)
    assert totals(database) == {key: number * 2 for key, number in counts.items()}


def test_what_is_rolled_back_was_not_counted(database: Database) -> None:
    def add_and_break() -> None:
        with database.write() as session:
            tally.add(session, {UPDATED: 1}, now=NOW)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        add_and_break()
    assert totals(database) == {}


def test_writers_that_count_the_same_in_other_orders_do_not_wait_in_a_circle(database: Database) -> None:
    keys = [Key(Counted.DELIVERIES, (str(number), "delivered")) for number in range(40)]
    failures: list[Exception] = []

    def count(order: list[Key]) -> None:
        try:
            for _ in range(10):
                add(database, dict.fromkeys(order, 1))
        except Exception as error:  # noqa: BLE001  # shown below
            failures.append(error)

    threads = [threading.Thread(target=count, args=(keys[number:] + keys[:number],)) for number in (0, 13, 27, 39)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert totals(database) == dict.fromkeys(keys, 40)


file, shop_services = shops.file, shops.services


def things(*numbers: int, name: str = "n") -> list[str]:
    return [json.dumps({"id": str(number), "name": name}) for number in numbers]


def of(services: Services, counted: Counted) -> dict[tuple[str, ...], int]:
    return {key.labels: number for key, number in totals(services.database).items() if key.counted is counted}


def test_a_scan_counts_its_changes_its_end_and_its_requests(shop: Shop, shop_services: Services) -> None:
    shop.lists("things", *things(1, 2, 3))
    mirrored_world.scan(shop_services, "things", "shop")
    shop.lists("things", *things(1), *things(2, name="m"), *things(3, 4))
    mirrored_world.scan(shop_services, "things", "shop")
    log = mirrored_world.log(shop_services)
    assert of(shop_services, Counted.CHANGES) == {
        ("shop", "things", kind): number for kind, number in mirrored_world.kinds(log).items()
    }
    assert of(shop_services, Counted.SCANS) == {("shop", "things", "full", "complete"): 2}
    assert of(shop_services, Counted.REQUESTS)["shop", "things"] >= 2


def test_a_scan_without_news_counts_no_change(shop: Shop, shop_services: Services) -> None:
    shop.lists("things", *things(1, 2, 3))
    for _ in range(2):
        mirrored_world.scan(shop_services, "things", "shop")
    assert of(shop_services, Counted.CHANGES) == {("shop", "things", "snapshot"): 3}


def test_what_is_skipped_since_it_was_erased_is_counted(office: Office) -> None:
    seqs = office.change("1", "2", to=("A", "B"))
    with office.database.write() as session:
        assert erasures.skip_owed(session, seqs[:1], now=office.clock()) == 2
    assert of(office.services, Counted.DELIVERIES) == {("A", "skipped"): 1, ("B", "skipped"): 1}


def test_records_that_are_retired_count_as_deleted(shop: Shop, shop_services: Services) -> None:
    shop.lists("things", *things(1, 2, 3))
    mirrored_world.scan(shop_services, "things", "shop")
    source = shop_services.sources["shop"]
    resource = source.catalogue.resources["things"]
    retiring.retire(shop_services, "shop", resource, read_as=read_as.of(resource, source.base_url))
    assert of(shop_services, Counted.CHANGES)["shop", "things", "deleted"] == 3


@pytest.fixture
def office(database: Database, server: ScriptedServer) -> Office:
    office = Office(database)
    office.policy(retries_seconds=())
    for code, reply in (("A", OK), ("B", Reply(400))):
        office.point(code, f"{server.url}/{code}")
        server.on("POST", f"/{code}", reply)
    return office


def test_deliveries_are_counted_by_point_and_outcome(office: Office) -> None:
    office.change("1", "2", "3", to=("A", "B"))
    office.deliver()
    found = totals(office.database)
    assert {key.labels: number for key, number in found.items() if key.counted is Counted.DELIVERIES} == {
        ("A", "delivered"): 3,
        ("B", "dead"): 3,
    }
    with office.database.read() as session:
        hours = tally.hours(session, Counted.DELIVERIES, since=office.clock() - timedelta(hours=1))
    assert sum(each.number for each in hours) == 6


def test_how_long_attempts_and_deliveries_take_is_counted_by_point(office: Office) -> None:
    office.change("1", "2", to=("A", "B"))
    office.clock.ahead = timedelta(minutes=2)
    office.deliver()
    found = totals(office.database)
    attempts = {each.point: each for each in tally_histograms.read(found, Counted.ATTEMPT_SECONDS)}
    arrivals = {each.point: each for each in tally_histograms.read(found, Counted.DELIVERY_SECONDS)}
    assert {point: each.buckets[-1] for point, each in attempts.items()} == {"A": (inf, 2), "B": (inf, 2)}
    assert dict(arrivals).keys() == {"A"}, "what died has not arrived"
    assert dict(arrivals["A"].buckets)[60] == 0
    assert dict(arrivals["A"].buckets)[300] == 2
    assert 240 <= arrivals["A"].seconds < 400


def test_what_is_sent_once_more_does_not_count_as_having_taken_so_long(office: Office) -> None:
    office.change("1")
    office.deliver()
    office.clock.ahead = timedelta(days=3)
    with office.database.write() as session:
        deliveries.retry(session, now=office.clock(), points=("A",), states=(DeliveryState.DELIVERED,))
    office.deliver()
    found = totals(office.database)
    assert found[Key(Counted.DELIVERIES, ("A", "delivered"))] == 2
    (arrivals,) = tally_histograms.read(found, Counted.DELIVERY_SECONDS)
    assert arrivals.buckets[-1] == (inf, 1)
    assert arrivals.seconds < 60


def test_what_is_skipped_is_counted(office: Office) -> None:
    office.change("1", "2", to=("A",))
    with office.database.write() as session:
        points.mark_gone(session, "A", reason="410", now=office.clock())
    assert totals(office.database) == {Key(Counted.DELIVERIES, ("A", "skipped")): 2}
