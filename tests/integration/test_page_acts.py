"""What is done on the page is done as a whole, also where two do it at once or something comes between."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from storage import slots
from storage.errors import StorageError
from storage.slots import Slot
from tasks.services import Services
from tests.integration.test_absence import suspected
from tests.integration.test_approve import held_products
from tests.mirrored_world import World
from worker import settings
from worker.commands.serve.acts import Acts
from worker.problems import UsageError


def approve(folder: Path, scan: str) -> object:
    return Acts(settings.load(str(folder / "mirrorpoint.toml"), environ={}))("approve", who="ops", scan=scan)


def test_what_is_approved_is_looked_at_by_a_worker(services: Services, world: World, tmp_path: Path) -> None:
    scan, gone = held_products(services, world)
    approve(tmp_path, scan)
    assert suspected(services, "products") == dict.fromkeys(gone, "approved")
    with services.database.read() as session:
        assert slots.last_slots(session, [("backoffice", "products", "full")])


def test_where_no_look_can_be_promised_nothing_is_approved(
    services: Services, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resource that is off has no other turn: what was approved would wait for ever."""
    scan, gone = held_products(services, world)

    def killed(_session: object, _slots: list[Slot], **_: object) -> int:
        raise StorageError("killed", "try again")

    monkeypatch.setattr(slots, "open_slots", killed)
    with pytest.raises(StorageError):
        approve(tmp_path, scan)
    assert suspected(services, "products") == dict.fromkeys(gone, "held")


def test_of_two_who_approve_at_once_one_is_told_that_it_is_done(
    services: Services, world: World, tmp_path: Path
) -> None:
    scan, gone = held_products(services, world)
    outcomes: list[object] = []

    def one() -> None:
        try:
            outcomes.append(approve(tmp_path, scan))
        except UsageError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    done = [each for each in outcomes if not isinstance(each, UsageError)]
    (refused,) = [each for each in outcomes if isinstance(each, UsageError)]
    assert done == [{"scan": scan, "resource": "backoffice:products", "approved": len(gone)}]
    assert "holds nothing" in refused.message
