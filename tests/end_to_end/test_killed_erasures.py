"""`erase` is killed: the record stays whole at every moment, and the same command once more does the rest."""

from __future__ import annotations

import os
import signal
from typing import Any

from storage import actions, erased_postgresql, erased_sqlite, erasures, sql
from tasks.record import verifying
from tasks.services import Services
from tests import mirrored_world
from tests.end_to_end import crashing
from tests.end_to_end.crashing import Office, Where
from worker import settings
from worker.commands.record import erasing
from worker.commands.record_names import Named

PRODUCT = "3"
ENOUGH = 30


def erase(services: Services) -> None:
    services.close()
    wanted = erasing.Wanted(Named("products", PRODUCT), reason="asked for")
    if erasing.erase(settings.load("mirrorpoint.toml"), wanted, is_sure=True, wants_json=True):
        raise RuntimeError("something is left to do")


def erase_and_die_before_the_files_are_clean(services: Services) -> None:
    def die(*_: object, **__: object) -> list[str]:
        os.kill(os.getpid(), signal.SIGKILL)
        return []

    for module in (erased_sqlite, erased_postgresql):
        setattr(module, "clean", die)  # noqa: B010  # this process's own copies
    erase(services)


def finish(office: Office) -> None:
    child = crashing.begin(office, erase)
    child.join(60)
    assert child.exitcode == 0


def versions_with_content(office: Office) -> int:
    text = f"SELECT count(salt) FROM mirrorpoint_change WHERE resource = 'products' AND key = '{PRODUCT}'"
    with office.database.read() as session:
        return int(sql.value(session, text, ()) or 0)


def outcomes(office: Office) -> list[Any]:
    """What became of each erasure; None where nothing says so."""
    with office.database.read() as session:
        rows = [row for row in actions.read(session) if row.what == erasures.ERASE]
    ended = {row.of: row.outcome for row in rows if row.of is not None}
    return [ended.get(row.id) for row in rows if row.of is None]


def test_one_that_is_killed_at_any_commit_leaves_the_record_whole(office: Office) -> None:
    office.scan()
    kills = 0
    for die_at in range(1, ENOUGH):
        lived = 0
        for where in (Where.BEFORE, Where.AFTER):
            office.world.change("/api/v2/products", "update", key=PRODUCT, document={"caption": f"{die_at} {where}"})
            mirrored_world.scan(office.services, "products")
            has_died = crashing.has_died(office, erase, at=die_at, where=where)
            assert verifying.is_unaltered(office.services), (die_at, where)
            office.let_leases_run_out()
            if has_died:
                finish(office)
            assert versions_with_content(office) == 0
            assert verifying.is_unaltered(office.services), (die_at, where)
            kills, lived = kills + has_died, lived + (not has_died)
        if lived == 2:
            break
    assert kills > 6
    office.deliver()
    assert {event["subject"] for event in office.received()} == set(), "an event of what was erased was sent"


def test_one_that_is_killed_before_the_files_are_clean_is_not_told_as_done(office: Office) -> None:
    office.scan()
    child = crashing.begin(office, erase_and_die_before_the_files_are_clean)
    child.join(60)
    assert (child.exitcode, versions_with_content(office), outcomes(office)) == (-signal.SIGKILL, 0, [None])
    office.let_leases_run_out()
    finish(office)
    assert outcomes(office) == [None, "done: versions erased: 0, deliveries skipped: 0"]
