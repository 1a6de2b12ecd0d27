"""What is done on the page is done as a whole, also where two do it at once or something comes between."""

from __future__ import annotations

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


def approve(folder: Path, scan: str) -> object:
    return Acts(settings.load(str(folder / "mirrorpoint.toml"), environ={}))("approve", who="ops", scan=scan)


def test_what_is_approved_is_looked_at_by_a_worker(services: Services, world: World, tmp_path: Path) -> None:
    scan, gone = held_products(services, world)
    approve(tmp_path, scan)
    assert suspected(services, "products") == dict.fromkeys(gone, "approved")
    with services.database.read() as session:
        waiting = slots.last_slots(session)
    assert ("backoffice", "products", "full") in waiting


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
