"""Counts what is done, in the very transaction that does it: totals that never fall, and numbers by the hour for a day.

Called at the end of the transactions of scans and deliveries; read by the metrics and by the page.

Two transactions never wait for each other in a circle here: what counts changes holds the lock of the log, what counts
deliveries that of the outbox, and the end of a scan counts for its own resource alone. So nobody waits here who did not
wait before.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

import orjson

from changes.records import Change
from storage import sql
from storage.session import Session


class Counted(StrEnum):
    """What is counted, with its labels."""

    CHANGES = "changes"  #: source, resource, kind
    SCANS = "scans"  #: that have ended: source, resource, kind, state
    REQUESTS = "requests"  #: of scans that have ended: source, resource
    DELIVERIES = "deliveries"  #: that have ended: point, state
    ATTEMPT_SECONDS = "attempt_seconds"  #: a histogram: point, and one of `tally_histograms.py`
    DELIVERY_SECONDS = "delivery_seconds"  #: the same, from the change to its arrival


class Key(NamedTuple):
    """One counter."""

    counted: Counted
    labels: tuple[str, ...]


class Hour(NamedTuple):
    """What one counter gained within an hour."""

    begins_at: datetime
    labels: tuple[str, ...]
    number: int


#: What is kept by the hour as well, and for how long: a day, and the hour that is not over.
BY_HOUR = frozenset({Counted.CHANGES, Counted.DELIVERIES})
HOURS_KEPT = timedelta(hours=25)

_ALL_TIME = 0
_HOUR_SECONDS = 3600
#: Rows in one statement: four parameters each, and old builds of SQLite take 999.
_AT_A_TIME = 200


def add(session: Session, counts: Mapping[Key, int], *, now: datetime) -> None:
    """Count so many more; no statement where there is nothing, one where there is anything."""
    hour = _hour(now)
    rows = [
        (at, key.counted.value, _text(key.labels), number)
        for key, number in counts.items()
        if number
        for at in ((_ALL_TIME, hour) if key.counted in BY_HOUR else (_ALL_TIME,))
    ]
    rows.sort()  # in one order, so that nobody waits for who waits for him
    mark = sql.mark(session.dialect)
    for start in range(0, len(rows), _AT_A_TIME):
        part = rows[start : start + _AT_A_TIME]
        marks = ", ".join([f"({', '.join([mark] * 4)})"] * len(part))
        text = (
            f"INSERT INTO mirrorpoint_tally (hour, name, labels, number) VALUES {marks} "  # noqa: S608  # no values in it
            "ON CONFLICT (hour, name, labels) DO UPDATE SET number = mirrorpoint_tally.number + excluded.number"
        )
        session.execute(text, tuple(value for row in part for value in row))


def of_changes(changes: Iterable[Change]) -> Counter[Key]:
    """What these changes count as."""
    counted = Counter((change.source, change.resource, change.kind) for change in changes)
    return Counter({Key(Counted.CHANGES, (*place, kind.value)): number for (*place, kind), number in counted.items()})


def of_scan(source: str, resource: str, kind: str, state: str, *, requests: int) -> dict[Key, int]:
    """What the end of a scan counts as."""
    place = (source, resource)
    return {Key(Counted.SCANS, (*place, kind, str(state))): 1, Key(Counted.REQUESTS, place): requests}


def totals(session: Session) -> dict[Key, int]:
    """All counters; what an older or newer version has counted under another name is left out."""
    rows = sql.fetch(session, f"SELECT name, labels, number FROM mirrorpoint_tally WHERE hour = {_ALL_TIME}", ())  # noqa: S608
    return {Key(_NAMES[name], _labels(text)): number for name, text, number in rows if name in _NAMES}


def changes(session: Session, sources: Collection[str]) -> dict[tuple[str, ...], int]:
    """(source, resource, kind) -> how many changes there ever were; of these sources alone, since there may be many."""
    begins = tuple(_text((source,))[:-1] + "," for source in sources)
    rows = sql.rows(session, _CHANGES_OF[session.dialect], all_time=_ALL_TIME, name=Counted.CHANGES, begins=begins)
    return {_labels(text): number for text, number in rows}


def hours(session: Session, counted: Counted, *, since: datetime) -> list[Hour]:
    """From the hour of that moment on, the oldest first; hours in which nothing was done are left out."""
    text = "SELECT hour, labels, number FROM mirrorpoint_tally WHERE hour >= :first AND name = :name ORDER BY hour"
    rows = sql.rows(session, text, first=max(_hour(since), _ALL_TIME + 1), name=counted)
    return [
        Hour(datetime.fromtimestamp(hour * _HOUR_SECONDS, UTC), _labels(labels), number)
        for hour, labels, number in rows
    ]


def forget_hours(session: Session, *, now: datetime) -> None:
    """Those that nobody looks at any more; totals stay."""
    text = "DELETE FROM mirrorpoint_tally WHERE hour > :all_time AND hour < :first"
    sql.change(session, text, all_time=_ALL_TIME, first=_hour(now - HOURS_KEPT))


def _hour(moment: datetime) -> int:
    return int(moment.timestamp()) // _HOUR_SECONDS


def _text(labels: tuple[str, ...]) -> str:
    return json.dumps(labels, ensure_ascii=False, separators=(",", ":"))


def _labels(text: str) -> tuple[str, ...]:
    return tuple(orjson.loads(text))


#: Labels of a source begin with it and a comma, behind which comes a hyphen.
_CHANGES = """
    SELECT labels, number FROM {begins} CROSS JOIN mirrorpoint_tally
    WHERE hour = :all_time AND name = :name
        AND labels >= begun AND labels < substr(begun, 1, length(begun) - 1) || '-'
"""
_CHANGES_OF = {
    "sqlite": _CHANGES.format(begins="(SELECT value AS begun FROM json_each(:begins)) AS asked"),
    "postgresql": _CHANGES.format(begins="unnest(CAST(:begins AS TEXT[])) AS asked (begun)"),
}
_NAMES = {each.value: each for each in Counted}
