"""The records that await confirmation that they are gone; called by the scan step when a walk has ended."""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from changes.records import Id
from storage import driver_values, sql
from storage.seen_ids import Seen
from storage.session import Session
from storage.states import SuspectState

#: Suspects in memory at a time.
_AT_A_TIME = 500
_OF_RESOURCE = "source = :source AND resource = :resource"
#: Those that this scan did not have.
_OF_SCAN = f"{_OF_RESOURCE} AND scan_id = :scan_id"
#: Waits for a person: a scan has held it back, and none has decided otherwise since. While a scan judges it anew its
#: state is another, and it waits all the same.
_IS_HELD = f"held_by IS NOT NULL AND state <> '{SuspectState.APPROVED}'"


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
    # What was confirmed or held before is judged anew; what somebody has approved waits for just this scan.
    # `held_by` stays as it is: what is held waits for a person until this scan has decided.
    text = f"""
        INSERT INTO mirrorpoint_suspect AS known
            (source, resource, parent_key, key, scan_id, since, absent_scans, state)
        VALUES ({", ".join([sql.mark(session.dialect)] * 8)})
        ON CONFLICT (source, resource, parent_key, key) DO UPDATE
        SET absent_scans = known.absent_scans
                + CASE WHEN known.scan_id = excluded.scan_id THEN 0 ELSE excluded.absent_scans END,
            scan_id = excluded.scan_id,
            state = CASE WHEN known.state = '{SuspectState.APPROVED}' THEN known.state ELSE excluded.state END
    """
    seen = driver_values.driver_time(session.dialect)(since)
    rows = [(source, resource, *id, scan_id, seen, more, state.value) for id in ids]  # noqa: A001
    if rows:
        session.execute(text, rows)


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
    which, values = [_OF_RESOURCE], dict[str, Any](source=source, resource=resource)
    if after is not None:
        which.append("(parent_key, key) > (:parent_key, :key)")
        values |= {"parent_key": after.parent_key, "key": after.key}
    if state is not None:
        which.append("state = :state")
        values["state"] = state
    if scan_id is not None:
        which.append("scan_id = :scan_id")
        values["scan_id"] = scan_id
    if is_held:
        which.append(_IS_HELD)
    text = f"""
        SELECT parent_key, key, scan_id, since AS "since [utc]", absent_scans, state, held_by FROM mirrorpoint_suspect
        WHERE {" AND ".join(which)} ORDER BY parent_key, key LIMIT :limit
    """
    return [
        Suspect(Id(parent_key, key), *rest) for parent_key, key, *rest in sql.rows(session, text, **values, limit=limit)
    ]


def count_confirmed(session: Session, source: str, resource: str, *, scan_id: str) -> int:
    """How many are confirmed to be gone by this scan, without those that somebody has approved before."""
    text = f"SELECT count(*) FROM mirrorpoint_suspect WHERE {_OF_SCAN} AND state = :confirmed"
    return _count(session, text, source=source, resource=resource, scan_id=scan_id, confirmed=SuspectState.CONFIRMED)


def last_seen(session: Session, source: str, resource: str, ids: Sequence[Id]) -> dict[Id, datetime | None]:
    """Of those under suspicion, the start of the last scan that had them."""
    if not ids:
        return {}
    text = f"""
        SELECT parent_key, key, since AS "since [utc]" FROM mirrorpoint_suspect
        WHERE {_OF_RESOURCE} AND {_AMONG[session.dialect]}
    """
    rows = sql.rows(session, text, source=source, resource=resource, ids=_pairs(ids))
    return {Id(parent_key, key): since for parent_key, key, since in rows}


def hold_suspects(session: Session, source: str, resource: str, *, scan_id: str) -> int:
    """All that this scan did not have wait until somebody approves; how many they are."""
    text = f"""
        UPDATE mirrorpoint_suspect SET state = :held, held_by = coalesce(held_by, :scan_id)
        WHERE {_OF_SCAN} AND state <> :approved
    """
    states = {"held": SuspectState.HELD, "approved": SuspectState.APPROVED}
    return sql.change(session, text, source=source, resource=resource, scan_id=scan_id, **states)


def first_held(session: Session, source: str, resource: str, *, scan_id: str) -> int:
    """How many are held by this scan that no scan before it held."""
    text = f"SELECT count(*) FROM mirrorpoint_suspect WHERE {_OF_SCAN} AND state = :held AND held_by = :scan_id"
    return _count(session, text, source=source, resource=resource, scan_id=scan_id, held=SuspectState.HELD)


def settle_held(session: Session, source: str, resource: str, *, scan_id: str) -> int:
    """This scan holds nothing back: what it has confirmed waits for nobody; what it could not settle is still held.

    Returns how many are still held of those that it did not have.
    """
    values = {"source": source, "resource": resource, "scan_id": scan_id}
    confirmed = f"""
        UPDATE mirrorpoint_suspect SET held_by = NULL
        WHERE {_OF_SCAN} AND state = :confirmed AND held_by IS NOT NULL
    """
    sql.change(session, confirmed, **values, confirmed=SuspectState.CONFIRMED)
    unsettled = f"UPDATE mirrorpoint_suspect SET state = :held WHERE {_OF_SCAN} AND {_IS_HELD}"
    return sql.change(session, unsettled, **values, held=SuspectState.HELD)


def approve_suspects(session: Session, source: str, resource: str, *, scan_id: str) -> int:
    """Those that were held by this scan or before it may be deleted by the next look; how many they are.

    Those that a scan is judging anew are among them. It does not delete them before it has asked for them once more.
    """
    text = f"""
        UPDATE mirrorpoint_suspect SET state = :approved
        WHERE {_OF_RESOURCE} AND {_IS_HELD} AND held_by <= :scan_id
    """  # ids of scans sort by time
    values = {"scan_id": scan_id, "approved": SuspectState.APPROVED}
    return sql.change(session, text, source=source, resource=resource, **values)


def withdraw_approval(session: Session, source: str, resource: str, ids: Sequence[Id]) -> None:
    """An approval is good for one look: these were looked at, and are held again, since nothing confirmed them."""
    _set_state(session, source, resource, ids, SuspectState.HELD, is_approved=True)


def holders(session: Session) -> dict[tuple[str, str], str]:
    """(source, resource) -> the latest scan that holds deletions back there; what `approve` wants to be told."""
    text = f"""
        SELECT source, resource, max(held_by) FROM mirrorpoint_suspect WHERE {_IS_HELD} GROUP BY source, resource
    """
    return {(source, resource): scan_id for source, resource, scan_id in sql.rows(session, text)}


def counts(session: Session) -> dict[tuple[str, str], dict[str, int]]:
    """(source, resource) -> state of the suspects -> how many; `held` are all that wait for a person."""
    text = f"""
        SELECT source, resource, CASE WHEN {_IS_HELD} THEN '{SuspectState.HELD}' ELSE state END AS shown, count(*)
        FROM mirrorpoint_suspect GROUP BY source, resource, shown
    """
    found: dict[tuple[str, str], dict[str, int]] = {}
    for source, resource, shown, count in sql.rows(session, text):
        found.setdefault((source, resource), {})[shown] = count
    return found


def confirm_suspects(session: Session, source: str, resource: str, ids: Sequence[Id]) -> None:
    """They are confirmed to be gone. One that was approved while it was asked for stays so, and is asked for anew."""
    _set_state(session, source, resource, ids, SuspectState.CONFIRMED, is_approved=False)


def _set_state(
    session: Session, source: str, resource: str, ids: Sequence[Id], state: SuspectState, *, is_approved: bool
) -> None:
    """`is_approved`: whether only those are meant that are approved, or only those that are not."""
    if not ids:
        return
    text = f"""
        UPDATE mirrorpoint_suspect SET state = :state
        WHERE {_OF_RESOURCE} AND state {"=" if is_approved else "<>"} :approved AND {_AMONG[session.dialect]}
    """
    values = {"ids": _pairs(ids), "state": state, "approved": SuspectState.APPROVED}
    sql.change(session, text, source=source, resource=resource, **values)


def clear_suspects(session: Session, source: str, resource: str, ids: Sequence[Id]) -> None:
    """They are under suspicion no more: found, or deleted."""
    if ids:
        text = f"DELETE FROM mirrorpoint_suspect WHERE {_OF_RESOURCE} AND {_AMONG[session.dialect]}"
        sql.change(session, text, source=source, resource=resource, ids=_pairs(ids))


def forget(session: Session, source: str, resource: str) -> None:
    """Nobody of the resource is under suspicion any more."""
    sql.change(session, f"DELETE FROM mirrorpoint_suspect WHERE {_OF_RESOURCE}", source=source, resource=resource)


def clear_seen_suspects(session: Session, source: str, resource: str, *, scan_id: str) -> int:
    """Those that the scan has seen again are under suspicion no more; how many are still."""
    text = f"SELECT 1 FROM mirrorpoint_suspect WHERE {_OF_RESOURCE} LIMIT 1"
    if sql.first(session, text, source=source, resource=resource) is None:
        return 0
    after, left, seen = None, 0, Seen(session, scan_id)
    while found := suspects(session, source, resource, after=after, limit=_AT_A_TIME):
        there = [suspect.id for suspect in found if suspect.id in seen]
        clear_suspects(session, source, resource, there)
        left, after = left + len(found) - len(there), found[-1].id
    return left


#: The row is that of one of the records of `_pairs`, which are one value, however many they are.
_AMONG = {
    "sqlite": """
        (parent_key, key) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:ids))
    """,
    "postgresql": """
        (parent_key, key) IN (SELECT id ->> 0, id ->> 1 FROM jsonb_array_elements(CAST(:ids AS JSONB)) AS id)
    """,
}


def _pairs(ids: Sequence[Id]) -> list[Any]:
    return [list(id) for id in ids]  # noqa: A001


def _count(session: Session, text: str, **values: Any) -> int:
    ((found,),) = sql.rows(session, text, **values)
    return int(found)
