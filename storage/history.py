"""The change log as it is read, in pieces, by everything that follows it; `change_log.py` writes it.

Called by the delivery step and by the commands that show what happened.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from changes.records import Change, Id, Json, Kind
from storage import log_sql, sql
from storage.session import Session

#: Stands in place of a scan's id in the changes by which records were retired.
RETIRED = "retired"

#: Statements with a list in them stay below every driver's limit of parameters.
_CHUNK = 500


class Entry(NamedTuple):
    """A row of the log, whole and in the table's order: `docs/tables.md`, `mirrorpoint_change`."""

    seq: int
    id: str
    source: str
    resource: str
    parent_key: str
    key: str
    version: int
    kind: str
    changed: Sequence[str]
    previous: Mapping[str, Json]
    document: Json
    observed_after: datetime | None
    observed_at: datetime
    scan_id: str
    digest: str
    salt: str | None  #: None: document and old values are erased
    document_digest: str | None
    previous_digest: str | None


#: Of an `Entry`, for `sql.rows`.
COLUMNS = sql.columns(*Entry._fields, utc=("observed_after", "observed_at"), json=("changed", "previous", "document"))


def read(
    session: Session,
    *,
    source: str | None = None,
    resource: str | None = None,
    resources: Collection[tuple[str, str]] | None = None,
    key: str | None = None,
    parent_key: str | Collection[str] | None = None,
    kinds: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after_seq: int = 0,
    before_seq: int | None = None,
    newest_first: bool = False,
    limit: int = 1000,
) -> list[Entry]:
    """The next changes after `after_seq`, in order. All other arguments narrow them down (`until` is exclusive).

    `resources` are pairs of source and resource. If there are several `parent_key`s, any of them will do.
    """
    which, values = _which(source, resource, resources, key, parent_key, kinds, since, until)
    if since is not None and not after_seq:  # else all of the log before that moment would be read
        after_seq = _first_since(session, since) - 1
    if before_seq is not None:
        which.append("seq < :before_seq")
    values |= {"after_seq": after_seq, "before_seq": before_seq, "limit": limit}
    text = f"""
        SELECT {COLUMNS} FROM mirrorpoint_change WHERE {" AND ".join(["seq > :after_seq", *which])}
        ORDER BY seq {"DESC" if newest_first else ""} LIMIT :limit
    """
    return _entries(session, text, values)


def count(
    session: Session,
    *,
    most: int,
    resources: Collection[tuple[str, str]] | None = None,
    source: str | None = None,
    key: str | None = None,
    parent_key: str | Collection[str] | None = None,
    kinds: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after_seq: int = 0,
) -> int:
    """How many changes `read` would give in all; counting stops at `most`."""
    which, values = _which(source, None, resources, key, parent_key, kinds, since, until)
    if since is not None:
        after_seq = max(after_seq, _first_since(session, since) - 1)
    text = f"""
        SELECT count(*) FROM (
            SELECT seq FROM mirrorpoint_change WHERE {" AND ".join(["seq > :after_seq", *which])} LIMIT :most
        ) AS found
    """
    ((number,),) = sql.rows(session, text, **values, after_seq=after_seq, most=most)
    return int(number)


def _first_since(session: Session, since: datetime) -> int:
    return first_since(session, since) or 1


def first_since(session: Session, since: datetime) -> int | None:
    """The number of the first change that was observed from then on; None where there is none."""
    text = "SELECT min(seq) FROM mirrorpoint_change WHERE observed_at >= :since"
    ((first,),) = sql.rows(session, text, since=since)
    return None if first is None else int(first)


def _which(
    source: str | None,
    resource: str | None,
    resources: Collection[tuple[str, str]] | None,
    key: str | None,
    parent_key: str | Collection[str] | None,
    kinds: Collection[str] | None,
    since: datetime | None,
    until: datetime | None,
) -> tuple[list[str], dict[str, Any]]:
    """Conditions, and the values in them."""
    named = (("source", source), ("resource", resource), ("key", key))
    values: dict[str, Any] = {name: value for name, value in named if value is not None}
    which = [f"{name} = :{name}" for name in values]
    if parent_key is not None:
        forms = [parent_key] if isinstance(parent_key, str) else sorted(parent_key)
        which.append(log_sql.one_of("parent_key", forms, values))
    if resources is not None:
        which.append(log_sql.of_resources(resources, values))
    if kinds is not None:
        which.append(log_sql.one_of("kind", sorted(kinds), values))
    if since is not None:
        which.append("observed_at >= :since")
    if until is not None:
        which.append("observed_at < :until")
    return which, values | {"since": since, "until": until}


def _entries(session: Session, text: str, values: Mapping[str, Any]) -> list[Entry]:
    return [Entry(*row) for row in sql.rows(session, text, **values)]


def _entry(session: Session, text: str, values: Mapping[str, Any]) -> Entry | None:
    return next(iter(_entries(session, text, values)), None)


class Logged(NamedTuple):
    """A change with the id that its event has."""

    id: str
    change: Change
    is_erased: bool = False  #: it has no content any more, and must not be sent


def by_seq(session: Session, seqs: Sequence[int]) -> dict[int, Logged]:
    """The changes with these numbers; numbers that are not there are left out."""
    found: dict[int, Logged] = {}
    text = f"SELECT {COLUMNS} FROM mirrorpoint_change WHERE seq {sql.among(session, 'seqs')}"
    for start in range(0, len(seqs), _CHUNK):
        for row in _entries(session, text, {"seqs": tuple(seqs[start : start + _CHUNK])}):
            found[row.seq] = logged(row)
    return found


def erased(session: Session, seqs: Collection[int]) -> set[int]:
    """Those of the numbers whose changes have no content any more."""
    found = set[int]()
    ordered = sorted(seqs)
    text = f"SELECT seq FROM mirrorpoint_change WHERE seq {sql.among(session, 'seqs')} AND salt IS NULL"
    for start in range(0, len(ordered), _CHUNK):
        found.update(seq for (seq,) in sql.rows(session, text, seqs=tuple(ordered[start : start + _CHUNK])))
    return found


def entry(session: Session, seq: int) -> Entry | None:
    """The row with that number."""
    return _entry(session, f"SELECT {COLUMNS} FROM mirrorpoint_change WHERE seq = :seq", {"seq": seq})


def last_seq(session: Session) -> int:
    """The highest number given so far that is still in the log; 0 for an empty one."""
    return int(sql.value(session, "SELECT seq FROM mirrorpoint_change ORDER BY seq DESC LIMIT 1") or 0)


def has_any(session: Session, source: str, resource: str) -> bool:
    """Whether the log has any change of the resource."""
    text = "SELECT 1 FROM mirrorpoint_change WHERE source = :source AND resource = :resource LIMIT 1"
    return sql.first(session, text, source=source, resource=resource) is not None


def newest(session: Session, resource: str, kinds: Collection[str]) -> Entry | None:
    """The last change of that resource and of one of the kinds, in any source, whose content was not erased."""
    values: dict[str, Any] = {"resource": resource}
    text = f"""
        SELECT {COLUMNS} FROM mirrorpoint_change
        WHERE resource = :resource AND {log_sql.one_of("kind", sorted(kinds), values)} AND salt IS NOT NULL
        ORDER BY seq DESC LIMIT 1
    """
    return _entry(session, text, values)


def as_of(session: Session, source: str, resource: str, id: Id, at: datetime) -> Entry | None:  # noqa: A002
    """The record's last change observed up to that moment: its document is the record as it was."""
    text = f"""
        SELECT {COLUMNS} FROM mirrorpoint_change WHERE {log_sql.OF_RECORD} AND observed_at <= :at
        ORDER BY version DESC LIMIT 1
    """
    return _entry(session, text, {**log_sql.of_record(source, resource, id), "at": at})


class Standing(NamedTuple):
    """A record as it stood at a moment."""

    change: Change  #: its last change until then
    first_seen_at: datetime

    @property
    def is_living(self) -> bool:
        return self.change.kind is not Kind.DELETED


def standing(
    session: Session,
    source: str,
    resource: str,
    *,
    at: datetime,
    key: str | None = None,
    parent_key: str | None = None,
    after: Id | None = None,
    limit: int = 1000,
) -> list[Standing]:
    """What the records were at that moment, deleted ones too, by parent and key; those after `after`."""
    which = ["source = :source AND resource = :resource AND observed_at <= :at"]
    which += [f"{name} = :{name}" for name, value in (("key", key), ("parent_key", parent_key)) if value is not None]
    if after is not None:
        which.append("(parent_key, key) > (:after_parent_key, :after_key)")
    text = f"""
        SELECT {COLUMNS}, first_seen_at AS "first_seen_at [utc]"
        FROM (
            SELECT parent_key AS of_parent, key AS of_key, max(version) AS newest, min(observed_at) AS first_seen_at
            FROM mirrorpoint_change WHERE {" AND ".join(which)}
            GROUP BY parent_key, key ORDER BY parent_key, key LIMIT :limit
        ) AS latest
        JOIN mirrorpoint_change ON parent_key = of_parent AND key = of_key AND version = newest
        WHERE source = :source AND resource = :resource
        ORDER BY of_parent, of_key
    """
    values = {"source": source, "resource": resource, "at": at, "key": key, "parent_key": parent_key, "limit": limit}
    if after is not None:
        values |= {"after_parent_key": after.parent_key, "after_key": after.key}
    return [Standing(change_of(Entry(*row)), first) for *row, first in sql.rows(session, text, **values)]


def timeline(session: Session, source: str, resource: str, id: Id) -> list[Entry]:  # noqa: A002
    """All of the record's changes, the oldest first."""
    text = f"SELECT {COLUMNS} FROM mirrorpoint_change WHERE {log_sql.OF_RECORD} ORDER BY version"
    return _entries(session, text, log_sql.of_record(source, resource, id))


def logged(row: Entry) -> Logged:
    """The same with the id of its event."""
    return Logged(row.id, change_of(row), is_erased=row.salt is None)


def change_of(row: Entry) -> Change:
    """The change that a row of the log holds."""
    return Change(
        source=row.source,
        resource=row.resource,
        id=Id(row.parent_key, row.key),
        version=row.version,
        kind=Kind(row.kind),
        changed=tuple(row.changed),
        previous=row.previous,
        document=row.document,
        observed_after=row.observed_after,
        observed_at=row.observed_at.astimezone(UTC),
        scan_id=row.scan_id,
    )
