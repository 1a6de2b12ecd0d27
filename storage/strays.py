"""Deliveries and attempts that belong to nothing; asked by whoever verifies the record.

A delivery belongs to a change or to a notice, and an attempt to a delivery that has its point and number. Each call
looks at a part of a table.
"""

# ruff: noqa: S608  # no values in the statements
from __future__ import annotations

from typing import Any, NamedTuple

from changes import events
from changes.records import Id
from storage import sql
from storage.session import Session

DELIVERY, ATTEMPT = "mirrorpoint_delivery", "mirrorpoint_attempt"
_CHANGE = "c.seq, c.source, c.resource, c.parent_key, c.key"


class Part(NamedTuple):
    """What a part of a table came to."""

    last_id: int | None  #: None: there was nothing more
    looked_at: int
    strays: list[tuple[int, int | None, str]]  #: id of the row, the change that it names, and what is wrong with it


def deliveries(session: Session, *, after_id: int, until: int, limit: int) -> Part:
    """The next deliveries; each must have its change and that change's record, or its notice."""
    rows = _fetch(
        session,
        f"SELECT d.id, d.change_seq, d.notice_id, d.record, {_CHANGE}, n.id FROM ({{}}) AS d"
        " LEFT JOIN mirrorpoint_change AS c ON c.seq = d.change_seq"
        " LEFT JOIN mirrorpoint_notice AS n ON n.id = d.notice_id ORDER BY d.id",
        DELIVERY,
        (after_id, until, limit),
    )
    strays: list[tuple[int, int | None, str]] = []
    for id_, seq, notice_id, record, *change, notice in rows:
        what = _of_delivery(seq, notice_id, record, change, notice)
        if what:
            strays.append((id_, seq, what))
    return Part(rows[-1][0] if rows else None, len(rows), strays)


def attempts(session: Session, *, after_id: int, until: int, limit: int) -> Part:
    """The next attempts; each must have its delivery, and name the same change and point as that does."""
    rows = _fetch(
        session,
        "SELECT a.id, a.delivery_id, a.change_seq, a.point, d.id, d.change_seq, d.point FROM ({}) AS a"
        " LEFT JOIN mirrorpoint_delivery AS d ON d.id = a.delivery_id ORDER BY a.id",
        ATTEMPT,
        (after_id, until, limit),
    )
    strays: list[tuple[int, int | None, str]] = []
    for id_, delivery_id, seq, point, delivery, its_seq, its_point in rows:
        if delivery is None:
            strays.append((id_, seq, f"is of delivery {delivery_id:,}, which is not there"))
        elif (seq, point) != (its_seq, its_point):
            strays.append((id_, seq, f"is of another change or point than its delivery {delivery_id:,}"))
    return Part(rows[-1][0] if rows else None, len(rows), strays)


def last_id(session: Session, table: str) -> int:
    """The highest id in one of the two tables."""
    return int(sql.value(session, f"SELECT max(id) FROM {table}", ()) or 0)


def _fetch(session: Session, text: str, table: str, values: tuple[Any, ...]) -> Any:
    mark = sql.mark(session.dialect)
    some = f"SELECT * FROM {table} WHERE id > {mark} AND id <= {mark} ORDER BY id LIMIT {mark}"
    return sql.fetch_leniently(session, text.format(some), values)


def _of_delivery(seq: int | None, notice_id: str | None, record: str, change: list[Any], notice: str | None) -> str:
    """Empty where nothing is wrong."""
    if (seq is None) == (notice_id is None):
        return "belongs to no change and to no notice" if seq is None else "belongs to a change and to a notice"
    if seq is None:
        return "" if notice is not None else "is of a notice that is not there"
    found, source, resource, parent_key, key = change
    if found is None:
        return f"is of change {seq:,}, which is not there"
    is_named = all(isinstance(name, str) for name in (source, resource, parent_key, key))
    if not is_named or record != events.partition_key(source=source, resource=resource, id=Id(parent_key, key)):
        return f"is of change {seq:,}, which is of another record than {record}"
    return ""
