"""Parts of the statements on the change log: which of its rows are meant. Used by the files that read the log."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from changes.records import Id

#: Of one record; `of_record` gives the values. An index has them in the order of their versions.
OF_RECORD = "source = :source AND resource = :resource AND parent_key = :parent_key AND key = :key"
#: Many records at once: a row for each of `:ids`, pairs of parent key and key as JSON; `chunks` says how many.
WANTED = {
    "sqlite": "SELECT value ->> 0 AS of_parent, value ->> 1 AS of_key FROM json_each(:ids)",
    "postgresql": "SELECT one ->> 0 AS of_parent, one ->> 1 AS of_key FROM jsonb_array_elements(:ids::jsonb) AS one",
}
#: Of one of those: to be formatted with the alias of the log.
OF_WANTED = "{0}.source = :source AND {0}.resource = :resource AND {0}.parent_key = of_parent AND {0}.key = of_key"
#: Its last change, as `n`.
NEWEST = f"FROM mirrorpoint_change AS n WHERE {OF_WANTED.format('n')} ORDER BY version DESC LIMIT 1"
_CHUNK = 500


def of_record(source: str, resource: str, id_: Id) -> dict[str, Any]:
    """The values of `OF_RECORD`."""
    return {"source": source, "resource": resource, "parent_key": id_.parent_key, "key": id_.key}


def chunks(ids: Sequence[Id]) -> Iterator[Sequence[Id]]:
    """As many records as belong into one statement."""
    return (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))


def one_of(column: str, wanted: Sequence[Any], values: dict[str, Any]) -> str:
    """That the column has one of these, which are added to `values`.

    Each has a place of its own, unlike with `sql.among`: where there is one alone the databases take it for `=`, and
    an index gives the rows in the order of its next column.
    """
    if not wanted:
        return "1 = 0"
    names = [f"one_of_{number}" for number in range(len(values), len(values) + len(wanted))]
    values.update(zip(names, wanted, strict=True))
    return f"{column} IN ({', '.join(f':{name}' for name in names)})"


def of_resources(resources: Collection[tuple[str, str]], values: dict[str, Any]) -> str:
    """The same of pairs of source and resource."""
    by_source: dict[str, list[str]] = {}
    for source, resource in sorted(set(resources)):
        by_source.setdefault(source, []).append(resource)
    parts = [
        f"({one_of('source', [source], values)} AND {one_of('resource', names, values)})"
        for source, names in by_source.items()
    ]
    return f"({' OR '.join(parts)})" if parts else "1 = 0"
