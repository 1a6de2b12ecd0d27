"""The plan of each resource as it stands in the database, and what it was made of.

Written by tasks/cadence/, followed by the clock, and read by the scan step and by whoever tells of the plan. However
many resources there are, each function takes a handful of statements.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from changes.cadence.terms import Plan, Planned, Promise, Rate
from changes.resources import Class
from storage import sql
from storage.promises import IS_PLANNED
from storage.session import Session

#: The `resource` of the row that stands for the source alone.
SOURCE = ""
_OF_SOURCES = f"resource = '{SOURCE}'"
_OF_RESOURCE = "source = :source AND resource = :resource"


@dataclass(frozen=True, slots=True)
class Counted:
    """Up to where the changes of a resource are counted."""

    rate: Rate = field(default_factory=Rate)
    created: int = 0  #: of the tally, up to where they are in `rate`
    others: int = 0
    to: datetime | None = None  #: start of the last complete scan then; None: nothing is counted yet


@dataclass(frozen=True, slots=True)
class Stored:
    """A resource's row."""

    planned: Planned
    planned_at: datetime
    counted: Counted
    broken_at: Mapping[Promise, datetime]  #: since when a promise is broken; those that are kept are left out


@dataclass(frozen=True, slots=True)
class Made:
    """When the plan of a source was made, and of which settings."""

    planned_at: datetime | None = None  #: None: never
    rule: str = ""
    cure: str = ""  #: what to change where its claims exceed the budget; empty where they do not


def made(session: Session) -> dict[str, Made]:
    """By source."""
    text = f'SELECT source, planned_at AS "planned_at [utc]", rule, why FROM mirrorpoint_cadence WHERE {_OF_SOURCES}'
    return {source: Made(*made) for source, *made in sql.rows(session, text)}


def lock(session: Session, source: str) -> Made:
    """The same of one source, whose plan nobody else writes until the transaction ends."""
    row = _of_source(source)
    sql.add_new(session, "mirrorpoint_cadence", tuple(row), [tuple(row.values())])
    text = f"""
        SELECT planned_at AS "planned_at [utc]", rule, why FROM mirrorpoint_cadence
        WHERE source = :source AND {_OF_SOURCES} {sql.for_update(session)}
    """
    (found,) = sql.rows(session, text, source=source)
    return Made(*found)


def read(session: Session, sources: Collection[str] | None = None) -> dict[tuple[str, str], Stored]:
    """(source, resource) -> what is planned for it; None: of all sources."""
    width, rows = len(_Line._fields), _rows(session, f"{_LINE}, {_MADE_OF}", sources)
    return {(row[0], row[1]): _stored(_Line(*row[:width]), _MadeOf(*row[width:])) for row in rows}


def planned(session: Session, sources: Collection[str] | None = None) -> dict[tuple[str, str], Planned]:
    """The same without what the plan was made of, for whoever only tells of it: less than half of the columns."""
    return {(row[0], row[1]): _Line(*row).planned() for row in _rows(session, _LINE, sources)}


class Intervals(NamedTuple):
    """Seconds between two scans of a resource."""

    full: float | None  #: None: off
    head: float | None  #: None: no head scans


def intervals(session: Session) -> dict[tuple[str, str], Intervals]:
    """(source, resource) -> what a clock follows of its plan."""
    rows = _rows(session, "source, resource, interval_seconds, head_interval_seconds")
    return {(source, resource): Intervals(full, head) for source, resource, full, head in rows}


def _rows(session: Session, columns: str, sources: Collection[str] | None = None) -> Sequence[tuple[Any, ...]]:
    text = f"SELECT {columns} FROM mirrorpoint_cadence WHERE {IS_PLANNED}"
    if sources is None:
        return sql.rows(session, text)
    return sql.rows(session, f"{text} AND source {sql.among(session, 'sources')}", sources=tuple(sources))


def write(
    session: Session, source: str, plan: Plan, counted: Mapping[str, Counted], *, rule: str, now: datetime
) -> None:
    """The plan holds from now on; `counted` by resource. What is not in it is forgotten. Hold the source's lock."""
    rows = [_row(source, line, counted.get(line.resource, Counted()), now) for line in plan.lines]
    rows.sort(key=lambda row: str(row["resource"]))  # in one order, so that nobody waits for who waits for him
    _put(session, rows)
    text = f"DELETE FROM mirrorpoint_cadence WHERE source = :source AND {IS_PLANNED} AND planned_at <> :now"
    sql.change(session, text, source=source, now=now)
    text = f"""
        UPDATE mirrorpoint_cadence SET planned_at = :now, rule = :rule, requests_per_hour = :per_hour, why = :why
        WHERE source = :source AND {_OF_SOURCES}
    """
    why = plan.cure.text if plan.cure else ""
    sql.change(session, text, source=source, now=now, rule=rule, per_hour=plan.planned_per_hour, why=why)


def _put(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write them, whether they are there or not. What they do not name stays: the episodes, and the looks' times."""
    if not rows:
        return
    names = tuple(rows[0])
    changed = [f"{name} = excluded.{name}" for name in names if name not in ("source", "resource", "promised_at")]
    conflict = f"(source, resource) DO UPDATE SET {', '.join(changed)}, promised_at = {_PROMISED_AT}"
    sql.put(session, "mirrorpoint_cadence", names, [tuple(row.values()) for row in rows], conflict=conflict)


def forget(session: Session, *, but: Iterable[str]) -> None:
    """Leave out the plans of sources that are not configured any more."""
    known = {source for (source,) in sql.rows(session, "SELECT DISTINCT source FROM mirrorpoint_cadence")}
    for source in sorted(known.difference(but)):
        sql.change(session, "DELETE FROM mirrorpoint_cadence WHERE source = :source", source=source)


def shortest_promise(session: Session, source: str) -> float | None:
    """Seconds within which updates are promised to be seen, of the resource of which that is the least."""
    text = """
        SELECT min(updated_seconds) FROM mirrorpoint_cadence
        WHERE source = :source AND interval_seconds IS NOT NULL
    """
    ((found,),) = sql.rows(session, text, source=source)
    return None if found is None else float(found)


def longest_rest(session: Session, source: str, resource: str) -> float | None:
    """Seconds after which a scan still keeps the promise, if the source answers again; None where nothing is planned.

    One interval always does: the promise leaves room for it and for a scan. Half of a promise that is long does too.
    """
    text = f"SELECT interval_seconds, updated_seconds FROM mirrorpoint_cadence WHERE {_OF_RESOURCE}"
    interval, updated = sql.first(session, text, source=source, resource=resource) or (None, None)
    return None if interval is None else float(max(interval, (updated or 0.0) / 2))


class Spread(NamedTuple):
    """How a full scan's requests are spread."""

    seconds: float  #: over which; 0: they are sent as fast as the limits allow
    requests: float  #: of a scan, as far as is known
    updated_seconds: float | None  #: what is promised


def spread(session: Session, source: str, resource: str) -> Spread | None:
    """None where nothing is planned."""
    text = f"""
        SELECT spread_seconds, requests_per_scan, updated_seconds FROM mirrorpoint_cadence WHERE {_OF_RESOURCE}
    """
    row = sql.first(session, text, source=source, resource=resource)
    return None if row is None else Spread(*row)


_PROMISES = tuple(Promise)


class _Line(NamedTuple):
    """What a row says of the plan."""

    source: str
    resource: str
    class_: str
    interval_seconds: float | None
    head_interval_seconds: float | None
    requests_per_scan: float
    requests_per_hour: float
    created_seconds: float | None
    updated_seconds: float | None
    deleted_seconds: float | None
    unkept: Sequence[str]
    why: str
    changed_at: datetime | None
    spread_seconds: float
    promised_at: datetime | None

    def planned(self) -> Planned:
        seconds = (self.created_seconds, self.updated_seconds, self.deleted_seconds)
        promises = {which: each for which, each in zip(_PROMISES, seconds, strict=True) if each is not None}
        return Planned(
            self.resource,
            Class(self.class_),
            self.interval_seconds,
            self.head_interval_seconds,
            self.requests_per_scan,
            self.requests_per_hour,
            promises,
            {which: which.value not in self.unkept for which in promises},
            self.why,
            self.changed_at,
            self.spread_seconds,
            self.promised_at,
        )


class _MadeOf(NamedTuple):
    """What else it says."""

    planned_at: datetime
    created: float
    others: float
    seconds: float
    counted_created: int
    counted_others: int
    counted_to: datetime | None
    created_broken_at: datetime | None
    updated_broken_at: datetime | None
    deleted_broken_at: datetime | None


_LINE = sql.columns(*(name.rstrip("_") for name in _Line._fields), utc=("changed_at", "promised_at"), json=("unkept",))
_MADE_OF = sql.columns(
    *_MadeOf._fields,
    utc=("planned_at", "counted_to", "created_broken_at", "updated_broken_at", "deleted_broken_at"),
)
#: Of a row that is written over: now, where a promise is made that there was not, or was a longer one.
_IS_SHORTER = " OR ".join(
    f"excluded.{which}_seconds < mirrorpoint_cadence.{which}_seconds OR mirrorpoint_cadence.{which}_seconds IS NULL"
    for which in Promise
)
_PROMISED_AT = f"CASE WHEN {_IS_SHORTER} THEN excluded.promised_at ELSE mirrorpoint_cadence.promised_at END"


def _of_source(source: str) -> dict[str, Any]:
    """A row with nothing in it; SQL has no defaults for these columns."""
    columns = ("spread_seconds", "requests_per_scan", "requests_per_hour", "created", "others", "seconds", "looks")
    texts = {"source": source, "resource": SOURCE, "rule": "", "class": "", "why": "", "unkept": []}
    return {**texts, **dict.fromkeys((*columns, "counted_created", "counted_others"), 0)}


def _row(source: str, line: Planned, counted: Counted, now: datetime) -> dict[str, Any]:
    return {
        **_of_source(source),
        "resource": line.resource,
        "planned_at": now,
        "promised_at": now,
        "class": line.class_.value,
        "interval_seconds": line.interval_seconds,
        "head_interval_seconds": line.head_interval_seconds,
        "spread_seconds": line.spread_seconds,
        "requests_per_scan": line.requests_per_scan,
        "requests_per_hour": line.requests_per_hour,
        **{f"{which}_seconds": line.promises.get(which) for which in Promise},
        "unkept": [which.value for which in Promise if not line.is_kept.get(which, True)],
        "why": line.why,
        "changed_at": line.changed_at,
        "created": counted.rate.created,
        "others": counted.rate.others,
        "seconds": counted.rate.seconds,
        "counted_created": counted.created,
        "counted_others": counted.others,
        "counted_to": counted.to,
    }


def _stored(line: _Line, made_of: _MadeOf) -> Stored:
    planned_at, created, others, seconds, counted_created, counted_others, counted_to, *broken_at = made_of
    counted = Counted(Rate(created, others, seconds), counted_created, counted_others, counted_to)
    broken = {which: at for which, at in zip(_PROMISES, broken_at, strict=True) if at is not None}
    return Stored(line.planned(), planned_at, counted, broken)
