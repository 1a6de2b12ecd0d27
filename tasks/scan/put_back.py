"""Rows of the mirror that are not as the change log has them: somebody else has written there. They are put back.

Called before a change of a record is told, since what a stranger wrote was never the source's; and by `against_log.py`
for all records of a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from changes import events, fingerprint
from changes.records import Id, Known, Record
from changes.resources import Resource
from storage import actions, from_log, generations, mirror, mirror_rows
from storage.session import Session
from tasks.log_lines import Logger
from tasks.mirror_checks import compared, rules
from tasks.mirror_checks.compared import Table
from tasks.mirror_checks.verdicts import AT_A_TIME, Judging
from tasks.scan.position import Position
from tasks.scan.scope import Scope

#: What the action is called.
PUT_BACK = "put back"
_NAMED = 10  #: records that it names at the most

log = Logger("mirrorpoint.scan")


def of_ids(session: Session, scope: Scope, resource: Resource, ids: Sequence[Id]) -> list[Id]:
    """Those of the records whose rows are wrong are afterwards as the log has them; which these were."""
    suspicious = from_log.unlike(session, resource, scope.source, ids)
    if not suspicious:
        return []
    table = table_of(session, scope, resource)
    return from_log.put_back(session, resource, scope.source, wrong(session, table, suspicious), stamp=table.stamp)


def before_telling(
    session: Session, scope: Scope, position: Position | None, differing: Sequence[Record], known: Mapping[Id, Known]
) -> Sequence[Id]:
    """The same of those of the records that are not only to be refreshed."""
    if scope.is_log_empty and position is not None and _is_alone(session, scope, position):
        differing = [each for each in differing if each.id in known]
    changing = [each.id for each in differing if _is_change(each, known.get(each.id))]
    return of_ids(session, scope, scope.resource, changing)


def _is_alone(session: Session, scope: Scope, position: Position) -> bool:
    """Whether nobody else has changed or removed rows since the scan began."""
    counted = generations.begin(session, scope.source, scope.resource.name)
    return counted.strange == position.strange


def _is_change(record: Record, known: Known | None) -> bool:
    if known is None or known.deleted_at is not None:
        return True
    return not fingerprint.same_meaning(known.fingerprint, record.fingerprint)


def living(session: Session, scope: Scope, ids: Sequence[Id]) -> list[Id]:
    """Those of the records that are living once wrong rows are put back; they may be deleted, or never have been."""
    resource, source = scope.resource, scope.source
    if from_log.unlike(session, resource, source, ids):
        with generations.own(session, source, resource.name):
            note(session, scope, resource, of_ids(session, scope, resource, ids), now=scope.services.now())
    still = mirror.living(session, resource, source, ids)  # somebody may have taken one that was never there
    return [id_ for id_ in ids if id_ in still]


def living_parents(scope: Scope, parent: Resource, ids: Sequence[Id]) -> set[Id]:
    """Those of the parents that are living once wrong rows are put back."""
    if not ids:
        return set()
    with scope.services.database.write() as session:
        with generations.own(session, scope.source, parent.name):
            done = of_ids(session, scope, parent, ids)
            found = mirror.living(session, parent, scope.source, ids)
        note(session, scope, parent, done, now=scope.services.now())
    return found


def table_of(session: Session, scope: Scope, resource: Resource) -> Table:
    """By which rules its rows were written."""
    return rules.of_list(session, scope.source, resource, seal=scope.services.vault.seal)


def wrong(session: Session, table: Table, ids: Sequence[Id]) -> list[Id]:
    """Those of the records whose rows do not follow from their last changes, as `verify` judges it."""
    return list(dict.fromkeys(_wrong(session, table, ids)))


def _wrong(session: Session, table: Table, ids: Sequence[Id]) -> Iterator[Id]:
    judging = Judging()
    for start in range(0, len(ids), AT_A_TIME):
        part = ids[start : start + AT_A_TIME]
        rows = mirror_rows.of_ids(session, table.resource, table.source, part)
        for id_, _ in judging.of_ids(session, table, part, rows):
            yield id_


def note(session: Session, scope: Scope, resource: Resource, ids: Sequence[Id], *, now: datetime) -> None:
    """Put it on record. The transaction takes no lock of the log or the outbox after this."""
    if not ids:
        return
    named = [events.subject(resource.name, Id(*map(compared.shown, id_))) for id_ in ids[:_NAMED]]
    log.warning("rows_put_back", source=scope.source, resource=resource.name, rows=len(ids), first=named[0])
    actions.note_own(
        session,
        what=PUT_BACK,
        target=f"{scope.source}:{resource.name}",
        arguments={"source": scope.source, "resource": resource.name, "rows": len(ids), "records": named},
        outcome="these rows were not as the change log has them",
        now=now,
    )
