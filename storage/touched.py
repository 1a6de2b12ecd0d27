"""Which records changed between two moments, or may have: found by the times of the log, however long it is.

Called by `diff`, which reads the versions of these records by `versions.py`.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from changes.records import Id
from storage import driver_values, sql
from storage.long_gaps import LONG_GAP, LONG_GAP_SECONDS
from storage.session import Session

#: Records handed over by the database at a time.
_AT_A_TIME = 500
#: A minute more than the index counts as long, so that no rounding of the database leaves one out.
_SHORT_GAP = timedelta(seconds=LONG_GAP_SECONDS + 60)

#: Changes that `lately` looks at.
_LATEST = 200

_RECORD = "source, resource, parent_key, key"


class Touched(NamedTuple):
    """A record, and which of its versions matter; versions are counted from 1."""

    source: str
    resource: str
    id: Id
    first: int | None  #: of the versions that were seen after `start` and up to `end`; None: none was
    last: int | None
    number: int  #: how many these are
    following: int | None  #: one that was seen later, and may have been there at `end` already; None: there is none


def between(
    session: Session, *, start: datetime, end: datetime, resources: Sequence[tuple[str, str]]
) -> Iterator[Touched]:
    """By source, resource, parent and key. The database sorts, on its disk where they are many.

    `resources` are pairs of source and resource. The session may be asked other things meanwhile.
    """
    dialect = session.dialect
    of_time = driver_values.driver_time(dialect)
    named: list[object]
    if dialect == "sqlite":
        named = [orjson.dumps(resources).decode()]
    else:
        named = [[source for source, _ in resources], [resource for _, resource in resources]]
    values: list[object] = []
    for limits in ((start, end), (end, end + _SHORT_GAP, end), (end, end)):
        values += [*(of_time(limit) for limit in limits), *named]
    rows = sql.stream(session, _text(dialect), tuple(values), at_a_time=_AT_A_TIME)
    for source, resource, parent_key, key, first, last, number, following in rows:
        yield Touched(source, resource, Id(parent_key, key), first, last, int(number), following)


def lately(
    session: Session, source: str, resource: str, *, kinds: Collection[str], since: datetime, limit: int
) -> list[Id]:
    """The records with changes of these kinds that were seen after `since`, the latest first; `limit` at most.

    Only the last changes of the resource are looked at, so it costs the same however long the log is.
    """
    text = """
        SELECT parent_key, key, kind, observed_at AS "observed_at [utc]" FROM mirrorpoint_change
        WHERE source = :source AND resource = :resource
        ORDER BY seq DESC LIMIT :latest
    """
    latest = sql.rows(session, text, source=source, resource=resource, latest=_LATEST)
    found = dict.fromkeys(
        Id(parent_key, key) for parent_key, key, kind, observed_at in latest if kind in kinds and observed_at > since
    )
    return list(found)[:limit]


def _text(dialect: str) -> str:
    """Each part walks an index by its time.

    The `+` and the `|| ''` change nothing, and keep the planner from walking all changes of the resources instead.
    """
    mark = sql.mark(dialect)
    if dialect == "sqlite":
        chosen = "(+source, +resource) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
    else:
        chosen = "(source || '', resource || '') IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
    seen = f"observed_at > {mark} AND observed_at <= {mark}"
    was_there = f"observed_after < {mark}"
    found = f"SELECT {_RECORD}, version AS first, version AS last, 1 AS number, NULL AS following"
    may_be = f"SELECT {_RECORD}, NULL, NULL, 0, version"
    late = f"{LONG_GAP[dialect]} AND observed_at > {mark} AND {was_there}"
    # Made before it is grouped: PostgreSQL might else walk the whole log in the order of the groups.
    made = "" if dialect == "sqlite" else "MATERIALIZED "
    return f"""
WITH touched AS {made}(
    {found} FROM mirrorpoint_change WHERE {seen} AND {chosen}
    UNION ALL {may_be} FROM mirrorpoint_change WHERE {seen} AND {was_there} AND {chosen}
    UNION ALL {may_be} FROM mirrorpoint_change WHERE {late} AND {chosen}
)
SELECT {_RECORD}, min(first), max(last), sum(number), min(following)
FROM touched GROUP BY {_RECORD} ORDER BY {_RECORD}
"""
