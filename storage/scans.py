"""Scans and their positions, what was seen in them, and what is known of each resource as a whole.

Called by the scan step inside the page's transaction; `slots.py` says when, `suspects.py` what was absent.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, insert, select, update
from sqlmodel import col

from changes.records import Json
from storage import sql, tally
from storage.session import Session
from storage.states import ScanState
from storage.tables import ResourceRow, ScanRow, SeenRow

#: The columns of `mirrorpoint_scan` that a page adds to.
COUNTERS = frozenset(
    {"pages", "requests", "rows", "created", "updated", "deleted", "restored"}
    | {"skipped", "held", "doubles", "repaired", "unconverted"}
)


#: Ids in one statement.
_CHUNK = 500


#: Begins the reason of a scan that waits for a person's word.
HELD = "held: "


@dataclass(frozen=True, slots=True)
class Scan:
    """A row of `mirrorpoint_scan`, column by column."""

    id: str
    source: str
    resource: str
    kind: str  #: full, head
    state: str  #: one of ScanState
    reason: str | None
    started_at: datetime
    ended_at: datetime | None
    pages: int
    requests: int
    rows: int
    created: int
    updated: int
    deleted: int
    restored: int
    skipped: int
    held: int
    doubles: int
    repaired: int
    unconverted: int
    total: int | None  #: the last that the source said
    position: dict[str, Json] | None  #: where it goes on; None when it has ended
    fence: int
    heartbeat_at: datetime | None


@dataclass(frozen=True, slots=True)
class ResourceState:
    """What is known of a resource as a whole; all None before its first scan has ended."""

    baseline_at: datetime | None = None  #: before it, what is seen first is a snapshot
    last_complete_id: str | None = None
    last_complete_started_at: datetime | None = None
    last_complete_at: datetime | None = None
    last_problem: str | None = None
    last_problem_at: datetime | None = None
    next_at: datetime | None = None
    item_path_proven_at: datetime | None = None  #: before it, a 404 on a record's own path means nothing
    learned: dict[str, Json] | None = None  #: of its server, in the words of the scan step
    read_as: dict[str, Json] | None = None  #: what of the catalogue decided who is who; None: nothing was read yet
    head: dict[str, Json] | None = None  #: of its head scans, in the words of the scan step

    @property
    def is_held(self) -> bool:
        """Nothing is read before a person has said what a changed catalogue or address means."""
        return (self.last_problem or "").startswith(HELD)


_SCAN_COLUMNS = [col(getattr(ScanRow, field.name)) for field in fields(Scan)]
_STATE_COLUMNS = [col(getattr(ResourceRow, field.name)) for field in fields(ResourceState)]


def new_scan_id(now: datetime, rng: random.Random) -> str:
    """26 hexadecimal digits that sort by time: milliseconds, then chance."""
    return f"{first_id(now)}{rng.getrandbits(56):014x}"


def first_id(moment: datetime) -> str:
    """Every scan that began earlier has a lower id."""
    return f"{int(moment.timestamp() * 1000):012x}"


def begin(
    session: Session,
    *,
    source: str,
    resource: str,
    kind: str,
    fence: int,
    now: datetime,
    id: str,  # noqa: A002
) -> Scan:
    """A scan that runs from now on."""
    row = ScanRow(
        id=id,
        source=source,
        resource=resource,
        kind=kind,
        state=ScanState.RUNNING,
        started_at=now,
        fence=fence,
        heartbeat_at=now,
    )
    scan = Scan(**{field.name: getattr(row, field.name) for field in fields(Scan)})
    sql.run(session, insert(ScanRow).values(**asdict(scan)))
    return scan


def running(session: Session, source: str, resource: str, *, kind: str | None = None) -> Scan | None:
    """The scan of this resource that was begun and has not ended; its worker may be gone."""
    which = [col(ScanRow.source) == source, col(ScanRow.resource) == resource, col(ScanRow.state) == ScanState.RUNNING]
    if kind is not None:
        which.append(col(ScanRow.kind) == kind)
    return _one(session, select(*_SCAN_COLUMNS).where(*which).order_by(col(ScanRow.id).desc()).limit(1))


def get(session: Session, scan_id: str) -> Scan | None:
    """The scan by its id."""
    return _one(session, select(*_SCAN_COLUMNS).where(col(ScanRow.id) == scan_id))


def get_all(session: Session, scan_ids: Sequence[str]) -> list[Scan]:
    """The scans with these ids, in their order; those that are not there are left out."""
    found: dict[str, Scan] = {}
    for start in range(0, len(scan_ids), _CHUNK):
        statement = select(*_SCAN_COLUMNS).where(col(ScanRow.id).in_(scan_ids[start : start + _CHUNK]))
        found.update({row.id: Scan(*row) for row in sql.run(session, statement)})
    return [found[scan_id] for scan_id in scan_ids if scan_id in found]


def take_over(session: Session, scan_id: str, *, fence: int, now: datetime) -> bool:
    """From now on only the holder of this fence moves the scan; False when it has ended or a later one has it."""
    statement = (
        update(ScanRow)
        .where(col(ScanRow.id) == scan_id, col(ScanRow.state) == ScanState.RUNNING, col(ScanRow.fence) <= fence)
        .values(fence=fence, heartbeat_at=now)
    )
    return sql.count_run(session, statement) == 1


def advance(
    session: Session,
    scan_id: str,
    *,
    fence: int,
    position: Mapping[str, Json],
    counters: Mapping[str, int],
    now: datetime,
    total: int | None = None,
) -> bool:
    """The scan stands at `position`; `counters` are added to its columns.

    False when another worker has taken over or the scan has ended: then the caller raises, so that nothing of the
    page is kept.
    """
    values = _added(counters) | {"position": dict(position), "heartbeat_at": now}
    if total is not None:
        values["total"] = total
    return sql.count_run(session, update(ScanRow).where(*_mine(scan_id, fence)).values(**values)) == 1


def finish(
    session: Session,
    scan_id: str,
    *,
    fence: int,
    state: ScanState,
    now: datetime,
    reason: str | None = None,
    counters: Mapping[str, int] | None = None,
) -> bool:
    """The scan has ended as `state` and what it has seen is forgotten; False when another worker has taken over.

    A full scan that is complete is what its resource's deletions and first sights are judged by from now on.
    """
    values = _added(counters or {}) | {"state": state, "reason": reason, "ended_at": now, "position": None}
    ended = sql.run(
        session,
        update(ScanRow)
        .where(*_mine(scan_id, fence))
        .values(**values)
        .returning(*(col(getattr(ScanRow, name)) for name in ("source", "resource", "kind", "started_at", "requests"))),
    ).one_or_none()
    if ended is None:
        return False
    source, resource, kind, started_at, requests = ended
    sql.run(session, delete(SeenRow).where(col(SeenRow.scan_id) == scan_id))
    if state != ScanState.COMPLETE:
        note_problem(session, source, resource, problem=reason or state, now=now)
    elif kind == "full":
        _note_complete(session, source, resource, scan_id=scan_id, started_at=started_at, now=now)
    tally.add(session, tally.of_scan(source, resource, kind, state, requests=requests), now=now)
    return True


def note_pause(session: Session, scan_id: str, *, fence: int, until: datetime, seconds: float) -> bool:
    """The scan waits until then, since its requests are spread; False when another worker has taken over."""
    paused = func.coalesce(col(ScanRow.paused_seconds), 0.0) + seconds
    values = {"paused_seconds": paused, "heartbeat_at": until}
    return sql.count_run(session, update(ScanRow).where(*_mine(scan_id, fence)).values(**values)) == 1


def resource_state(session: Session, source: str, resource: str, *, keeps: bool = False) -> ResourceState:
    """What is known of the resource; all None where that is nothing yet.

    `keeps`: nobody else writes it until the transaction ends.
    """
    which = (col(ResourceRow.source) == source, col(ResourceRow.resource) == resource)
    wanted = select(*_STATE_COLUMNS).where(*which)
    row = sql.run(session, wanted.with_for_update() if keeps else wanted).one_or_none()
    return ResourceState() if row is None else ResourceState(*row)


def note_problem(session: Session, source: str, resource: str, *, problem: str, now: datetime) -> None:
    """Why the resource's last scan is not complete; the next complete one takes it away."""
    put_state(session, source, resource, {"last_problem": problem, "last_problem_at": now})


def note_next(session: Session, source: str, resource: str, *, next_at: datetime | None) -> None:
    """When the clock will have it scanned next, for `status`."""
    put_state(session, source, resource, {"next_at": next_at})


def note_path_proven(session: Session, source: str, resource: str, *, at: datetime | None) -> None:
    """The resource's item path has answered for a record that is there; None: what it answers proves nothing."""
    put_state(session, source, resource, {"item_path_proven_at": at})


def note_learned(session: Session, source: str, resource: str, *, learned: Mapping[str, Json]) -> None:
    """What is known of the resource's server from now on."""
    put_state(session, source, resource, {"learned": dict(learned)})


def note_read_as(session: Session, source: str, resource: str, *, read_as: Mapping[str, Json]) -> None:
    """What of the catalogue decides who is who, in all that is kept of the resource from now on."""
    put_state(session, source, resource, {"read_as": dict(read_as)})


def begin_anew(session: Session, source: str, resource: str, *, read_as: Mapping[str, Json]) -> None:
    """As if the resource had never been scanned: what is seen next is a snapshot, and nothing was learned or proved."""
    names = ("baseline_at", "last_complete_id", "last_complete_started_at", "last_complete_at", "last_problem")
    unknown = dict.fromkeys((*names, "last_problem_at", "item_path_proven_at", "learned", "rests_until", "head"))
    put_state(session, source, resource, {**unknown, "failures": 0, "read_as": dict(read_as)})


def _note_complete(
    session: Session, source: str, resource: str, *, scan_id: str, started_at: datetime, now: datetime
) -> None:
    values = {
        "last_complete_id": scan_id,
        "last_complete_started_at": started_at,
        "last_complete_at": now,
        "last_problem": None,
        "last_problem_at": None,
    }
    put_state(session, source, resource, values, only_first={"baseline_at": now})


def put_state(
    session: Session,
    source: str,
    resource: str,
    values: dict[str, Any],
    *,
    only_first: Mapping[str, Any] | None = None,
) -> None:
    """Set columns of the resource's row; `only_first`: those that keep what they have."""
    first = dict(only_first or {})
    statement = sql.insert(session, ResourceRow).values(source=source, resource=resource, **values, **first)
    kept = {name: func.coalesce(col(getattr(ResourceRow, name)), statement.excluded[name]) for name in first}
    statement = statement.on_conflict_do_update(index_elements=["source", "resource"], set_=values | kept)
    sql.run(session, statement)


def _added(counters: Mapping[str, int]) -> dict[str, Any]:
    unknown = counters.keys() - COUNTERS
    if unknown:
        raise ValueError(f"a scan does not count {', '.join(sorted(unknown))}")
    return {name: col(getattr(ScanRow, name)) + number for name, number in counters.items() if number}


def _mine(scan_id: str, fence: int) -> tuple[Any, ...]:
    return (col(ScanRow.id) == scan_id, col(ScanRow.fence) == fence, col(ScanRow.state) == ScanState.RUNNING)


def _one(session: Session, statement: Select[*tuple[Any, ...]]) -> Scan | None:
    row = sql.run(session, statement).one_or_none()
    return None if row is None else Scan(*row)
