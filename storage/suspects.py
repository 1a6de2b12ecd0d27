"""The records that await confirmation that they are gone; called by the scan step when a walk has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, delete, func, literal, select, tuple_, update
from sqlmodel import col

from changes.records import Id
from storage import sql
from storage.seen_ids import Seen
from storage.session import Session
from storage.sql import given
from storage.states import SuspectState
from storage.tables import SuspectRow

#: Ids in one statement.
_CHUNK = 500
#: Waits for a person: a scan has held it back, and none has decided otherwise since. While a scan judges it anew its
#: state is another, and it waits all the same.
_IS_HELD = (col(SuspectRow.held_by).is_not(None), col(SuspectRow.state) != SuspectState.APPROVED)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A record that a complete scan did not have and whose deletion is not confirmed yet."""

    id: Id
    scan_id: str  #: the last scan that did not have it
    since: datetime | None  #: start of the last scan that had it
    absent_scans: int
    state: str  #: one of SuspectState
    held_by: str | None = None  #: the scan that held it first, as long as it waits for a person

    @property
    def is_held(self) -> bool:
        """Whether its deletion waits for a person; also while a scan judges it anew, up to its decision."""
        return self.held_by is not None and self.state != SuspectState.APPROVED


def note_suspects(
    session: Session,
    source: str,
    resource: str,
    *,
    scan_id: str,
    ids: Sequence[Id],
    since: datetime | None,
    is_flagged: bool = False,
) -> None:
    """These were absent from this scan; `since` is kept from the first scan that did not have them.

    `is_flagged`: their own rows said that they are gone. That confirms it, and is no scan that did not have them.
    """
    state, more = (SuspectState.CONFIRMED, 0) if is_flagged else (SuspectState.ABSENT, 1)
    again = {
        "absent_scans": case(
            (col(SuspectRow.scan_id) == scan_id, col(SuspectRow.absent_scans)),
            else_=col(SuspectRow.absent_scans) + more,
        ),
        "scan_id": scan_id,
        # What was confirmed or held before is judged anew; what somebody has approved waits for just this scan.
        # `held_by` stays as it is: what is held waits for a person until this scan has decided.
        "state": case((col(SuspectRow.state) == SuspectState.APPROVED, col(SuspectRow.state)), else_=state),
    }
    if not ids:
        return
    row: dict[str, object] = {
        "source": source,
        "resource": resource,
        "scan_id": scan_id,
        "since": since,
        "absent_scans": more,
    }
    rows = [row | {"parent_key": id.parent_key, "key": id.key, "state": state} for id in ids]  # noqa: A001
    statement = sql.insert(session, SuspectRow)
    record = ["source", "resource", "parent_key", "key"]
    sql.run(session, statement.on_conflict_do_update(index_elements=record, set_=again), rows)


def suspects(
    session: Session,
    source: str,
    resource: str,
    *,
    limit: int,
    after: Id | None = None,
    state: SuspectState | None = None,
    scan_id: str | None = None,
    is_held: bool = False,
) -> list[Suspect]:
    """The next ones by parent and key; of one state, or those that one scan did not have, where that is given.

    `is_held`: only those that wait for a person.
    """
    row = SuspectRow
    which = [col(row.source) == source, col(row.resource) == resource]
    if after is not None:
        which.append(tuple_(col(row.parent_key), col(row.key)) > tuple_(after.parent_key, after.key))
    if state is not None:
        which.append(col(row.state) == state)
    if scan_id is not None:
        which.append(col(row.scan_id) == scan_id)
    if is_held:
        which += _IS_HELD
    names = ("parent_key", "key", "scan_id", "since", "absent_scans", "state", "held_by")
    columns = [col(getattr(row, name)) for name in names]
    statement = select(*columns).where(*which).order_by(col(row.parent_key), col(row.key)).limit(limit)
    return [Suspect(Id(parent_key, key), *rest) for parent_key, key, *rest in sql.run(session, statement)]


def count_confirmed(session: Session, source: str, resource: str, *, scan_id: str) -> int:
    """How many are confirmed to be gone by this scan, without those that somebody has approved before."""
    which = (*_of_scan(source, resource, scan_id), col(SuspectRow.state) == SuspectState.CONFIRMED)
    found: int = sql.run(session, select(func.count()).select_from(SuspectRow).where(*which)).scalar_one()
    return found


def last_seen(session: Session, source: str, resource: str, ids: Sequence[Id]) -> dict[Id, datetime | None]:
    """Of those under suspicion, the start of the last scan that had them."""
    row, found = SuspectRow, dict[Id, datetime | None]()
    for part in _chunks(ids):
        statement = select(col(row.parent_key), col(row.key), col(row.since)).where(*_among(source, resource, part))
        found.update({Id(parent_key, key): since for parent_key, key, since in sql.run(session, statement)})
    return found


def hold_suspects(session: Session, source: str, resource: str, *, scan_id: str) -> int:
    """All that this scan did not have wait until somebody approves; how many they are."""
    row = SuspectRow
    which = (*_of_scan(source, resource, scan_id), col(row.state) != SuspectState.APPROVED)
    held_by = func.coalesce(col(row.held_by), scan_id)
    return sql.count_run(session, update(row).where(*which).values(state=SuspectState.HELD, held_by=held_by))


def first_held(session: Session, source: str, resource: str, *, scan_id: str) -> int:
    """How many are held by this scan that no scan before it held."""
    row = SuspectRow
    which = (*_of_scan(source, resource, scan_id), col(row.state) == SuspectState.HELD, col(row.held_by) == scan_id)
    found: int = sql.run(session, select(func.count()).select_from(row).where(*which)).scalar_one()
    return found


def settle_held(session: Session, source: str, resource: str, *, scan_id: str) -> int:
    """This scan holds nothing back: what it has confirmed waits for nobody; what it could not settle is still held.

    Returns how many are still held of those that it did not have.
    """
    row, which = SuspectRow, _of_scan(source, resource, scan_id)
    confirmed = (*which, col(row.state) == SuspectState.CONFIRMED, col(row.held_by).is_not(None))
    sql.run(session, update(row).where(*confirmed).values(held_by=None))
    unsettled = (*which, *_IS_HELD)
    return sql.count_run(session, update(row).where(*unsettled).values(state=SuspectState.HELD))


def approve_suspects(session: Session, source: str, resource: str, *, scan_id: str) -> int:
    """Those that were held by this scan or before it may be deleted by the next look; how many they are.

    Those that a scan is judging anew are among them. It does not delete them before it has asked for them once more.
    """
    row = SuspectRow
    which = [col(row.source) == source, col(row.resource) == resource, *_IS_HELD]
    which.append(col(row.held_by) <= scan_id)  # ids of scans sort by time
    return sql.count_run(session, update(row).where(*which).values(state=SuspectState.APPROVED))


def withdraw_approval(session: Session, source: str, resource: str, ids: Sequence[Id]) -> None:
    """An approval is good for one look: these were looked at, and are held again, since nothing confirmed them."""
    _set_state(session, source, resource, ids, SuspectState.HELD, is_approved=True)


def holders(session: Session) -> dict[tuple[str, str], str]:
    """(source, resource) -> the latest scan that holds deletions back there; what `approve` wants to be told."""
    row = SuspectRow
    latest = select(col(row.source), col(row.resource), func.max(row.held_by)).where(*_IS_HELD)
    found = sql.run(session, latest.group_by(col(row.source), col(row.resource)))
    return {(source, resource): scan_id for source, resource, scan_id in found}


def counts(session: Session) -> dict[tuple[str, str], dict[str, int]]:
    """(source, resource) -> state of the suspects -> how many; `held` are all that wait for a person."""
    state = case((and_(*_IS_HELD), literal(SuspectState.HELD.value)), else_=col(SuspectRow.state)).label("shown")
    columns = (col(SuspectRow.source), col(SuspectRow.resource), state)
    found: dict[tuple[str, str], dict[str, int]] = {}
    for source, resource, shown, count in sql.run(session, select(*columns, func.count()).group_by(*columns)):
        found.setdefault((source, resource), {})[shown] = count
    return found


def confirm_suspects(session: Session, source: str, resource: str, ids: Sequence[Id]) -> None:
    """They are confirmed to be gone. One that was approved while it was asked for stays so, and is asked for anew."""
    _set_state(session, source, resource, ids, SuspectState.CONFIRMED, is_approved=False)


def _set_state(
    session: Session, source: str, resource: str, ids: Sequence[Id], state: SuspectState, *, is_approved: bool
) -> None:
    """`is_approved`: whether only those are meant that are approved, or only those that are not."""
    approved = col(SuspectRow.state) == SuspectState.APPROVED
    are_meant = approved if is_approved else ~approved
    for part in _chunks(ids):
        sql.run(session, update(SuspectRow).where(*_among(source, resource, part), are_meant).values(state=state))


def clear_suspects(session: Session, source: str, resource: str, ids: Sequence[Id]) -> None:
    """They are under suspicion no more: found, or deleted."""
    for part in _chunks(ids):
        sql.run(session, delete(SuspectRow).where(*_among(source, resource, part)))


def forget(session: Session, source: str, resource: str) -> None:
    """Nobody of the resource is under suspicion any more."""
    sql.run(session, delete(SuspectRow).where(col(SuspectRow.source) == source, col(SuspectRow.resource) == resource))


def clear_seen_suspects(session: Session, source: str, resource: str, *, scan_id: str) -> int:
    """Those that the scan has seen again are under suspicion no more; how many are still."""
    if sql.run_given(session, _ANY, source=source, resource=resource).first() is None:
        return 0
    after, left, seen = None, 0, Seen(session, scan_id)
    while found := suspects(session, source, resource, after=after, limit=_CHUNK):
        there = [suspect.id for suspect in found if suspect.id in seen]
        clear_suspects(session, source, resource, there)
        left, after = left + len(found) - len(there), found[-1].id
    return left


_ANY = (
    select(col(SuspectRow.key))
    .where(col(SuspectRow.source) == given("source"), col(SuspectRow.resource) == given("resource"))
    .limit(1)
)


def _of_scan(source: str, resource: str, scan_id: str) -> tuple[Any, ...]:
    row = SuspectRow
    return (col(row.source) == source, col(row.resource) == resource, col(row.scan_id) == scan_id)


def _chunks(ids: Sequence[Id]) -> Iterator[Sequence[Id]]:
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))


def _among(source: str, resource: str, ids: Sequence[Id]) -> tuple[Any, ...]:
    row = SuspectRow
    return (
        col(row.source) == source,
        col(row.resource) == resource,
        tuple_(col(row.parent_key), col(row.key)).in_([tuple(id) for id in ids]),  # noqa: A001
    )
