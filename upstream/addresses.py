"""Where a resource's list and its records are, and how a page of it is asked for; used by the client and the writer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

from changes import resources
from changes.records import Id
from changes.resources import PLACEHOLDER, Resource
from upstream.catalogue import Catalogue
from upstream.errors import NotAvailable

NO_TEXTS: Mapping[str, str] = MappingProxyType({})


def of_list(resource: Resource, parent_key: str) -> str:
    """The path of the list below `parent_key`."""
    return _filled(resource, resource.path, parent_key, {})


def of_record(source: str, resource: Resource, id: Id) -> str:  # noqa: A002  the word of the mirror
    """The path of one record; NotAvailable where records of the resource have none."""
    if resource.item_path is None or not id.key:
        hint = "Its records can only be read as a list"
        raise NotAvailable(source, resource.name, "a single record has no path of its own", hint, 404)
    return _filled(resource, resource.item_path, id.parent_key, {"key": id.key})


def can_sort_newest_first(catalogue: Catalogue, resource: Resource) -> bool:
    sorting = catalogue.sorting
    return sorting is not None and sorting.order is not None and resource.paged and _newest(resource) is not None


def page_params(
    catalogue: Catalogue,
    resource: Resource,
    *,
    offset: int,
    limit: int,
    newest_first: bool,
    texts: Mapping[str, str] = NO_TEXTS,
) -> dict[str, str]:
    """The query of a list request; `texts`: what stands for values that the catalogue only says the place of."""
    params = {name: texts.get(value, value) for name, value in resource.params.items()}
    if resource.paged:
        params[catalogue.paging.limit] = str(limit)
        params[catalogue.paging.offset] = str(offset)
    if newest_first and not can_sort_newest_first(catalogue, resource):
        raise ValueError(f"{resource.name} cannot be listed with the newest first")
    by = _newest(resource) if newest_first else resource.sort
    sorting = catalogue.sorting
    if sorting is not None and by is not None:
        params[sorting.by] = by
        if sorting.order is not None:
            params[sorting.order] = "desc" if newest_first else "asc"
    return params


def _newest(resource: Resource) -> str | None:
    """The member that grows with each new record: what lists are sorted by where that does, else the creation stamp."""
    return resource.sort if resource.sort in {resource.created, *resource.key} else resource.created


def _filled(resource: Resource, template: str, parent_key: str, values: dict[str, str]) -> str:
    keys = resources.split_keys(parent_key)
    if len(keys) != len(resource.ancestors):
        raise ValueError(f"{resource.name} needs the keys of {len(resource.ancestors)} parents, not of {len(keys)}")
    values = {**dict(zip(resource.ancestors, keys, strict=True)), **values}
    if keys:
        values["parent"] = keys[-1]
    return PLACEHOLDER.sub(lambda match: _segment(values[match[1]]), template)


def _segment(key: str) -> str:
    """A key as one segment of a path; dots alone would mean another place in the path."""
    return key.replace(".", "%2E") if key in (".", "..") else quote(key, safe="", errors="replace")
