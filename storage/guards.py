"""Whether tables have what keeps rows from being there twice, or without a name: unique keys, and columns never empty.

Asked by whoever verifies the record, since somebody who may write to the database may also take these away.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import inspect

from storage.session import Session

#: What says that no number, no version and no id is there twice.
OF_CHANGES = (("seq",), ("source", "resource", "parent_key", "key", "version"), ("id",))
OF_MIRRORED = (("source", "parent_key", "key"),)


def gone(session: Session, table: str, keys: Collection[Sequence[str]]) -> list[str]:
    """What of it the table does not have, in words; nothing where all is there."""
    asked = inspect(session.sqlalchemy())
    there = {frozenset(asked.get_pk_constraint(table)["constrained_columns"])}
    for index in asked.get_indexes(table):
        is_partial = any(name.endswith("_where") for name in index.get("dialect_options", {}))
        if index["unique"] and not is_partial:
            there.add(frozenset(name or "" for name in index["column_names"]))
    found = [
        f"the unique index over {', '.join(columns)} of {table} is gone: rows may be there twice"
        for columns in keys
        if frozenset(columns) not in there
    ]
    named = {name for columns in keys for name in columns}
    return found + [
        f"the column {column['name']} of {table} may be empty, which lets rows be there without a name"
        for column in asked.get_columns(table)
        if column["name"] in named and column["nullable"]
    ]
