"""What `status` and `show` ask: figures over all resources in one statement each, and a mirrored row as it stands.

Called by the reading commands; nothing here writes.
"""

# ruff: noqa: S608  # names of tables come from the catalogue, values are parameters
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from changes.resources import Resource
from storage import log_sql, mirror_columns, mirror_sql, scans_sql, sql
from storage.scans import ResourceState
from storage.session import Session
from storage.slots import FULL
from storage.states import ScanState, SourceTrouble

#: Tables in one statement, two parts for each: SQLite takes at most 500.
_CHUNK = 200
#: So many sources are named where rows are counted.
_FEW = 20

Named = tuple[str, Resource]  #: source and resource


@dataclass(frozen=True, slots=True)
class LastScan:
    """The latest full scan of a resource, whatever came of it."""

    id: str
    state: str
    reason: str | None
    started_at: datetime
    ended_at: datetime | None
    heartbeat_at: datetime | None  #: when it last wrote its position
    held: int = 0
    skipped: int = 0
    doubles: int = 0
    repaired: int = 0
    unconverted: int = 0

    def usual_seconds(self, now: datetime) -> float:
        """How long a scan of the resource takes, as far as this one says: nothing where it is not complete."""
        return ((self.ended_at or now) - self.started_at).total_seconds() if self.state == ScanState.COMPLETE else 0.0


@dataclass(frozen=True, slots=True)
class Asking:
    """Whether a source may be asked at the moment."""

    paused_until: datetime | None = None  #: it asked to be left alone until then
    failures: int = 0  #: scans in a row that its own trouble ended
    rests_until: datetime | None = None
    refused_at: datetime | None = None  #: when it last refused the credentials; None: they have worked since
    refused_reason: str | None = None
    trouble: str | None = None  #: one of SourceTrouble
    trouble_since: datetime | None = None
    trouble_reason: str | None = None


def row_counts(session: Session, named: Sequence[Named]) -> dict[tuple[str, str], int]:
    """(source, resource) -> how many records exist."""
    found = {(source, resource.name): 0 for source, resource in named}
    tables, sources = list(dict.fromkeys(resource.name for _, resource in named)), {source for source, _ in named}
    # Of a few sources their own rows alone are counted; of many all that are in the table, which is planned sooner.
    only, given = "", dict[str, Any]()
    if len(sources) <= _FEW:
        only = f"WHERE {log_sql.one_of('source', sorted(sources), given)}"
    for start in range(0, len(tables), _CHUNK):
        part = tables[start : start + _CHUNK]
        texts = [mirror_sql.counted(name, number=at, only=only) for at, name in enumerate(part)]
        for number, source, records in sql.rows(session, " UNION ALL ".join(texts), **given):
            if (source, part[number]) in found:
                found[source, part[number]] += records
    return found


def last_scans(session: Session, named: Sequence[Named]) -> dict[tuple[str, str], LastScan]:
    """(source, resource) -> its latest full scan; those without any are left out."""
    asked = [[source, resource.name] for source, resource in named]
    rows = sql.rows(session, _LAST_SCANS[session.dialect], asked=asked)
    return {(source, resource): LastScan(*scan) for source, resource, *scan in rows}


def resource_states(session: Session, sources: Collection[str] | None = None) -> dict[tuple[str, str], ResourceState]:
    """(source, resource) -> what is known of it as a whole; None: of all sources."""
    return _states(session, scans_sql.STATE, sources)


def told_states(session: Session) -> dict[tuple[str, str], ResourceState]:
    """The same of all sources without `learned` and `read_as`, which are long, for who tells how resources stand."""
    return _states(session, scans_sql.STATE_TOLD)


def _states(
    session: Session, columns: str, sources: Collection[str] | None = None
) -> dict[tuple[str, str], ResourceState]:
    text = f"SELECT source, resource, {columns} FROM mirrorpoint_resource"
    if sources is None:
        rows = sql.rows(session, text)
    else:
        rows = sql.rows(session, f"{text} WHERE source {sql.among(session, 'sources')}", sources=tuple(sources))
    return {(source, resource): ResourceState(*state) for source, resource, *state in rows}


class Turn(NamedTuple):
    """By what a clock finds the next moment of a resource."""

    next_at: datetime | None = None  #: as it was decided before
    last_complete_started_at: datetime | None = None
    head: Mapping[str, Any] | None = None  #: what is known of its head scans, in the words of the scan step


def turns(session: Session) -> dict[tuple[str, str], Turn]:
    """(source, resource) -> its turn, of all of which anything is known."""
    columns = sql.columns(*Turn._fields, utc=("next_at", "last_complete_started_at"), json=("head",))
    rows = sql.rows(session, f"SELECT source, resource, {columns} FROM mirrorpoint_resource")
    return {(source, resource): Turn(*turn) for source, resource, *turn in rows}


def newest_baselines(session: Session) -> dict[str, datetime]:
    """By source: the end of the latest first complete scan of a resource of it; sources without any are left out."""
    text = """
        SELECT source, max(baseline_at) AS "baseline_at [utc]" FROM mirrorpoint_resource
        WHERE baseline_at IS NOT NULL GROUP BY source
    """
    rows = sql.rows(session, text)
    return {str(source): at for source, at in rows}


def head_states(session: Session) -> dict[tuple[str, str], Mapping[str, Any]]:
    """(source, resource) -> what is known of its head scans, in the words of the scan step; None: left out."""
    text = 'SELECT source, resource, head AS "head [json]" FROM mirrorpoint_resource WHERE head IS NOT NULL'
    return {(source, resource): head for source, resource, head in sql.rows(session, text)}


def asking(session: Session, sources: Sequence[str]) -> dict[str, Asking]:
    """Each of the sources: its pauses, its rest, its trouble, and the last refusal of one of its accounts."""
    names = ("paused_until", "failures", "rests_until", "trouble", "trouble_since", "trouble_reason")
    columns = sql.columns("name", *names, utc=("paused_until", "rests_until", "trouble_since"))
    budgets = {
        source: Asking(**dict(zip(names, known, strict=True)))
        for source, *known in sql.rows(session, f"SELECT {columns} FROM mirrorpoint_budget")
    }
    refusals = """
        SELECT source, refused_at AS "refused_at [utc]", refused_reason FROM mirrorpoint_token
        WHERE refused_at IS NOT NULL ORDER BY refused_at
    """
    refused = {account.partition(":")[0]: (at, reason) for account, at, reason in sql.rows(session, refusals)}
    found = {}
    for source in sources:
        known = budgets.get(source, Asking())
        if known.trouble == SourceTrouble.REFUSED and known.trouble_since is not None:
            refused.setdefault(source, (known.trouble_since, known.trouble_reason))  # without a sign-in, no account
        refused_at, reason = refused.get(source, (None, None))
        found[source] = replace(known, refused_at=refused_at, refused_reason=reason)
    return found


def running_requests(session: Session) -> dict[tuple[str, str], int]:
    """(source, resource) -> the requests of its scan that has not ended; the tally has those of all others."""
    # The state is written out: only then a database sees that the partial index fits.
    text = "SELECT source, resource, requests FROM mirrorpoint_scan WHERE state = 'running'"
    found: dict[tuple[str, str], int] = {}
    for source, resource, requests in sql.rows(session, text):
        found[source, resource] = found.get((source, resource), 0) + requests
    return found


def rows(
    session: Session, resource: Resource, source: str, *, key: str, parent_key: str | None = None
) -> list[dict[str, Any]]:
    """The rows of the resource's table with this key, column by column, deleted ones too."""
    columns = mirror_columns.all_columns(mirror_columns.typed_columns(resource))
    below = "" if parent_key is None else " AND parent_key = :parent_key"
    text = f"""
        SELECT {mirror_sql.selected(columns)} FROM "{resource.name}"
        WHERE source = :source AND key = :key{below} ORDER BY parent_key
    """
    names, found = [name for name, _ in columns], sql.rows(session, text, source=source, key=key, parent_key=parent_key)
    return [dict(zip(names, mirror_sql.values_of(columns, row), strict=True)) for row in found]


_OF_LAST_SCAN = sql.columns(
    *("scan.source", "scan.resource", "scan.id", "state", "reason", "started_at", "ended_at", "heartbeat_at"),
    *("held", "skipped", "doubles", "repaired", "unconverted"),
    utc=("started_at", "ended_at", "heartbeat_at"),
)
# A LIMIT 1 for each walks the index from its end; a GROUP BY would read every scan there ever was.
_LATEST = f"WHERE source = {{source}} AND resource = {{resource}} AND kind = '{FULL}' ORDER BY id DESC LIMIT 1"
_LAST_SCANS = {
    "sqlite": f"""
        SELECT {_OF_LAST_SCAN} FROM json_each(:asked) AS asked CROSS JOIN mirrorpoint_scan AS scan ON scan.id = (
            SELECT id FROM mirrorpoint_scan
            {_LATEST.format(source="json_extract(asked.value, '$[0]')", resource="json_extract(asked.value, '$[1]')")}
        )
    """,
    "postgresql": f"""
        SELECT {_OF_LAST_SCAN} FROM jsonb_array_elements(CAST(:asked AS JSONB)) AS asked CROSS JOIN LATERAL (
            SELECT * FROM mirrorpoint_scan {_LATEST.format(source="asked ->> 0", resource="asked ->> 1")}
        ) AS scan
    """,
}
