"""Mirrored tables that somebody has dropped or damaged while Mirrorpoint is at work; called by housekeeping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from changes.resources import ColumnType, Resource
from storage import existing, locks, made_anew, mirror_columns, mirror_upkeep, prepared
from storage.engine import Database
from storage.errors import StorageError
from storage.from_log import Stamps
from storage.locks import Lock
from storage.session import Session, failures

#: A table that somebody else is using is mended later.
MEND_SECONDS = 3


class Mended(NamedTuple):
    """Mirrored tables that somebody had dropped or damaged, but for those that another process has mended."""

    made: Mapping[str, int]  #: those that were gone, and how many records they have
    completed: Sequence[str]  #: those that had lost columns or triggers
    left: Mapping[str, str]  #: those that could not be mended, and why


def mend(database: Database, resources: Mapping[str, Sequence[Resource]], *, stamps: Stamps) -> Mended:
    """Mirrored tables that somebody has dropped or damaged since the start are whole again, from log and documents.

    Three queries where nothing is missing. A table that another process has brought up for another configuration only
    gets the columns that are not there.
    """
    united = mirror_columns.united_columns(each for of_source in resources.values() for each in of_source)
    with database.read() as session:
        damaged = _damaged(session, united)
    made, completed, left = dict[str, int](), list[str](), dict[str, str]()
    for name in damaged:
        try:
            done = _mend(database, name, united[name], resources, stamps)
        except (StorageError, *failures()) as error:  # type: ignore[misc]  # a tuple that is not known before
            left[name] = str(error).strip().split("\n")[0]
        else:
            made |= done.made
            completed += done.completed
    return Mended(made, completed, left)


def _mend(
    database: Database,
    name: str,
    typed: Mapping[str, ColumnType],
    resources: Mapping[str, Sequence[Resource]],
    stamps: Stamps,
) -> Mended:
    """What was done; nothing where another process has mended the table meanwhile."""
    with database.write() as session:
        locks.wait_at_most(session, MEND_SECONDS)  # whoever waits to change a table keeps all others from reading it
        locks.take(session, Lock.PREPARE)
        damaged = _damaged(session, {name: typed})
        if not damaged:
            return Mended({}, [], {})
        of_table = {key: each for key, each in prepared.filled(resources).items() if each.resource.name == name}
        if mirror_upkeep.bring_up(session, damaged):
            digests = {key: each.digest for key, each in of_table.items()}
            prepared.note(session, {name: prepared.digest(name, typed), **digests})
            return Mended({name: made_anew.refill(session, name, resources, stamps=stamps)}, [], {})
        for each in of_table.values():
            mirror_upkeep.fill(session, each.source, each.resource)
        return Mended({}, [name], {})


def _damaged(session: Session, united: Mapping[str, Mapping[str, ColumnType]]) -> dict[str, Mapping[str, ColumnType]]:
    """Those that are gone, that were once as they are wanted and are no more, or that have not all columns by name."""
    there, state = existing.tables(session), prepared.state(session, united)
    noted = dict(session.execute("SELECT name, digest FROM mirrorpoint_prepared"))
    own = {name: typed for name, typed in united.items() if noted.get(name) == prepared.digest(name, typed)}
    others = {name: typed for name, typed in united.items() if name in there and name not in own}
    found = {name: typed for name, typed in united.items() if name not in there or (name in own and name not in state)}
    if others:
        found |= mirror_upkeep.unnamed(session, others)
    return found
