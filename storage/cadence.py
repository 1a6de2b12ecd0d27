"""The plan of each resource as it stands in the database, what it was made of, and which promises are broken.

Written by tasks/cadence/, followed by the clock, and read by the scan step and by whoever tells of the plan. However
many resources there are, each function takes a handful of statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import case, delete, func, or_, select, update
from sqlmodel import col

from changes.cadence.terms import Plan, Planned, Promise, Rate
from changes.records import Json
from changes.resources import Class
from storage import sql
from storage.session import Session
from storage.sql import given
from storage.tables import CadenceRow, ResourceRow

#: The `resource` of the row that stands for the source alone.
SOURCE = ""
#: Rows in one statement: each binds all columns, and old builds of SQLite take 999 parameters.
_AT_A_TIME = 40


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


class Standing(NamedTuple):
    """What is promised of a resource, and what its promises are judged by."""

    source: str
    resource: str
    promises: Mapping[Promise, float]  #: seconds; empty where it is off
    has_heads: bool
    promised_at: datetime | None  #: since when the promises are as short as they are
    broken_at: Mapping[Promise, datetime]
    last_complete_started_at: datetime | None  #: None before the first one
    head: Mapping[str, Json] | None  #: in the words of the scan step


def made(session: Session) -> dict[str, Made]:
    """By source."""
    columns = (col(CadenceRow.source), col(CadenceRow.planned_at), col(CadenceRow.rule), col(CadenceRow.why))
    rows = sql.run(session, select(*columns).where(col(CadenceRow.resource) == SOURCE))
    return {source: Made(planned_at, rule, cure) for source, planned_at, rule, cure in rows}


def lock(session: Session, source: str) -> Made:
    """The same of one source, whose plan nobody else writes until the transaction ends."""
    row = sql.insert(session, CadenceRow).values(_of_source(source))
    sql.run(session, row.on_conflict_do_nothing())
    which = (col(CadenceRow.source) == source, col(CadenceRow.resource) == SOURCE)
    columns = (col(CadenceRow.planned_at), col(CadenceRow.rule), col(CadenceRow.why))
    chosen = select(*columns).where(*which).with_for_update()
    return Made(*sql.run(session, chosen).one())


def read(session: Session, source: str | None = None) -> dict[tuple[str, str], Stored]:
    """(source, resource) -> what is planned for it; None: of all sources."""
    which = [col(CadenceRow.resource) != SOURCE, col(CadenceRow.planned_at).is_not(None)]
    if source is not None:
        which.append(col(CadenceRow.source) == source)
    rows = sql.run(session, select(*(col(getattr(CadenceRow, name)) for name in _COLUMNS)).where(*which))
    return {(row.source, row.resource): _stored(row) for row in rows}


def write(
    session: Session, source: str, plan: Plan, counted: Mapping[str, Counted], *, rule: str, now: datetime
) -> None:
    """The plan holds from now on; `counted` by resource. What is not in it is forgotten. Hold the source's lock."""
    rows = [_row(source, line, counted.get(line.resource, Counted()), now) for line in plan.lines]
    rows.sort(key=lambda row: str(row["resource"]))  # in one order, so that nobody waits for who waits for him
    for start in range(0, len(rows), _AT_A_TIME):
        statement = sql.insert(session, CadenceRow).values(rows[start : start + _AT_A_TIME])
        values = {each.name: each for each in statement.excluded if each.name in rows[0] and not each.primary_key}
        for name in _OF_EPISODES:
            values.pop(name, None)
        values["promised_at"] = case((_is_shorter(statement.excluded), now), else_=col(CadenceRow.promised_at))
        sql.run(session, statement.on_conflict_do_update(index_elements=["source", "resource"], set_=values))
    gone = (col(CadenceRow.source) == source, col(CadenceRow.resource) != SOURCE, col(CadenceRow.planned_at) != now)
    sql.run(session, delete(CadenceRow).where(*gone))
    values = {
        "planned_at": now,
        "rule": rule,
        "requests_per_hour": plan.planned_per_hour,
        "why": plan.cure.text if plan.cure else "",
    }
    which = (col(CadenceRow.source) == source, col(CadenceRow.resource) == SOURCE)
    sql.run(session, update(CadenceRow).where(*which).values(values))


def forget(session: Session, *, but: Iterable[str]) -> None:
    """Leave out the plans of sources that are not configured any more."""
    known = sql.run(session, select(col(CadenceRow.source)).distinct()).scalars()
    for source in sorted(set(known).difference(but)):
        sql.run(session, delete(CadenceRow).where(col(CadenceRow.source) == source))


def standings(session: Session) -> list[Standing]:
    """Of all resources that have a plan, in one statement."""
    state = (ResourceRow.last_complete_started_at, ResourceRow.head)
    is_same = (col(ResourceRow.source) == col(CadenceRow.source)) & (
        col(ResourceRow.resource) == col(CadenceRow.resource)
    )
    chosen = (
        select(*(col(getattr(CadenceRow, name)) for name in _OF_PROMISES), *(col(each) for each in state))
        .outerjoin(ResourceRow, is_same)
        .where(col(CadenceRow.resource) != SOURCE, col(CadenceRow.planned_at).is_not(None))
    )
    return [
        Standing(
            row.source,
            row.resource,
            {} if row.interval_seconds is None else _promises(row),
            row.head_interval_seconds is not None,
            row.promised_at,
            _broken(row),
            row.last_complete_started_at,
            row.head,
        )
        for row in sql.run(session, chosen)
    ]


def note_broken(session: Session, source: str, resource: str, which: Promise, *, since: datetime) -> bool:
    """False where somebody has written it down already."""
    column = _broken_column(which)
    found = (*_is(source, resource), column.is_(None))
    return sql.count_run(session, update(CadenceRow).where(*found).values({column.name: since})) == 1


def note_kept(session: Session, source: str, resource: str, which: Promise) -> bool:
    """The promise is kept again; False where somebody has written it down already."""
    column = _broken_column(which)
    found = (*_is(source, resource), column.is_not(None))
    return sql.count_run(session, update(CadenceRow).where(*found).values({column.name: None})) == 1


def shortest_promise(session: Session, source: str) -> float | None:
    """Seconds within which updates are promised to be seen, of the resource of which that is the least."""
    which = (col(CadenceRow.source) == source, col(CadenceRow.interval_seconds).is_not(None))
    found: float | None = sql.run(session, select(func.min(CadenceRow.updated_seconds)).where(*which)).scalar()
    return found


def longest_rest(session: Session, source: str, resource: str) -> float | None:
    """Seconds after which a scan still keeps the promise, if the source answers again; None where nothing is planned.

    One interval always does: the promise leaves room for it and for a scan. Half of a promise that is long does too.
    """
    columns = (col(CadenceRow.interval_seconds), col(CadenceRow.updated_seconds))
    row = sql.run(session, select(*columns).where(*_is(source, resource))).one_or_none()
    if row is None or row.interval_seconds is None:
        return None
    return float(max(row.interval_seconds, (row.updated_seconds or 0.0) / 2))


class Spread(NamedTuple):
    """How a full scan's requests are spread."""

    seconds: float  #: over which; 0: they are sent as fast as the limits allow
    requests: float  #: of a scan, as far as is known
    updated_seconds: float | None  #: what is promised


def spread(session: Session, source: str, resource: str) -> Spread | None:
    """None where nothing is planned."""
    row = sql.run_given(session, _SPREAD, source=source, resource=resource).one_or_none()
    return None if row is None else Spread(*row)


_SPREAD = select(
    col(CadenceRow.spread_seconds), col(CadenceRow.requests_per_scan), col(CadenceRow.updated_seconds)
).where(col(CadenceRow.source) == given("source"), col(CadenceRow.resource) == given("resource"))


_OF_EPISODES = tuple(f"{which}_broken_at" for which in Promise)
_OF_PROMISES = (
    *("source", "resource", "interval_seconds", "head_interval_seconds"),
    *(f"{which}_seconds" for which in Promise),
    *("promised_at", *_OF_EPISODES),
)
_COLUMNS = (
    *_OF_PROMISES,
    *("planned_at", "class_", "spread_seconds", "requests_per_scan", "requests_per_hour", "unkept", "why"),
    *("changed_at", "created", "others", "seconds", "counted_created", "counted_others", "counted_to"),
)


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


def _stored(row: Any) -> Stored:
    promises, unkept = _promises(row), frozenset(row.unkept)
    planned = Planned(
        row.resource,
        Class(row[_COLUMNS.index("class_")]),
        row.interval_seconds,
        row.head_interval_seconds,
        row.requests_per_scan,
        row.requests_per_hour,
        promises,
        {which: which.value not in unkept for which in promises},
        row.why,
        row.changed_at,
        row.spread_seconds,
        row.promised_at,
    )
    counted = Counted(
        Rate(row.created, row.others, row.seconds), row.counted_created, row.counted_others, row.counted_to
    )
    return Stored(planned, row.planned_at, counted, _broken(row))


def _promises(row: Any) -> dict[Promise, float]:
    seconds = {which: getattr(row, f"{which}_seconds") for which in Promise}
    return {which: value for which, value in seconds.items() if value is not None}


def _is_shorter(planned: Any) -> Any:
    """Whether a promise is made that there was not, or was a longer one."""
    pairs = [(planned[f"{which}_seconds"], col(getattr(CadenceRow, f"{which}_seconds"))) for which in Promise]
    return or_(*(or_(new < old, old.is_(None)) for new, old in pairs))


def _broken(row: Any) -> dict[Promise, datetime]:
    since = {which: getattr(row, f"{which}_broken_at") for which in Promise}
    return {which: at for which, at in since.items() if at is not None}


def _broken_column(which: Promise) -> Any:
    return col(getattr(CadenceRow, f"{which}_broken_at"))


def _is(source: str, resource: str) -> Sequence[Any]:
    return col(CadenceRow.source) == source, col(CadenceRow.resource) == resource
