"""Whether tables have what keeps rows from being there twice, or without a name: unique keys, and columns never empty.

Asked by whoever verifies the record, since somebody who may write to the database may also take these away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from storage import sql
from storage.session import Session

#: What says that no number, no version and no id is there twice.
OF_CHANGES = (("seq",), ("source", "resource", "parent_key", "key", "version"), ("id",))
OF_MIRRORED = (("source", "parent_key", "key"),)


def gone(session: Session, table: str, keys: Collection[Sequence[str]]) -> list[str]:
    """What of it the table does not have, in words; nothing where all is there."""
    unique: dict[int | str | None, set[str]] = {}
    for index, column in sql.rows(session, _UNIQUE[session.dialect], table=table):
        unique.setdefault(index, set()).add(column or "")
    there = {frozenset(columns) for columns in unique.values()}
    found = [
        f"the unique index over {', '.join(columns)} of {table} is gone: rows may be there twice"
        for columns in keys
        if frozenset(columns) not in there
    ]
    named = {name for columns in keys for name in columns}
    return found + [
        f"the column {column} of {table} may be empty, which lets rows be there without a name"
        for (column,) in sql.rows(session, _MAY_BE_EMPTY[session.dialect], table=table)
        if column in named
    ]


#: Each unique index, the primary key among them, with its columns; NULL for an expression. None is partial.
_UNIQUE = {
    "sqlite": """
        SELECT one.name, held.name FROM pragma_index_list(:table) AS one JOIN pragma_index_info(one.name) AS held
        WHERE one."unique" AND NOT one.partial
        UNION ALL
        SELECT NULL, name FROM pragma_table_info(:table) WHERE pk > 0
    """,
    "postgresql": """
        SELECT CAST(one.indexrelid AS bigint), held.attname FROM pg_index AS one
        CROSS JOIN LATERAL unnest(one.indkey) WITH ORDINALITY AS part (number, place)
        LEFT JOIN pg_attribute AS held ON held.attrelid = one.indrelid AND held.attnum = part.number
        WHERE one.indrelid = to_regclass(quote_ident(:table)) AND one.indisunique AND one.indpred IS NULL
            AND part.place <= one.indnkeyatts
    """,
}
#: In the order of the table.
_MAY_BE_EMPTY = {
    "sqlite": 'SELECT name FROM pragma_table_xinfo(:table) WHERE hidden <> 1 AND NOT "notnull" ORDER BY cid',
    "postgresql": """
        SELECT attname FROM pg_attribute
        WHERE attrelid = to_regclass(quote_ident(:table)) AND attnum > 0 AND NOT attisdropped AND NOT attnotnull
        ORDER BY attnum
    """,
}
