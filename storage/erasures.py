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

from changes import fingerprint
from changes.records import Id
from changes.resources import FIXED_COLUMNS
from storage import generations, log_sql, mirror_sql, outbox, sql, tally
from storage.session import Session
from storage.states import DeliveryState
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
    versions = f"SELECT seq, salt IS NOT NULL FROM mirrorpoint_change WHERE {log_sql.OF_RECORD} ORDER BY seq"
    rows = sql.rows(session, versions, **log_sql.of_record(source, resource, id))
    seqs = [int(seq) for seq, _ in rows]
    deliveries = f"""
        SELECT state, count(*) FROM mirrorpoint_delivery
        WHERE change_seq {sql.among(session, "seqs")} AND state IN ('due', 'leased')
        GROUP BY state
    """
    owed = {DeliveryState.DUE: 0, DeliveryState.LEASED: 0}
    for part in outbox.chunks(seqs):
        for state, number in sql.rows(session, deliveries, seqs=tuple(part)):
            owed[DeliveryState(state)] += int(number)
    return Extent(seqs, sum(bool(full) for _, full in rows), owed[DeliveryState.DUE], owed[DeliveryState.LEASED])


def erase(session: Session, seqs: Iterable[int]) -> int:
    """Take the content out of these changes, and out of what receivers have said of them; how many had any."""
    content = f"""
        UPDATE mirrorpoint_change SET document = NULL, previous = '{{}}', salt = NULL
        WHERE seq {sql.among(session, "seqs")} AND salt IS NOT NULL
    """
    # Receivers like to quote what they refuse.
    answers = f"""
        UPDATE mirrorpoint_attempt SET answer = NULL
        WHERE answer IS NOT NULL
            AND delivery_id IN (SELECT id FROM mirrorpoint_delivery WHERE change_seq {sql.among(session, "seqs")})
    """
    count = 0
    for part in outbox.chunks(sorted(seqs)):
        count += sql.change(session, content, seqs=tuple(part))
        sql.change(session, answers, seqs=tuple(part))
    return count


def skip_owed(session: Session, seqs: Iterable[int], *, now: datetime) -> int:
    """What is due of these changes is skipped; how many. What is under way may arrive."""
    outbox.lock(session)
    text = f"""
        UPDATE mirrorpoint_delivery SET state = :skipped, due_at = NULL, last_error = :reason
        WHERE change_seq {sql.among(session, "seqs")} AND state = 'due'
        RETURNING point
    """
    skipped = Counter(
        Key(Counted.DELIVERIES, (point, DeliveryState.SKIPPED.value))
        for part in outbox.chunks(sorted(seqs))
        for (point,) in sql.rows(session, text, seqs=tuple(part), skipped=DeliveryState.SKIPPED, reason=REASON)
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
    with generations.own(session, source, resource):
        session.execute(statement, [(fingerprint.ERASED, source, *id_) for id_ in ids])


class Summary(NamedTuple):
    """What was erased so far."""

    records: int  #: by persons
    last_at: datetime | None  #: when a person did so last
    swept_at: datetime | None  #: when the retention last erased something


def summary(session: Session) -> Summary:
    """From the actions alone: the log may be long."""
    text = """
        SELECT what, count(DISTINCT target), max(at) AS "at [utc]" FROM mirrorpoint_action
        WHERE what IN (:erase, :retention) AND of IS NOT NULL AND outcome LIKE 'done%'
        GROUP BY what
    """
    rows = sql.rows(session, text, erase=ERASE, retention=RETENTION)
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
    of_version = f"SELECT seq FROM mirrorpoint_change WHERE {log_sql.OF_RECORD} AND version = :version"
    change = sql.first(session, of_version, **log_sql.of_record(source, resource, id), version=version)
    seq = int(change[0]) if change else 0
    intents = f"""
        SELECT {sql.columns("id", "at", "who", "what", "arguments", utc=("at",), json=("arguments",))}
        FROM mirrorpoint_action WHERE of IS NULL AND what IN (:erase, :retention) ORDER BY id
    """
    found = [
        (number, Erasure(at, who, what, arguments.get("reason")))
        for number, at, who, what, arguments in sql.rows(session, intents, erase=ERASE, retention=RETENTION)
        if _is_meant(what, arguments, (source, resource, *id), seq)
    ]
    if len(found) > 1:
        ended = f"""
            SELECT min(of) FROM mirrorpoint_action WHERE of {sql.among(session, "intents")} AND outcome LIKE 'done%'
        """
        ((done,),) = sql.rows(session, ended, intents=tuple(number for number, _ in found))
        found = [each for each in found if each[0] == done] or found
    return found[0][1] if found else None


def _is_meant(what: str, arguments: Mapping[str, Any], name: tuple[str, ...], seq: int) -> bool:
    if what == RETENTION:
        return any(first <= seq <= last for first, last in arguments["seqs"])
    told = tuple(arguments[each] for each in ("source", "resource", "parent_key", "key"))
    return bool(told == name and seq <= arguments["last_seq"])
