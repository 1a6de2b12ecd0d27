"""The rows of the two logs as the driver gives them, in the order of their numbers; read by whoever verifies them.

Past the library, which takes longer than the hashing. What a row holds is not believed: it may have been edited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storage import change_log, sql
from storage.seals import Log
from storage.session import Session

#: The columns of a row, in the order in which `read` gives them; the number is the first, the digest the last.
COLUMNS: Mapping[Log, tuple[str, ...]] = {
    Log.CHANGES: change_log.COLUMNS,
    Log.ACTIONS: ("id", "of", "at", "who", "how", "what", "target", "arguments", "outcome", "digest"),
}
TABLES: Mapping[Log, str] = {Log.CHANGES: "mirrorpoint_change", Log.ACTIONS: "mirrorpoint_action"}

Row = tuple[Any, ...]


def read(session: Session, log: Log, *, after: int, until: int, limit: int) -> Sequence[Row]:
    """The next rows behind number `after`, up to and with number `until`; fewer where numbers are missing."""
    mark = sql.mark(session.dialect)
    number = COLUMNS[log][0]
    # Both ends are given, since a LIMIT alone lets PostgreSQL read and sort all the rest where it knows too little.
    text = f"{_select(log)} WHERE {number} > {mark} AND {number} <= {mark} ORDER BY {number}"
    rows = sql.fetch_leniently(session, text, (after, min(until, after + limit)))
    if rows or after + limit >= until:
        return rows
    beyond = f"SELECT min({number}) FROM {TABLES[log]} WHERE {number} > {mark} AND {number} <= {mark}"  # noqa: S608
    first = sql.value(session, beyond, (after + limit, until))
    if first is None:
        return ()
    return sql.fetch_leniently(session, text, (int(first) - 1, min(until, int(first) - 1 + limit)))


def by_number(session: Session, log: Log, numbers: Sequence[int]) -> Sequence[Row]:
    """The rows with these numbers, so many that a statement can name them."""
    if not numbers:
        return ()
    marks = ", ".join([sql.mark(session.dialect)] * len(numbers))
    number = COLUMNS[log][0]
    return sql.fetch_leniently(session, f"{_select(log)} WHERE {number} IN ({marks}) ORDER BY {number}", tuple(numbers))


def records(session: Session, numbers: Sequence[int]) -> Sequence[Row]:
    """Of the changes with these numbers: number, source, resource, parent_key, key, version."""
    if not numbers:
        return ()
    marks = ", ".join([sql.mark(session.dialect)] * len(numbers))
    names = "seq, source, resource, parent_key, key, version"
    text = f"SELECT {names} FROM mirrorpoint_change WHERE seq IN ({marks}) ORDER BY seq"  # noqa: S608
    return sql.fetch_leniently(session, text, tuple(numbers))


def last_of_records(session: Session, *, after: int, until: int, last: int) -> Sequence[Row]:
    """The same of the changes behind `after` up to `until`, which no later version up to number `last` follows."""
    mark = sql.mark(session.dialect)
    names = "c.seq, c.source, c.resource, c.parent_key, c.key, c.version"
    text = (
        f"SELECT {names} FROM mirrorpoint_change c WHERE c.seq > {mark} AND c.seq <= {mark} AND NOT EXISTS (SELECT 1"  # noqa: S608
        " FROM mirrorpoint_change n WHERE n.source = c.source AND n.resource = c.resource"
        f" AND n.parent_key = c.parent_key AND n.key = c.key AND n.version > c.version AND n.seq <= {mark})"
        " ORDER BY c.seq"
    )
    return sql.fetch_leniently(session, text, (after, until, last))


def below_first(session: Session, log: Log, *, limit: int) -> list[int]:
    """Numbers below 1, which nobody gives."""
    number = COLUMNS[log][0]
    text = f"SELECT {number} FROM {TABLES[log]} WHERE {number} < 1 ORDER BY {number} LIMIT {int(limit)}"  # noqa: S608
    return [int(row[0]) for row in sql.fetch(session, text, ())]


def _select(log: Log) -> str:
    return f"SELECT {', '.join(COLUMNS[log])} FROM {TABLES[log]}"  # noqa: S608  # no values in it
