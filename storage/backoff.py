"""Who is left alone after failures, and for how long: a resource that fails, or a whole source; used by the scan step.

A resource whose scans are not complete is scanned by itself less and less often, as far as its promise lets it. Where
scans of several resources fail one after the other for the source's own trouble, the whole source rests. A person's
`sync` asks all the same.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from changes import clocks, pauses
from storage import cadence, slots, sql
from storage.session import Session
from storage.states import SourceTrouble

#: A resource rests after its first failure, and twice as long after each further one.
RESOURCE_SECONDS, RESOURCE_MOST_SECONDS = 60, 3600
#: A source rests from this failure in a row on, a little at first, and twice as long after each further one.
SOURCE_FAILURES = 3
SOURCE_SECONDS, SOURCE_MOST_SECONDS = 5, 300
#: It rests no longer than this part of the shortest promise, so that the rest of that is left to keep it: one request
#: finds out whether it answers again. But however short a promise is, it is not asked more often than after so long.
SOURCE_PART_OF_PROMISE, SOURCE_LEAST_SECONDS = 0.5, 15

_OF_RESOURCE = "source = :source AND resource = :resource"
_NO_TROUBLE = "trouble = NULL, trouble_since = NULL, trouble_reason = NULL"


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
    text = f'SELECT failures, next_at AS "next_at [utc]" FROM mirrorpoint_resource WHERE {_OF_RESOURCE}'
    earlier, next_at = sql.first(session, text, source=source, resource=resource) or (0, None)
    failures = earlier + 1
    most = RESOURCE_MOST_SECONDS if is_at_odds else _most_rest(session, source, resource)
    rests_until = now + _doubled(min(RESOURCE_SECONDS, most), failures, most)
    if is_until_next_turn and not (is_at_odds and failures > 1) and next_at is not None:
        rests_until = max(now, min(rests_until, next_at))
    text = """
        INSERT INTO mirrorpoint_resource (source, resource, failures, rests_until)
        VALUES (:source, :resource, :failures, :rests_until)
        ON CONFLICT (source, resource) DO UPDATE
        SET failures = excluded.failures, rests_until = excluded.rests_until
    """
    sql.change(session, text, source=source, resource=resource, failures=failures, rests_until=rests_until)
    if is_sources:
        note_source_failure(session, source, trouble=trouble, reason=reason, now=now)
    elif has_answered:
        text = f"UPDATE mirrorpoint_budget SET {_NO_TROUBLE} WHERE name = :name AND trouble = :trouble"
        sql.change(session, text, name=source, trouble=SourceTrouble.UNREACHED)


def note_crash(session: Session, source: str, resource: str, *, part: int) -> int:
    """The process that scanned it has ended without a word when so many batches were written; how often in a row.

    A scan that had come further by then, or not so far, begins to count anew.
    """
    text = f"SELECT crashes, crashed_part FROM mirrorpoint_resource WHERE {_OF_RESOURCE}"
    known = sql.first(session, text, source=source, resource=resource)
    crashes = known[0] + 1 if known is not None and known[1] == part else 1
    text = """
        INSERT INTO mirrorpoint_resource (source, resource, crashes, crashed_part)
        VALUES (:source, :resource, :crashes, :part)
        ON CONFLICT (source, resource) DO UPDATE
        SET crashes = excluded.crashes, crashed_part = excluded.crashed_part
    """
    sql.change(session, text, source=source, resource=resource, crashes=crashes, part=part)
    return int(crashes)


def forget_crashes(session: Session, source: str, resource: str) -> None:
    """A scan has come to an end of its own."""
    text = f"UPDATE mirrorpoint_resource SET crashes = 0, crashed_part = NULL WHERE {_OF_RESOURCE} AND crashes > 0"
    sql.change(session, text, source=source, resource=resource)


def note_answered(session: Session, source: str) -> None:
    """The source has answered as it should. After a rest of its own that ends those of all its resources."""
    found = sql.first(session, "SELECT failures FROM mirrorpoint_budget WHERE name = :name", name=source)
    failures = found[0] if found else 0
    if failures:
        text = f"UPDATE mirrorpoint_budget SET failures = 0, rests_until = NULL, {_NO_TROUBLE} WHERE name = :name"
        sql.change(session, text, name=source)
    if failures >= SOURCE_FAILURES:
        text = "UPDATE mirrorpoint_resource SET rests_until = NULL WHERE source = :source"
        sql.change(session, text, source=source)


def awake(session: Session, named: Sequence[tuple[str, str]], *, now: datetime) -> list[tuple[str, str]]:
    """Those of the (source, resource) that are not left alone at the moment."""
    sources, resources = resting_sources(session, now=now), resting_resources(session, now=now)
    return [each for each in named if each[0] not in sources and each not in resources]


def turns(session: Session, source: str, resource: str, *, now: datetime) -> dict[str, bool]:
    """The kinds of scans that the resource's slots wait for, and whether each is left alone at the moment.

    While the source rests all are, while the resource does full ones.
    """
    text = f"""
        SELECT DISTINCT kind,
            EXISTS (
                SELECT 1 FROM mirrorpoint_budget
                WHERE name = :source AND rests_until > :now AND rests_until <= :latest_of_source
            ),
            EXISTS (
                SELECT 1 FROM mirrorpoint_resource
                WHERE {_OF_RESOURCE} AND rests_until > :now AND rests_until <= :latest_of_resource
            )
        FROM mirrorpoint_slot
        WHERE {_OF_RESOURCE} AND done_at IS NULL AND slot_at <= :now
    """
    latest = {
        "latest_of_source": clocks.latest(now, timedelta(seconds=SOURCE_MOST_SECONDS)),
        "latest_of_resource": clocks.latest(now, timedelta(seconds=RESOURCE_MOST_SECONDS)),
    }
    rows = sql.rows(session, text, source=source, resource=resource, now=now, **latest)
    return {kind: bool(source_rests or (rests and kind == slots.FULL)) for kind, source_rests, rests in rows}


def resting_sources(session: Session, *, now: datetime) -> dict[str, Rest]:
    """The sources that are left alone as a whole."""
    text = f"""
        SELECT name, failures, rests_until AS "rests_until [utc]" FROM mirrorpoint_budget WHERE {_IS_RESTING}
    """
    latest = clocks.latest(now, timedelta(seconds=SOURCE_MOST_SECONDS))
    return {name: Rest(*rest) for name, *rest in sql.rows(session, text, now=now, latest=latest)}


def resting_resources(session: Session, *, now: datetime) -> dict[tuple[str, str], Rest]:
    """(source, resource) of those that are left alone by themselves."""
    text = f"""
        SELECT source, resource, failures, rests_until AS "rests_until [utc]"
        FROM mirrorpoint_resource WHERE {_IS_RESTING}
    """
    latest = clocks.latest(now, timedelta(seconds=RESOURCE_MOST_SECONDS))
    return {(source, name): Rest(*rest) for source, name, *rest in sql.rows(session, text, now=now, latest=latest)}


_IS_RESTING = "rests_until > :now AND rests_until <= :latest"


def note_source_failure(
    session: Session,
    source: str,
    *,
    trouble: SourceTrouble = SourceTrouble.FAILING,
    reason: str = "",
    now: datetime,
) -> None:
    """The source did not answer as it should, whatever was asked; from the third time in a row on it rests."""
    text = """
        SELECT failures, trouble, trouble_since AS "trouble_since [utc]" FROM mirrorpoint_budget WHERE name = :name
    """
    earlier, last, since = sql.first(session, text, name=source) or (0, None, None)
    failures = earlier + 1
    beyond = failures - SOURCE_FAILURES + 1
    shortest = cadence.shortest_promise(session, source)
    most = SOURCE_MOST_SECONDS if shortest is None else min(SOURCE_MOST_SECONDS, shortest * SOURCE_PART_OF_PROMISE)
    rests_until = now + _doubled(SOURCE_SECONDS, beyond, max(most, SOURCE_LEAST_SECONDS)) if beyond > 0 else None
    values = {
        "failures": failures,
        "rests_until": rests_until,
        "trouble": trouble,
        "trouble_since": since if last == trouble else now,
        "trouble_reason": reason or None,
    }
    text = """
        INSERT INTO mirrorpoint_budget (name, failures, rests_until, trouble, trouble_since, trouble_reason)
        VALUES (:name, :failures, :rests_until, :trouble, :trouble_since, :trouble_reason)
        ON CONFLICT (name) DO UPDATE
        SET failures = excluded.failures, rests_until = excluded.rests_until, trouble = excluded.trouble,
            trouble_since = excluded.trouble_since, trouble_reason = excluded.trouble_reason
    """
    sql.change(session, text, name=source, **values)


def _most_rest(session: Session, source: str, resource: str) -> float:
    """No longer than its promise allows once the source answers again: until then each try costs a request."""
    longest = cadence.longest_rest(session, source, resource)
    return RESOURCE_MOST_SECONDS if longest is None else max(SOURCE_SECONDS, min(RESOURCE_MOST_SECONDS, longest))


def _doubled(seconds: float, times: int, most: float) -> timedelta:
    return timedelta(seconds=pauses.doubled(seconds, times, most))
