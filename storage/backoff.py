"""Who is left alone after failures, and for how long: a resource that fails, or a whole source; used by the scan step.

A resource whose scans are not complete is scanned by itself less and less often, as far as its promise lets it. Where
scans of several resources fail one after the other for the source's own trouble, the whole source rests. A person's
`sync` asks all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, select, update
from sqlmodel import col

from changes import clocks, pauses
from storage import cadence, slots, sql
from storage.session import Session
from storage.sql import given
from storage.states import SourceTrouble
from storage.tables import BudgetRow, ResourceRow, SlotRow

#: A resource rests after its first failure, and twice as long after each further one.
RESOURCE_SECONDS, RESOURCE_MOST_SECONDS = 60, 3600
#: A source rests from this failure in a row on, a little at first, and twice as long after each further one.
SOURCE_FAILURES = 3
SOURCE_SECONDS, SOURCE_MOST_SECONDS = 5, 300
#: It rests no longer than this part of the shortest promise, so that the rest of that is left to keep it: one request
#: finds out whether it answers again. But however short a promise is, it is not asked more often than after so long.
SOURCE_PART_OF_PROMISE, SOURCE_LEAST_SECONDS = 0.5, 15


_NO_TROUBLE = {"trouble": None, "trouble_since": None, "trouble_reason": None}


@dataclass(frozen=True, slots=True)
class Rest:
    """Of a resource or a source."""

    failures: int  #: in a row
    until: datetime


def note_failure(
    session: Session,
    source: str,
    resource: str,
    *,
    is_sources: bool,
    is_until_next_turn: bool = False,
    is_at_odds: bool = False,
    has_answered: bool = False,
    trouble: SourceTrouble = SourceTrouble.FAILING,
    reason: str = "",
    now: datetime,
) -> None:
    """A scan was not complete; `is_sources`: because the source did not answer as it should, whatever was asked.

    `trouble` and `reason` are the source's then. `has_answered`: it said no to this list alone, so it can be reached.
    `is_until_next_turn`: its lists could be read, so that it need not rest longer than its schedule says. Where what
    they brought is `is_at_odds` with itself, that holds for the first time only: it costs more than a plain scan.
    """
    failures = _resource_failures(session, source, resource) + 1
    most = RESOURCE_MOST_SECONDS if is_at_odds else _most_rest(session, source, resource)
    rests_until = now + _doubled(min(RESOURCE_SECONDS, most), failures, most)
    next_at = _next_turn(session, source, resource)
    if is_until_next_turn and not (is_at_odds and failures > 1) and next_at is not None:
        rests_until = max(now, min(rests_until, next_at))
    row = sql.insert(session, ResourceRow).values(
        source=source, resource=resource, failures=failures, rests_until=rests_until
    )
    values = {"failures": failures, "rests_until": rests_until}
    sql.run(session, row.on_conflict_do_update(index_elements=["source", "resource"], set_=values))
    if is_sources:
        note_source_failure(session, source, trouble=trouble, reason=reason, now=now)
    elif has_answered:
        which = (col(BudgetRow.name) == source, col(BudgetRow.trouble) == SourceTrouble.UNREACHED)
        sql.run(session, update(BudgetRow).where(*which).values(_NO_TROUBLE))


def note_crash(session: Session, source: str, resource: str, *, part: int) -> int:
    """The process that scanned it has ended without a word when so many batches were written; how often in a row.

    A scan that had come further by then, or not so far, begins to count anew.
    """
    which = (col(ResourceRow.source) == source, col(ResourceRow.resource) == resource)
    known = sql.run(
        session, select(col(ResourceRow.crashes), col(ResourceRow.crashed_part)).where(*which)
    ).one_or_none()
    crashes = known.crashes + 1 if known is not None and known.crashed_part == part else 1
    row = sql.insert(session, ResourceRow).values(source=source, resource=resource, crashes=crashes, crashed_part=part)
    values = {"crashes": crashes, "crashed_part": part}
    sql.run(session, row.on_conflict_do_update(index_elements=["source", "resource"], set_=values))
    return crashes


def forget_crashes(session: Session, source: str, resource: str) -> None:
    """A scan has come to an end of its own."""
    which = (col(ResourceRow.source) == source, col(ResourceRow.resource) == resource, col(ResourceRow.crashes) > 0)
    sql.run(session, update(ResourceRow).where(*which).values(crashes=0, crashed_part=None))


def note_answered(session: Session, source: str) -> None:
    """The source has answered as it should. After a rest of its own that ends those of all its resources."""
    failures = _source_failures(session, source)
    if failures:
        values = {"failures": 0, "rests_until": None, **_NO_TROUBLE}
        sql.run(session, update(BudgetRow).where(col(BudgetRow.name) == source).values(values))
    if failures >= SOURCE_FAILURES:
        sql.run(session, update(ResourceRow).where(col(ResourceRow.source) == source).values(rests_until=None))


def awake(session: Session, named: Sequence[tuple[str, str]], *, now: datetime) -> list[tuple[str, str]]:
    """Those of the (source, resource) that are not left alone at the moment."""
    sources, resources = resting_sources(session, now=now), resting_resources(session, now=now)
    return [each for each in named if each[0] not in sources and each not in resources]


def wanted_kinds(session: Session, source: str, resource: str, *, now: datetime) -> set[str]:
    """Which scans the resource's slots wait for: none while the source rests, no full one while the resource does."""
    values = {"source": source, "resource": resource, "now": now}
    latest = {
        "latest_of_source": clocks.latest(now, timedelta(seconds=SOURCE_MOST_SECONDS)),
        "latest_of_resource": clocks.latest(now, timedelta(seconds=RESOURCE_MOST_SECONDS)),
    }
    rows = sql.run_given(session, _WANTED, **values, **latest)
    return {kind for kind, source_rests, rests in rows if not source_rests and not (rests and kind == slots.FULL)}


def resting_sources(session: Session, *, now: datetime) -> dict[str, Rest]:
    """The sources that are left alone as a whole."""
    columns = (col(BudgetRow.name), col(BudgetRow.failures), col(BudgetRow.rests_until))
    chosen = select(*columns).where(*_is_resting(BudgetRow.rests_until, SOURCE_MOST_SECONDS, now))
    return {name: Rest(failures, until) for name, failures, until in sql.run(session, chosen)}


def resting_resources(session: Session, *, now: datetime) -> dict[tuple[str, str], Rest]:
    """(source, resource) of those that are left alone by themselves."""
    columns = (
        col(ResourceRow.source),
        col(ResourceRow.resource),
        col(ResourceRow.failures),
        col(ResourceRow.rests_until),
    )
    chosen = select(*columns).where(*_is_resting(ResourceRow.rests_until, RESOURCE_MOST_SECONDS, now))
    return {(source, resource): Rest(*rest) for source, resource, *rest in sql.run(session, chosen)}


def _is_resting(rests_until: Any, most_seconds: float, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return col(rests_until) > now, col(rests_until) <= clocks.latest(now, timedelta(seconds=most_seconds))


_WANTED = (
    select(
        col(SlotRow.kind),
        exists().where(
            col(BudgetRow.name) == given("source"),
            col(BudgetRow.rests_until) > given("now"),
            col(BudgetRow.rests_until) <= given("latest_of_source"),
        ),
        exists().where(
            col(ResourceRow.source) == given("source"),
            col(ResourceRow.resource) == given("resource"),
            col(ResourceRow.rests_until) > given("now"),
            col(ResourceRow.rests_until) <= given("latest_of_resource"),
        ),
    )
    .where(
        col(SlotRow.source) == given("source"),
        col(SlotRow.resource) == given("resource"),
        col(SlotRow.done_at).is_(None),
        col(SlotRow.slot_at) <= given("now"),
    )
    .distinct()
)


def note_source_failure(
    session: Session,
    source: str,
    *,
    trouble: SourceTrouble = SourceTrouble.FAILING,
    reason: str = "",
    now: datetime,
) -> None:
    """The source did not answer as it should, whatever was asked; from the third time in a row on it rests."""
    of_source = select(col(BudgetRow.failures), col(BudgetRow.trouble), col(BudgetRow.trouble_since))
    known = sql.run(session, of_source.where(col(BudgetRow.name) == source)).one_or_none()
    failures = 1 if known is None else known.failures + 1
    is_same = known is not None and known.trouble == trouble
    beyond = failures - SOURCE_FAILURES + 1
    shortest = cadence.shortest_promise(session, source)
    most = SOURCE_MOST_SECONDS if shortest is None else min(SOURCE_MOST_SECONDS, shortest * SOURCE_PART_OF_PROMISE)
    rests_until = now + _doubled(SOURCE_SECONDS, beyond, max(most, SOURCE_LEAST_SECONDS)) if beyond > 0 else None
    values = {
        "failures": failures,
        "rests_until": rests_until,
        "trouble": trouble,
        "trouble_since": known.trouble_since if known is not None and is_same else now,
        "trouble_reason": reason or None,
    }
    row = sql.insert(session, BudgetRow).values(name=source, **values)
    sql.run(session, row.on_conflict_do_update(index_elements=["name"], set_=values))


def _most_rest(session: Session, source: str, resource: str) -> float:
    """No longer than its promise allows once the source answers again: until then each try costs a request."""
    longest = cadence.longest_rest(session, source, resource)
    return RESOURCE_MOST_SECONDS if longest is None else max(SOURCE_SECONDS, min(RESOURCE_MOST_SECONDS, longest))


def _doubled(seconds: float, times: int, most: float) -> timedelta:
    return timedelta(seconds=pauses.doubled(seconds, times, most))


def _resource_failures(session: Session, source: str, resource: str) -> int:
    which = (col(ResourceRow.source) == source, col(ResourceRow.resource) == resource)
    return sql.run(session, select(col(ResourceRow.failures)).where(*which)).scalar() or 0


def _next_turn(session: Session, source: str, resource: str) -> datetime | None:
    which = (col(ResourceRow.source) == source, col(ResourceRow.resource) == resource)
    return sql.run(session, select(col(ResourceRow.next_at)).where(*which)).scalar()


def _source_failures(session: Session, source: str) -> int:
    return sql.run_given(session, _SOURCE_FAILURES, source=source).scalar() or 0


_SOURCE_FAILURES = select(col(BudgetRow.failures)).where(col(BudgetRow.name) == given("source"))
