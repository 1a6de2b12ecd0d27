"""A few documents of a resource, to see which fields its records have; called by `diff`."""

from __future__ import annotations

from changes.records import Json
from changes.resources import Resource
from storage import driver_values, former, mirror_sql, sql
from storage.session import Session


def documents(session: Session, resource: Resource, source: str, *, limit: int) -> list[Json]:
    """At most so many, by parent and key; none where somebody has dropped the table."""
    if not former.has_table(session, resource):
        return []
    dialect = session.dialect
    rows = mirror_sql.texts_for(resource, dialect).rows + f" ORDER BY parent_key, key LIMIT {sql.mark(dialect)}"
    found = [row[4] for row in sql.fetch(session, rows, (source, limit))]
    # PostgreSQL's driver has parsed them already.
    return [driver_values.parse(each) for each in found] if dialect == "sqlite" else found
