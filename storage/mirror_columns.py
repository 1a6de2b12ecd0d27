"""Which typed columns the tables of the mirrored resources have, by their catalogues."""

from __future__ import annotations

from collections.abc import Iterable

from changes.resources import ColumnType, Resource
from storage.errors import ColumnMismatch


def typed_columns(resource: Resource) -> dict[str, ColumnType]:
    """SQL column -> type, in the catalogue's order."""
    names = resource.column_names()
    return {names[member]: kind for member, kind in resource.columns.items()}


def united_columns(resources: Iterable[Resource]) -> dict[str, dict[str, ColumnType]]:
    """Table -> its columns; resources of several catalogues that share a table have all their columns in it."""
    tables: dict[str, dict[str, ColumnType]] = {}
    for resource in resources:
        columns = tables.setdefault(resource.name, {})
        for name, kind in typed_columns(resource).items():
            if columns.setdefault(name, kind) != kind:
                raise ColumnMismatch(
                    f"two catalogues disagree on {resource.name}.{name}: {columns[name]} and {kind}",
                    "give the column one type in both, or call one of the resources something else",
                )
    return tables
