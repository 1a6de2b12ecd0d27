"""Where the change log itself was altered, no right row of the mirror is made what the log says now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.services import Services
from tests import mirrored_world
from tests.integration import shop as shops
from tests.integration.shop import Shop, row, run, scanned, told

ALTERED = [
    """document = '{"id":7,"name":"strange"}'""",
    "observed_at = '2020-01-01 00:00:00.000000'",
    "kind = 'deleted'",
    """kind = 'deleted', previous = '{"":{"id":7,"name":"n7"}}'""",
    "salt = 'no salt'",
    "document = NULL",
    "digest = 'x'",
]


@pytest.fixture
def services(shop: Shop, tmp_path: Path) -> Iterator[Services]:
    url = f"sqlite:///{tmp_path / 'mirror.db'}"
    built = mirrored_world.services(shops.configure(tmp_path, database=url, url=shop.server.url))
    yield built
    built.close()


@pytest.mark.parametrize("what", ALTERED)
def test_a_row_stays_as_it_is(shop: Shop, services: Services, what: str) -> None:
    shop.lists("things", *(json.dumps({"id": n, "name": f"n{n}"}) for n in range(30)))
    scanned(services, "things")
    before = row(services, "things", "7")
    run(services, f"UPDATE mirrorpoint_change SET {what} WHERE key = '7'")
    run(services, "UPDATE things SET fingerprint = fingerprint WHERE key = '7'")
    for _ in range(2):
        assert scanned(services, "things").state == "complete"
    assert row(services, "things", "7") == before
    assert told(services) in ([], [("deleted", "7", 1)])  # the altered one itself
