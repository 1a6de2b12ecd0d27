"""Mirrored records side by side with the changes that they must follow from; read by whoever verifies the record.

Each call reads a part of a table and what the log says of it, so that within one look both are of the same moment.
"""

# ruff: noqa: S608  # names are quoted and come from the catalogue or the database; values are parameters
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from changes.records import Id
from changes.resources import Resource
from storage import mirror_sql, sql
from storage.log_rows import Row
from storage.session import Session

#: Of a row that `of_ids` gives: the record's side, the change of its version, and when its first version was seen.
COLUMNS = (
    *("parent_key", "key", "document", "version", "fingerprint", "first_seen_at", "changed_at", "deleted_at"),
    *("seq", "kind", "salt", "document_digest", "previous_digest", "observed_at", "first_observed_at"),
)  # then the typed columns, in the catalogue's order
#: Of one that `part` gives, which many are read of: the database compares the times, and there is one digest, of what
#: the change holds of the document.
QUICK = ("parent_key", "key", "document", "version", "fingerprint", "is_timely", "seq", "is_deletion", "salt", "digest")
_OWN, _CHANGES = COLUMNS[:8], COLUMNS[8:14]
_IS_TIMELY = (
    "t.changed_at = c.observed_at"
    " AND t.first_seen_at = CASE WHEN t.version = 1 THEN c.observed_at ELSE f.observed_at END"
    " AND CASE WHEN c.kind = 'deleted' THEN t.deleted_at = c.observed_at ELSE t.deleted_at IS NULL END"
)


class Unlike(NamedTuple):
    """A record whose row is not there, or is of an older version than the log's last."""

    id: Id
    last_version: Any  #: a number, unless somebody has edited it
    version: Any  #: None: there is no row


def sources(session: Session, resource: Resource) -> list[str]:
    """Of which sources there are rows in the resource's table; of sources that are no text `nameless` tells."""
    texts = _Texts(session, resource)
    found: list[str] = []
    one = f"SELECT source FROM {texts.table} WHERE source {{}} ORDER BY source LIMIT 1"
    rows = sql.fetch_leniently(session, one.format(">= ''"), ())
    while rows and isinstance(rows[0][0], str):  # SQLite sorts bytes behind all text
        found.append(rows[0][0])
        (mark,), value = sql.exact(session, found[-1:])
        rows = sql.fetch_leniently(session, one.format(f"> {mark}"), value)
    return found


def nameless(session: Session, resource: Resource, *, limit: int) -> Sequence[Row]:
    """Source, parent and key of rows whose source is no text, so that they belong to none."""
    texts = _Texts(session, resource)
    is_odd = "source IS NULL" + (" OR source >= x'' OR source < ''" if texts.dialect == "sqlite" else "")
    text = f"SELECT source, parent_key, key FROM {texts.table} WHERE {is_odd} LIMIT {int(limit)}"
    return sql.fetch_leniently(session, text, ())


def repeated(session: Session, resource: Resource, *, limit: int) -> Sequence[Row]:
    """Source, parent and key of records with several rows, or without a name; how many. Reads the whole table."""
    texts, record = _Texts(session, resource), "source, parent_key, key"
    text = (
        f"SELECT {record}, count(*) FROM {texts.table} GROUP BY {record}"
        f" HAVING count(*) > 1 OR parent_key IS NULL OR key IS NULL LIMIT {int(limit)}"
    )
    return sql.fetch_leniently(session, text, ())


def logged(session: Session) -> list[tuple[str, str]]:
    """Of which sources and resources there are changes in the log; but for names that are no text."""
    one = "SELECT source, resource FROM mirrorpoint_change {} ORDER BY source, resource LIMIT 1"
    found: list[tuple[str, str]] = []
    rows = sql.fetch_leniently(session, one.format(""), ())
    while rows:
        found.append((rows[0][0], rows[0][1]))
        marks, values = sql.exact(session, found[-1])
        rows = sql.fetch_leniently(session, one.format(f"WHERE (source, resource) > ({', '.join(marks)})"), values)
    return [at for at in found if all(map(sql.is_written_text, at))]


def part(session: Session, resource: Resource, source: str, *, after: Id | None, limit: int) -> Sequence[Row]:
    """The next rows of the table, by parent and key, each with what its change says, as `QUICK` names it."""
    texts, mark = _Texts(session, resource), sql.mark(session.dialect)
    marks, values = sql.exact(session, (source, *(after or ())))
    where = f"t.source = {marks[0]}"
    if after is not None:
        where += f" AND (t.parent_key, t.key) > ({', '.join(marks[1:])})"
    chosen = f"WHERE {where} ORDER BY t.parent_key, t.key LIMIT {mark}"
    names = (resource.name, resource.name)
    if texts.dialect == "sqlite":
        text, parameters = texts.quick(f"{texts.table} AS t", chosen), (*names, *values, limit)
    else:  # first the rows, then their changes: else it might read the log from its beginning to find them
        some = f"(SELECT * FROM {texts.table} AS t {chosen}) AS t"
        text, parameters = texts.quick(some, "ORDER BY t.parent_key, t.key"), (*values, limit, *names)
    return sql.fetch_leniently(session, text, parameters)


def of_ids(session: Session, resource: Resource, source: str, ids: Sequence[Id]) -> Sequence[Row]:
    """The rows of these records, so many that a statement can name them, with all that `COLUMNS` names."""
    texts = _Texts(session, resource)
    (mark,), values = sql.exact(session, (source,))
    if not ids:
        return ()
    among, pairs = _named(session, ids)
    some = f"SELECT * FROM {texts.table} WHERE source = {mark} AND (parent_key, key) IN {among}"
    return sql.fetch_leniently(session, texts.beside_changes(some), (*values, *pairs, resource.name, resource.name))


def remove(session: Session, resource: Resource, source: str, ids: Sequence[Id]) -> None:
    """Remove the rows of these records, whatever their names are."""
    texts = _Texts(session, resource)
    for id_ in ids:
        (source_mark, parent_mark, key_mark), values = sql.exact(session, (source, *id_))
        where = f"source = {source_mark} AND parent_key = {parent_mark} AND key = {key_mark}"
        session.execute(f"DELETE FROM {texts.table} WHERE {where}", values)


def lost(
    session: Session,
    resource: Resource,
    source: str,
    rows: Sequence[Row],
    *,
    after: Id | None,
    until: Id | None,
    limit: int,
) -> list[Unlike]:
    """The records behind `after` up to `until` that have no row, or an older one; without a bound: from or to the end.

    `rows`: those that `part` has given. There are more changes than their versions say only where some are lost.
    """
    known = {row[:2]: row[3] for row in rows if row[6] is not None and isinstance(row[3], int)}
    if _count_changes(session, resource.name, source, after=after, until=until) == sum(known.values()):
        return []
    return _unlike(session, resource, source, after=after, until=until, limit=limit)


def _count_changes(session: Session, resource: str, source: str, *, after: Id | None, until: Id | None) -> int:
    where, values = _bounds(session, "", after, until)
    marks, names = sql.exact(session, (source, resource))
    text = f"SELECT count(*) FROM mirrorpoint_change WHERE source = {marks[0]} AND resource = {marks[1]}{where}"
    return int(sql.value(session, text, (*names, *values)))


def _unlike(
    session: Session, resource: Resource, source: str, *, after: Id | None, until: Id | None, limit: int
) -> list[Unlike]:
    texts, (marks, names) = _Texts(session, resource), sql.exact(session, (source, resource.name))
    where, values = _bounds(session, "c.", after, until)
    text = (
        "SELECT c.parent_key, c.key, max(c.version), t.version FROM mirrorpoint_change c"
        f" LEFT JOIN {texts.table} t ON t.source = c.source AND t.parent_key = c.parent_key AND t.key = c.key"
        f" WHERE c.source = {marks[0]} AND c.resource = {marks[1]}{where} GROUP BY c.parent_key, c.key, t.version"
        f" HAVING t.version IS NULL OR t.version < max(c.version) ORDER BY c.parent_key, c.key LIMIT {int(limit)}"
    )
    rows = sql.fetch_leniently(session, text, (*names, *values))
    return [Unlike(Id(*row[:2]), row[2], row[3]) for row in rows]


def last_versions(session: Session, resource: str, source: str, ids: Sequence[Id]) -> dict[Id, int | None]:
    """The last versions in the log of so many records that a statement can name them; None: it knows nothing of one."""
    if not ids:
        return {}
    marks, values = sql.exact(session, (source, resource))
    some, pairs = _named(session, ids)
    text = (
        "SELECT w.parent_key, w.key, (SELECT max(version) FROM mirrorpoint_change AS c"
        f" WHERE c.source = {marks[0]} AND c.resource = {marks[1]}"
        " AND c.parent_key = w.parent_key AND c.key = w.key AND c.seq IS NOT NULL)"
        f" FROM {some} AS w"
    )
    return {Id(*row[:2]): row[2] for row in sql.fetch_leniently(session, text, (*values, *pairs))}


def _named(session: Session, ids: Sequence[Id]) -> tuple[str, tuple[Any, ...]]:
    """A table of the records, `parent_key` and `key`, and its parameters."""
    if session.dialect != "sqlite":
        pairs = [each.parent_key for each in ids], [each.key for each in ids]
        return "(SELECT * FROM unnest(%s::text[], %s::text[]) AS one (parent_key, key))", pairs
    # Each by itself, since a list as JSON holds neither bytes nor the character 0.
    marks, values = sql.exact(session, (each for id_ in ids for each in id_))
    rows = ", ".join(f"({parent_key}, {key})" for parent_key, key in zip(marks[::2], marks[1::2], strict=True))
    # Without the SELECT it would not use the index.
    return f"(SELECT column1 AS parent_key, column2 AS key FROM (VALUES {rows}))", values


class _Texts:
    """The table of a resource, quoted as the driver wants it."""

    def __init__(self, session: Session, resource: Resource) -> None:
        self.dialect = session.dialect
        texts = mirror_sql.texts_for(resource, self.dialect)
        self.table = texts.table if self.dialect == "sqlite" else texts.table.replace("%", "%%")
        self._typed = [mirror_sql.quoted(name, self.dialect) for name, _ in texts.typed]

    def quick(self, rows: str, chosen: str) -> str:
        """The resource's name is wanted twice, before what `chosen` wants."""
        columns = [
            *("t.parent_key, t.key, t.document, t.version, t.fingerprint", _IS_TIMELY, "c.seq", "c.kind = 'deleted'"),
            *("c.salt", "CASE WHEN c.kind = 'deleted' THEN c.previous_digest ELSE c.document_digest END"),
        ]
        return f"SELECT {', '.join([*columns, *self._typed_of_t()])} FROM {rows}{self._joins()} {chosen}"

    def beside_changes(self, some: str) -> str:
        """The rows that the statement gives, with their changes; the resource's name is wanted twice."""
        columns = [*(f"t.{each}" for each in _OWN), *(f"c.{each}" for each in _CHANGES), "f.observed_at"]
        columns += self._typed_of_t()
        return f"SELECT {', '.join(columns)} FROM ({some}) AS t{self._joins()} ORDER BY t.parent_key, t.key"

    def _typed_of_t(self) -> list[str]:
        return [f"t.{name}" for name in self._typed]

    def _joins(self) -> str:
        same = "{0}.source = t.source AND {0}.resource = {1} AND {0}.parent_key = t.parent_key AND {0}.key = t.key"
        mark = sql.mark(self.dialect)
        return (
            f" LEFT JOIN mirrorpoint_change AS c ON {same.format('c', mark)} AND c.version = t.version"
            f" LEFT JOIN mirrorpoint_change AS f ON {same.format('f', mark)}"
            " AND f.version = CASE WHEN t.version > 1 THEN 1 END"  # of most records the change is the first one itself
        )


def _bounds(session: Session, prefix: str, after: Id | None, until: Id | None) -> tuple[str, tuple[Any, ...]]:
    record, text, values = f"({prefix}parent_key, {prefix}key)", "", tuple[Any, ...]()
    for sign, bound in ((">", after), ("<=", until)):
        if bound is not None:
            marks, given = sql.exact(session, bound)
            text, values = f"{text} AND {record} {sign} ({', '.join(marks)})", values + given
    return text, values
