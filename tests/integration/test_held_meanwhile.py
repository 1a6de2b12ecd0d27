"""What is held waits for a person all the while that the next scan judges it anew, and can be approved meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from storage import sql, suspects
from storage.suspects import Suspect
from tasks.scan import absence
from tasks.services import Services
from tests.commands import Commands
from tests.integration.test_absence import PRODUCTS, keys, scanned, suspected
from tests.integration.test_approve import held_products
from tests.mirrored_world import World, kinds, last_seq, log, scan
from worker.commands.sync import jobs

HELD = 12


@pytest.fixture
def status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], dict[str, Any]]:
    """The row of `status` for the products."""
    run = Commands(tmp_path / "mirrorpoint.toml", capsys)
    return lambda: run("status", "products", "--json").json["resources"][0]


@contextmanager
def before_each_batch(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None], *, size: int = 5) -> Iterator[None]:
    """While a scan asks for its suspects, so many at a time: before each batch, and before it decides."""
    settled = absence.Confirmer.next_suspects

    def next_suspects(self: absence.Confirmer) -> Sequence[Suspect]:
        act()
        return settled(self)

    with monkeypatch.context() as patch:
        patch.setattr(absence, "AT_A_TIME", size)
        patch.setattr(absence.Confirmer, "next_suspects", next_suspects)
        yield


def in_the_view(services: Services) -> int:
    """What people read in SQL."""
    with services.database.read() as session:
        text = "SELECT held FROM mirrorpoint_freshness WHERE resource = 'products'"
        return int(sql.run_text(session, text, ()).scalar_one())


def test_the_number_that_waits_is_the_same_up_to_the_next_decision(
    services: Services, world: World, status: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    scan_id, _ = held_products(services, world, HELD)
    world.change(PRODUCTS, "delete", key=max(keys(services, "products")))
    seen = list[tuple[int, str, int]]()

    def look() -> None:
        row = status()
        seen.append((row["held"], row["held_scan"], in_the_view(services)))

    with before_each_batch(monkeypatch, look):
        row = scanned(services, "products")

    assert set(seen) == {(HELD, scan_id, HELD)}
    assert len(seen) > 2, "it was looked at between the batches"
    assert (row.held, status()["held"]) == (HELD + 1, HELD + 1)


def test_what_is_confirmed_and_is_not_too_much_any_more_is_deleted_and_waits_for_nobody(
    services: Services, world: World, status: Callable[[], dict[str, Any]]
) -> None:
    _, gone = held_products(services, world, HELD)
    for key in gone[3:]:
        world.change(PRODUCTS, "restore", key=key)
    row = scanned(services, "products")
    assert (row.deleted, row.held, status()["held"], suspected(services, "products")) == (3, 0, 0, {})


def test_what_is_held_and_whose_own_path_gives_no_answer_this_time_is_still_held(
    services: Services, world: World, status: Callable[[], dict[str, Any]]
) -> None:
    scan_id, gone = held_products(services, world, HELD)
    world.fault(kind="status", path="/api/v2/products/*", status=403)
    row = scanned(services, "products")
    assert ("complete", HELD, 0) == (row.state, row.held, row.deleted)
    assert dict.fromkeys(gone, "held") == suspected(services, "products")
    assert (status()["held"], status()["held_scan"]) == (HELD, scan_id)


def test_what_is_approved_while_a_scan_asks_is_asked_for_once_more_and_deleted_by_that_scan(
    services: Services, world: World, status: Callable[[], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    scan_id, gone = held_products(services, world, HELD)
    seq, back = last_seq(services), list[str]()

    def approve_after_a_batch() -> None:
        confirmed = [key for key, state in suspected(services, "products").items() if state == "confirmed"]
        if confirmed and not back:
            back.append(confirmed[0])  # it was gone when the scan asked, and is there when a person approves
            world.change(PRODUCTS, "restore", key=back[0])
            _, approved = jobs.approve(services, scan_id)
            assert approved == HELD

    with before_each_batch(monkeypatch, approve_after_a_batch):
        row = scanned(services, "products")

    assert (row.deleted, row.held, status()["held"]) == (HELD - 1, 0, 0)
    assert {"deleted": HELD - 1} == kinds([each for each in log(services, after=seq) if each.resource == "products"])
    assert keys(services, "products") & set(gone) == set(back)
    assert suspected(services, "products") == {}


def test_an_approval_that_comes_too_late_for_a_scan_is_kept_for_the_next(
    services: Services, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan_id, gone = held_products(services, world, HELD)
    decide = absence.Confirmer.hold

    def approve_first(self: absence.Confirmer, session: Any, now: Any) -> Any:
        approved = suspects.approve_suspects(session, "backoffice", "products", scan_id=scan_id)
        assert approved == HELD
        return decide(self, session, now)

    with monkeypatch.context() as patch:
        patch.setattr(absence.Confirmer, "hold", approve_first)
        assert scanned(services, "products").deleted == 0
    assert dict.fromkeys(gone, "approved") == suspected(services, "products")

    assert scanned(services, "products").deleted == HELD
    assert not keys(services, "products") & set(gone)
    scan(services, "products")
    assert suspected(services, "products") == {}
