"""A scan that calls itself complete has seen every row that stayed, whatever the server did between two pages."""

from __future__ import annotations

import pytest

from changes.records import Id
from storage import scans
from storage.scans import Scan
from tasks.services import Services
from tests.mirrored_world import World, last_seq, log, mirrored, scan, told_changes

PATH = "/api/v2/clients"


def scanned(services: Services, resource: str = "clients") -> Scan:
    end = scan(services, resource)
    assert end.scan_id is not None
    with services.database.read() as session:
        row = scans.get(session, end.scan_id)
    assert row is not None
    return row


def ids(services: Services, resource: str = "clients") -> set[Id]:
    return set(mirrored(services, services.sources["backoffice"].catalogue.resources[resource]))


def truth(services: Services, world: World, resource: str = "clients") -> set[Id]:
    return set(world.truth(services.sources["backoffice"].catalogue.resources[resource]))


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "cap", "limit": 7},
        {"kind": "cap", "limit": 2},
        {"kind": "short_page", "rows": 3, "after": 1, "count": 1},
        {"kind": "duplicate", "rows": 1},
        {"kind": "duplicate", "rows": 3},
        {"kind": "total", "value": None},
        {"kind": "total", "value": 1},
        {"kind": "shift", "how": "delete", "count": 2},
        {"kind": "shift", "how": "insert", "count": 2},
        {"kind": "empty", "after": 1, "count": 1},
        {"kind": "endless"},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_a_list_that_is_capped_cut_repeated_or_shifted_is_seen_whole(
    services: Services, world: World, fault: dict[str, object]
) -> None:
    before = truth(services, world)
    world.fault(path=PATH, **fault)

    row = scanned(services)

    assert "complete" == row.state, row.reason
    assert before & truth(services, world) <= ids(services)
    world.no_faults()
    scan(services, "clients")  # what was inserted and deleted under way is known now
    assert truth(services, world) == ids(services)


@pytest.mark.parametrize("fault", [{"kind": "ignore_offset"}, {"kind": "total", "value": 1000}])
def test_a_list_that_hides_its_end_is_never_complete_and_deletes_nothing(
    services: Services, world: World, fault: dict[str, object]
) -> None:
    scan(services, "clients")
    before, seq = ids(services), last_seq(services)
    world.fault(path=PATH, **fault)

    row = scanned(services)

    assert row.state in ("partial", "drifted")
    assert row.reason
    assert before <= ids(services)
    assert not [told for told in told_changes(log(services, after=seq)) if told[2] != "created"]


def test_an_order_that_changes_all_the_time_never_loses_a_row_unsaid(services: Services, world: World) -> None:
    for seed in range(6):
        world.fault(kind="unstable_order", path=PATH, window=30, seed=seed)
        row = scanned(services)
        world.no_faults()
        if row.state == "complete":
            assert truth(services, world) <= ids(services)
        else:
            assert row.reason
    assert not [told for told in told_changes(log(services)) if told[2] == "deleted"]


def test_a_row_that_the_list_shows_twice_for_good_is_counted_and_the_scan_complete(
    services: Services, world: World
) -> None:
    world.change(PATH, "plant", rows=['{"clientId": 1, "name": "the same again"}'])

    row = scanned(services)

    assert "complete" == row.state, row.reason
    assert truth(services, world) == ids(services)
