"""Takes content out of the database: documents, old values and salts go; digests, keys and times stay.

So every digest, root and proof stays valid, and nobody can guess from a digest what was erased. Called by
tasks/erasing.py and the retention; `erased_sqlite.py` and `erased_postgresql.py` take the bytes out of the files.
"""

# ruff: noqa: S608  # names of tables and columns are quoted; values are parameters
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, bindparam, func, select, text, update
from sqlmodel import col

from changes import fingerprint
from changes.records import Id
from changes.resources import FIXED_COLUMNS
from storage import mirror_sql, outbox, sql, tally, types
from storage.session import Session
from storage.states import DeliveryState
from storage.tables import ActionRow, AttemptRow, ChangeRow, DeliveryRow
from storage.tally import Counted, Key

#: `what` of the actions that account for content that is missing: a person's, and the retention's.
ERASE, RETENTION = "erase", "retention"
#: Why a delivery was skipped.
REASON = "erased"

#: Columns that may be emptied, whatever the catalogue says of them now: an older one may have filled them.
_EMPTIABLE = {
    "sqlite": 'SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 AND "notnull" = 0 AND pk = 0',
    "postgresql": "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(quote_ident(%s)) AND attnum > 0"
    " AND NOT attisdropped AND NOT attnotnull AND attgenerated = ''",
}
_SEQS: BindParameter[Sequence[int]] = bindparam("seqs", expanding=True)
_OF_SEQS = col(DeliveryRow.change_seq).in_(_SEQS)
_ERASE = (
    update(ChangeRow)
    .where(col(ChangeRow.seq).in_(_SEQS), col(ChangeRow.salt).is_not(None))
    .values(document=None, previous={}, salt=None)
)
#: Receivers like to quote what they refuse.
_FORGET_ANSWERS = (
    update(AttemptRow)
    .where(col(AttemptRow.delivery_id).in_(select(col(DeliveryRow.id)).where(_OF_SEQS)))
    .where(col(AttemptRow.answer).is_not(None))
    .values(answer=None)
)
_OPEN = (
    select(col(DeliveryRow.state), func.count())
    .where(_OF_SEQS, text("state IN ('due', 'leased')"))
    .group_by(col(DeliveryRow.state))
)
_SKIP = (
    update(DeliveryRow)
    .where(_OF_SEQS, text("state = 'due'"))
    .values(state=DeliveryState.SKIPPED, due_at=None, last_error=REASON)
    .returning(col(DeliveryRow.point))
)


@dataclass(frozen=True, slots=True)
class Extent:
    """What the log and the outbox have of one record."""

    seqs: Sequence[int]  #: the numbers of all its versions, in their order
    full: int  #: how many of them have content
    due: int  #: deliveries that are owed
    under_way: int  #: deliveries that somebody is just attempting

    @property
    def last_seq(self) -> int:
        return self.seqs[-1] if self.seqs else 0


def extent(session: Session, source: str, resource: str, id: Id) -> Extent:  # noqa: A002
    """What is there to be erased."""
    versions = select(col(ChangeRow.seq), col(ChangeRow.salt).is_not(None)).where(*_of_record(source, resource, id))
    rows = sql.run(session, versions.order_by(col(ChangeRow.seq))).all()
    seqs = [int(seq) for seq, _ in rows]
    owed = {DeliveryState.DUE: 0, DeliveryState.LEASED: 0}
    for part in outbox.chunks(seqs):
        for state, number in sql.run(session, _OPEN, {"seqs": part}):
            owed[DeliveryState(state)] += int(number)
    return Extent(seqs, sum(bool(full) for _, full in rows), owed[DeliveryState.DUE], owed[DeliveryState.LEASED])


def erase(session: Session, seqs: Iterable[int]) -> int:
    """Take the content out of these changes, and out of what receivers have said of them; how many had any."""
    count = 0
    for part in outbox.chunks(sorted(seqs)):
        count += sql.run(session, _ERASE, {"seqs": part}).rowcount
        sql.run(session, _FORGET_ANSWERS, {"seqs": part})
    return count


def skip_owed(session: Session, seqs: Iterable[int], *, now: datetime) -> int:
    """What is due of these changes is skipped; how many. What is under way may arrive."""
    outbox.lock(session)
    skipped = Counter(
        Key(Counted.DELIVERIES, (point, DeliveryState.SKIPPED.value))
        for part in outbox.chunks(sorted(seqs))
        for point in sql.run(session, _SKIP, {"seqs": part}).scalars()
    )
    tally.add(session, skipped, now=now)
    return skipped.total()


def empty(session: Session, resource: str, source: str, ids: Sequence[Id], *, only_deleted: bool = False) -> None:
    """The mirror's rows stay, without content: an empty document (JSON null), and nothing in any other column."""
    dialect = session.dialect
    columns = [name for (name,) in sql.fetch(session, _EMPTIABLE[dialect], (resource,))]
    if not columns or not ids:  # somebody has dropped the table
        return
    table, mark = mirror_sql.quoted(resource, dialect), sql.mark(dialect)
    deleted = " AND deleted_at IS NOT NULL" if only_deleted else ""
    names = [mirror_sql.quoted(name, dialect) for name in columns if name not in FIXED_COLUMNS]
    values = ", ".join([*(f"{name} = NULL" for name in names), "document = 'null'", f"fingerprint = {mark}"])
    statement = f"UPDATE {table} SET {values} WHERE source = {mark} AND parent_key = {mark} AND key = {mark}{deleted}"
    session.execute(statement, [(fingerprint.ERASED, source, *id_) for id_ in ids])


class Summary(NamedTuple):
    """What was erased so far."""

    records: int  #: by persons
    last_at: datetime | None  #: when a person did so last
    swept_at: datetime | None  #: when the retention last erased something


def summary(session: Session) -> Summary:
    """From the actions alone: the log may be long."""
    latest, what = func.max(col(ActionRow.at), type_=types.UtcDateTime), col(ActionRow.what)
    done = (col(ActionRow.of).is_not(None), col(ActionRow.outcome).startswith("done"))
    columns = (what, func.count(col(ActionRow.target).distinct()), latest)
    rows = sql.run(session, select(*columns).where(what.in_((ERASE, RETENTION)), *done).group_by(what))
    found = {name: (int(count), at) for name, count, at in rows}
    return Summary(*found.get(ERASE, (0, None)), found.get(RETENTION, (0, None))[1])


class Erasure(NamedTuple):
    """The action that took content out."""

    at: datetime
    who: str
    what: str  #: ERASE or RETENTION
    reason: str | None  #: a person's


def erasure_of(
    session: Session,
    source: str,
    resource: str,
    id: Id,  # noqa: A002
    *,
    version: int,
) -> Erasure | None:
    """What took out the content of that version; None where no action says so.

    The first action that came to its end; one that broke off only where there is no other.
    """
    of_version = (*_of_record(source, resource, id), col(ChangeRow.version) == version)
    seq = int(sql.run(session, select(col(ChangeRow.seq)).where(*of_version)).scalar() or 0)
    which = (col(ActionRow.of).is_(None), col(ActionRow.what).in_((ERASE, RETENTION)))
    names = (ActionRow.id, ActionRow.at, ActionRow.who, ActionRow.what, ActionRow.arguments)
    found = [
        (number, Erasure(at, who, what, arguments.get("reason")))
        for number, at, who, what, arguments in sql.run(
            session, select(*(col(each) for each in names)).where(*which).order_by(col(ActionRow.id))
        )
        if _is_meant(what, arguments, (source, resource, *id), seq)
    ]
    if len(found) > 1:
        ended = (col(ActionRow.of).in_([number for number, _ in found]), col(ActionRow.outcome).startswith("done"))
        done = sql.run(session, select(func.min(col(ActionRow.of))).where(*ended)).scalar()
        found = [each for each in found if each[0] == done] or found
    return found[0][1] if found else None


def _is_meant(what: str, arguments: Mapping[str, Any], name: tuple[str, ...], seq: int) -> bool:
    if what == RETENTION:
        return any(first <= seq <= last for first, last in arguments["seqs"])
    told = tuple(arguments[each] for each in ("source", "resource", "parent_key", "key"))
    return bool(told == name and seq <= arguments["last_seq"])


def _of_record(source: str, resource: str, id_: Id) -> tuple[ColumnElement[bool], ...]:
    return (
        col(ChangeRow.source) == source,
        col(ChangeRow.resource) == resource,
        col(ChangeRow.parent_key) == id_.parent_key,
        col(ChangeRow.key) == id_.key,
    )
