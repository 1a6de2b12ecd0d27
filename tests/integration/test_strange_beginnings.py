"""What somebody else has written into a table misleads neither who retires its records nor who judges a catalogue."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pytest

from storage import history, scans
from tasks.scan import read_as, retiring
from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.shop import Shop, mirrored, problems, run, scanned, told
from tests.mirrored_world import log

STRANGE = [
    "DELETE FROM things",
    "DELETE FROM things WHERE key = '7'",
    "UPDATE things SET deleted_at = changed_at",
    "UPDATE things SET key = 'x' || key",
]

file, services = shops.file, shops.services


def things(*numbers: int, name: str = "n") -> list[str]:
    return [json.dumps({"id": n, "code": f"c{n}", "name": f"{name}{n}"}) for n in numbers]


@pytest.mark.parametrize("what", STRANGE)
def test_all_records_are_retired_whatever_stands_in_their_table(shop: Shop, services: Services, what: str) -> None:
    shop.lists("things", *things(*range(30)))
    scanned(services, "things")
    run(services, what)
    source = services.sources["shop"]
    resource = source.catalogue.resources["things"]
    retiring.retire(services, "shop", resource, read_as=read_as.of(resource, source.base_url))
    shop.lists("things", *things(*range(5, 20), name="other"))
    shop.gone(*range(5), *range(20, 30))
    for _ in range(3):
        scan = scanned(services, "things")
        assert (scan.state, scan.held) == ("complete", 0)
    kinds = defaultdict(list)
    for change in log(services):
        kinds[change.key].append(change.kind)
        assert change.kind != "deleted" or change.scan_id == history.RETIRED
    is_there = range(5, 20)
    expected = {str(n): ["snapshot", "deleted", *(["snapshot"] if n in is_there else [])] for n in range(30)}
    assert kinds == expected
    assert problems(services) == []


@pytest.mark.parametrize("what", STRANGE)
def test_another_key_is_not_taken_over_because_nothing_is_in_the_table(
    shop: Shop, services: Services, file: Path, what: str
) -> None:
    shop.lists("things", *things(*range(30)))
    scanned(services, "things")
    before = mirrored(services, "things")
    run(services, what)
    catalogue = file.parent / "shop.toml"
    catalogue.write_text(catalogue.read_text().replace("[resources.things]", '[resources.things]\nkey = "code"'))
    with closing(mirrored_world.services(file)) as others:
        for _ in range(3):
            scan = scanned(others, "things")
            assert scan.state == "failed"
            assert scan.reason is not None
            assert scan.reason.startswith(scans.HELD)
        assert told(others) == []
        assert mirrored(others, "things") == before
