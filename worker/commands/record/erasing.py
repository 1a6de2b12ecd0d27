"""What `erase` does: says what would go, asks, takes it out of the tables and then out of the database's files."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import times
from worker.commands.acting import acting
from worker.commands.record import erasure_told
from worker.commands.record.erasure_told import MOST_COUNTED, Found
from worker.problems import Problem, UsageError

if TYPE_CHECKING:
    from changes.records import Id
    from changes.resources import Resource
    from storage.engine import Database
    from storage.erasures import Extent
    from storage.session import Session
    from tasks.erasing import Erased
    from worker.commands.record_names import Named
    from worker.settings import Settings

_NOT_ASKED, _INCOMPLETE = 130, 3
#: A delivery that is just being attempted has nearly always ended by then.
_PATIENCE_SECONDS = 20.0
_LOOK_AGAIN_SECONDS = 0.3
#: So often a record may change while it is being erased.
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    named: Named
    reason: str


def erase(settings: Settings, wanted: Wanted, *, is_sure: bool, wants_json: bool) -> int:
    """0; 3 where something is left to do by hand; 130 where nobody could be asked, and nothing was done."""
    from tasks import dead_holders
    from worker import bootstrap

    if not wanted.reason.strip():
        raise UsageError("--reason is empty", "say why: it is kept with the erasure")
    database = bootstrap.open_database(settings)
    try:
        dead_holders.free(database, now=times.now())  # else who was killed is waited for
        resource, found = _find(settings, database, wanted)
        if not wants_json:
            erasure_told.before(found)
        if not is_sure:
            if not sys.stdin.isatty():
                return _only_told(found, wants_json=wants_json)
            _ask()
        erased, left = _erase(database, resource, found, wanted.reason.strip())
    finally:
        database.dispose()
    if wants_json:
        done = {"done": True, "erased": erased.versions, "skipped": erased.skipped, "left": left}
        output.document({**found.json(), **done})
    else:
        erasure_told.after(found, erased, left)
    return _INCOMPLETE if left else 0


def _find(settings: Settings, database: Database, wanted: Wanted) -> tuple[Resource, Found]:
    from changes import schedules
    from changes.records import Id
    from storage import erasures, point_records
    from worker import bootstrap
    from worker.commands import record_names

    catalogues = bootstrap.load_catalogues(settings)
    with database.read() as session:
        source, resource, row = record_names.find(session, catalogues, wanted.named)
        id_ = Id(row["parent_key"], row["key"])
        if resource.points and point_records.is_in_use(session, source, id_):
            raise UsageError(
                f'{resource.name} "{id_.key}" is a point that may be sent to, for which its content is needed',
                f"delete it in {source}, let `mirrorpoint sync {resource.name}` see that, then erase it",
            )
        known = catalogues[source].resources if source in catalogues else {}
        is_read = resource.name in known
        schedule = schedules.resolve(resource, settings.sources[source].schedule) if is_read else "off"
        children = _children(session, source, id_, [each for each in known.values() if resource.name in each.ancestors])
        extent = erasures.extent(session, source, resource.name, id_)
    return resource, Found(
        source=source,
        resource=resource.name,
        id=id_,
        is_living=row["deleted_at"] is None,
        is_empty=row["document"] is None,
        is_scanned=schedule.strip() != "off",
        extent=extent,
        children=children,
        size_bytes=_size(database, resource),
        is_file=database.dialect == "sqlite",
    )


def _children(session: Session, source: str, id_: Id, below: list[Resource]) -> dict[str, int]:
    from changes.resources import child_parent_key
    from storage import mirror

    parent_key = child_parent_key(id_.parent_key, id_.key)
    found = {
        each.name: len(mirror.descendants(session, each, source, parent_key=parent_key, limit=MOST_COUNTED))
        for each in below
    }
    return {name: number for name, number in found.items() if number}


def _only_told(found: Found, *, wants_json: bool) -> int:
    if wants_json:
        output.document({**found.json(), "done": False})
    else:
        output.note("nothing was erased: add --yes")
    return _NOT_ASKED


def _ask() -> None:
    import typer

    typer.confirm("erase it? It cannot be undone", abort=True, err=True)


def _erase(database: Database, resource: Resource, found: Found, reason: str) -> tuple[Erased, list[str]]:
    """What was erased, and what is left to do.

    The action says up to which version; one that comes meanwhile is looked at again, with an action of its own. It has
    no outcome before the files are written anew: of one that is killed until then nothing says that it is done.
    """
    from tasks import erasing

    source, id_ = found.source, found.id
    with erasing.kept_still(database, source, resource, now=times.now, wait=_waiting(resource)):
        for _ in range(_TRIES):
            extent = _settled(database, source, resource, id_)
            arguments = {
                "source": source,
                "resource": resource.name,
                "parent_key": id_.parent_key,
                "key": id_.key,
                "reason": reason,
                "last_seq": extent.last_seq,
            }
            with acting(database, "erase", target=found.name, arguments=arguments) as action:
                try:
                    erased = erasing.erase(database, resource, source, id_, seen=extent, now=times.now())
                except erasing.NewVersionError:
                    action.outcome = "failed: it has changed meanwhile, and is looked at again"
                    continue
                left = _out_of_the_files(database, resource)
                done = f"done: versions erased: {erased.versions}, deliveries skipped: {erased.skipped}"
                action.outcome = f"{done}; the files still hold some of it" if left else done
            return erased, left
    raise Problem(f"{found.name} changes all the time, and was not erased", "try again in a moment")


def _waiting(resource: Resource) -> Any:
    has_told = False

    def wait() -> None:
        nonlocal has_told
        if not has_told:
            output.note(f"somebody is scanning {resource.name}; waiting for the end of the slice")
            has_told = True
        time.sleep(_LOOK_AGAIN_SECONDS)

    return wait


def _settled(database: Database, source: str, resource: Resource, id_: Id) -> Extent:
    """What there is of the record as soon as none of its deliveries is under way, or patience is over."""
    from storage import erasures

    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with database.read() as session:
            extent = erasures.extent(session, source, resource.name, id_)
        if not extent.under_way or time.monotonic() > deadline:
            return extent
        time.sleep(_LOOK_AGAIN_SECONDS)


def _size(database: Database, resource: Resource) -> int:
    from storage import erased_postgresql

    if database.dialect == "sqlite":
        return Path(str(database.url.database)).stat().st_size
    return erased_postgresql.size(database, _tables(resource))


def _out_of_the_files(database: Database, resource: Resource) -> list[str]:
    """What is left to do, a sentence each."""
    from storage import erased_postgresql, erased_sqlite

    def on_wait() -> None:
        output.note("waiting for other processes to let go of the database")

    if database.dialect == "sqlite":
        database.dispose()  # our own connections would be in the way
        return erased_sqlite.clean(Path(str(database.url.database)), on_wait=on_wait)
    return erased_postgresql.clean(database, _tables(resource), on_wait=on_wait)


def _tables(resource: Resource) -> list[str]:
    from tasks import erasing

    return [resource.name, *erasing.TABLES]
