"""Scans and their positions, what was seen in them, and what is known of each resource as a whole.

Called by the scan step inside the page's transaction; `slots.py` says when, `suspects.py` what was absent.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from changes.records import Json
from storage import scans_sql, sql, tally
from storage.session import Session
from storage.states import ScanState

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
    all_read_at: datetime | None = None  #: start of the last complete one that had all living records
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
    scan = Scan(
        id=id,
        source=source,
        resource=resource,
        kind=kind,
        state=ScanState.RUNNING,
        reason=None,
        started_at=now,
        ended_at=None,
        **dict.fromkeys(scans_sql.COUNTERS, 0),
        total=None,
        position=None,
        fence=fence,
        heartbeat_at=now,
    )
    add(session, scan)
    return scan


def add(session: Session, scan: Scan) -> None:
    """A scan as it is: one that begins, or one that has ended already."""
    sql.change(session, scans_sql.ADD, **{name: getattr(scan, name) for name in scans_sql.SCAN_NAMES})


def running(session: Session, source: str, resource: str) -> Scan | None:
    """The scan of this resource that was begun and has not ended; its worker may be gone."""
    # The state is written out, as the index has it: SQLite takes no value given.
    text = f"""
        SELECT {scans_sql.SCAN} FROM mirrorpoint_scan
        WHERE source = :source AND resource = :resource AND state = 'running' ORDER BY id DESC LIMIT 1
    """
    row = sql.first(session, text, source=source, resource=resource)
    return None if row is None else Scan(*row)


def get(session: Session, scan_id: str) -> Scan | None:
    """The scan by its id."""
    row = sql.first(session, f"SELECT {scans_sql.SCAN} FROM mirrorpoint_scan WHERE id = :scan_id", scan_id=scan_id)
    return None if row is None else Scan(*row)


def get_all(session: Session, scan_ids: Sequence[str]) -> list[Scan]:
    """The scans with these ids, in their order; those that are not there are left out."""
    if not scan_ids:
        return []
    text = f"SELECT {scans_sql.SCAN} FROM mirrorpoint_scan WHERE id {sql.among(session, 'scan_ids')}"
    found = {scan.id: scan for scan in (Scan(*row) for row in sql.rows(session, text, scan_ids=tuple(scan_ids)))}
    return [found[scan_id] for scan_id in scan_ids if scan_id in found]


def take_over(session: Session, scan_id: str, *, fence: int, now: datetime, lain_seconds: float = 0.0) -> bool:
    """From now on only the holder of this fence moves the scan; False when it has ended or a later one has it.

    `lain_seconds`: so long nobody was at work on it, nor waited to be. That is no time that a scan takes.
    """
    text = """
        UPDATE mirrorpoint_scan SET fence = :fence, heartbeat_at = :now,
            paused_seconds = CASE WHEN :lain > 0 THEN coalesce(paused_seconds, 0) + :lain ELSE paused_seconds END
        WHERE id = :scan_id AND state = :running AND fence <= :fence
    """
    given = {"scan_id": scan_id, "fence": fence, "running": ScanState.RUNNING, "now": now, "lain": lain_seconds}
    return sql.change(session, text, **given) == 1


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
    values = {"scan_id": scan_id, "fence": fence, "position": dict(position), "now": now, "total": total}
    return sql.change(session, scans_sql.ADVANCE, running=ScanState.RUNNING, **values, **_numbers(counters)) == 1


def finish(
    session: Session,
    scan_id: str,
    *,
    fence: int,
    state: ScanState,
    now: datetime,
    reason: str | None = None,
    counters: Mapping[str, int] | None = None,
    total: int | None = None,
    has_all: bool = False,
) -> Scan | None:
    """The scan has ended as `state` and what it has seen is forgotten; None when another worker has taken over.

    `has_all`: it has seen each living record in a list, or noted that it was absent.

    A full scan that is complete is what its resource's deletions and first sights are judged by from now on. Failures
    and crashes before it are forgotten.
    """
    values = {"scan_id": scan_id, "fence": fence, "state": state, "reason": reason, "now": now, "total": total}
    numbers = _numbers(counters or {})
    row = sql.first(session, scans_sql.FINISH, running=ScanState.RUNNING, **values, **numbers)
    if row is None:
        return None
    ended = Scan(*row)
    source, resource = ended.source, ended.resource
    sql.change(session, "DELETE FROM mirrorpoint_seen WHERE scan_id = :scan_id", scan_id=scan_id)
    if state != ScanState.COMPLETE:
        note_problem(session, source, resource, problem=reason or state, now=now)
    elif ended.kind == "full":
        _note_complete(session, ended, has_all=has_all, now=now)
    tally.add(session, tally.of_scan(source, resource, ended.kind, state, requests=ended.requests), now=now)
    return ended


def note_pause(session: Session, scan_id: str, *, fence: int, until: datetime, seconds: float) -> bool:
    """The scan waits until then, since its requests are spread; False when another worker has taken over."""
    text = f"""
        UPDATE mirrorpoint_scan SET paused_seconds = coalesce(paused_seconds, 0) + :seconds, heartbeat_at = :until
        WHERE {scans_sql.MINE}
    """
    values = {"scan_id": scan_id, "fence": fence, "running": ScanState.RUNNING, "until": until, "seconds": seconds}
    return sql.change(session, text, **values) == 1


def resource_state(session: Session, source: str, resource: str, *, keeps: bool = False) -> ResourceState:
    """What is known of the resource; all None where that is nothing yet.

    `keeps`: nobody else writes it until the transaction ends.
    """
    text = f"""
        SELECT {scans_sql.STATE} FROM mirrorpoint_resource WHERE source = :source AND resource = :resource
        {sql.for_update(session) if keeps else ""}
    """
    row = sql.first(session, text, source=source, resource=resource)
    return ResourceState() if row is None else ResourceState(*row)


def note_problem(session: Session, source: str, resource: str, *, problem: str, now: datetime) -> None:
    """Why the resource's last scan is not complete; the next complete one takes it away."""
    put_state(session, source, resource, {"last_problem": problem, "last_problem_at": now})


def note_next(session: Session, moments: Mapping[tuple[str, str], datetime | None]) -> None:
    """When the clock will have each (source, resource) scanned next, for `status`."""
    rows = [(*which, next_at, 0, 0) for which, next_at in sorted(moments.items())]
    columns = ("source", "resource", "next_at", "failures", "crashes")
    conflict = "(source, resource) DO UPDATE SET next_at = excluded.next_at"
    sql.put(session, "mirrorpoint_resource", columns, rows, conflict=conflict)


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
    names = ("baseline_at", "last_complete_id", "last_complete_started_at", "last_complete_at", "all_read_at")
    unknown = dict.fromkeys(
        (*names, "last_problem", "last_problem_at", "item_path_proven_at", "learned", "rests_until", "head")
    )
    put_state(session, source, resource, {**unknown, "failures": 0, "read_as": dict(read_as)})


def _note_complete(session: Session, scan: Scan, *, has_all: bool, now: datetime) -> None:
    values = {
        "last_complete_id": scan.id,
        "last_complete_started_at": scan.started_at,
        "last_complete_at": now,
        **({"all_read_at": scan.started_at} if has_all else {}),
        **dict.fromkeys(("last_problem", "last_problem_at", "rests_until", "crashed_part")),
        **dict.fromkeys(("failures", "crashes"), 0),
    }
    put_state(session, scan.source, scan.resource, values, only_first={"baseline_at": now})


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
    text = scans_sql.put_state(tuple(values), tuple(first))
    sql.change(session, text, source=source, resource=resource, **values, **first)


def _numbers(counters: Mapping[str, int]) -> dict[str, int]:
    """What is added to each of a scan's counters."""
    unknown = counters.keys() - set(scans_sql.COUNTERS)
    if unknown:
        raise ValueError(f"a scan does not count {', '.join(sorted(unknown))}")
    return {name: counters.get(name, 0) for name in scans_sql.COUNTERS}
