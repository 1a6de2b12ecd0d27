"""Where a resource's list and its records are, and how a page of it is asked for; used by the client and the writer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

from changes import members
from changes.records import Id
from changes.resources import Resource
from upstream import path_words
from upstream.catalogue import Catalogue
from upstream.errors import NotAvailable
from upstream.paging_table import Paging, Style

NO_TEXTS: Mapping[str, str] = MappingProxyType({})


def of_list(resource: Resource, parent_key: str) -> str:
    """The path of the list below `parent_key`."""
    return path_words.filled(resource.path, path_words.of_list(resource, parent_key), _segment)


def of_record(source: str, resource: Resource, id: Id) -> str:  # noqa: A002  the word of the mirror
    """The path of one record; NotAvailable where records of the resource have none."""
    if resource.item_path is None or not path_words.has_own_path(resource, id):
        hint = "Its records can only be read as a list"
        raise NotAvailable(source, resource.name, "a single record has no path of its own", hint, 404)
    return path_words.filled(resource.item_path, path_words.of_record(resource, id), _segment)


def record_params(resource: Resource, id: Id) -> dict[str, str]:  # noqa: A002  the word of the mirror
    """The query of a record's own path: the parameters that name its parents, as its list has them."""
    words = path_words.of_list(resource, id.parent_key)
    filled = {name: path_words.filled(value, words) for name, value in resource.params.items()}
    return {name: value for name, value in filled.items() if value != resource.params[name]}


def can_sort_newest_first(catalogue: Catalogue, resource: Resource) -> bool:
    sorting = catalogue.sorting
    return sorting is not None and sorting.order is not None and resource.paged and newest(resource) is not None


def page_params(
    catalogue: Catalogue,
    resource: Resource,
    *,
    offset: int,
    limit: int,
    parent_key: str = "",
    newest_first: bool = False,
    cursor: str = "",
    texts: Mapping[str, str] = NO_TEXTS,
) -> dict[str, str]:
    """The query of a list request; `cursor`: that which the page before it named.

    `texts`: what stands for values that the catalogue only says the place of.
    """
    words = path_words.of_list(resource, parent_key) if resource.ancestors else {}
    params = {
        name: texts[value] if value in texts else path_words.filled(value, words)
        for name, value in resource.params.items()
    }
    if resource.paged:
        params.update(_place(catalogue.paging_of(resource), offset, limit, cursor))
    if newest_first and not can_sort_newest_first(catalogue, resource):
        raise ValueError(f"{resource.name} cannot be listed with the newest first")
    by = newest(resource) if newest_first else resource.sort
    sorting = catalogue.sorting
    if sorting is not None and by is not None:
        params[sorting.by] = by
        if sorting.order is not None:
            params[sorting.order] = "desc" if newest_first else "asc"
    return params


def is_by_pages(catalogue: Catalogue, resource: Resource) -> bool:
    """Whether only offsets that are multiples of the limit can be asked for: the pages of a walk cannot overlap."""
    return resource.paged and catalogue.paging_of(resource).style is Style.PAGE


def is_chain(catalogue: Catalogue, resource: Resource) -> bool:
    """Whether each page names the next one."""
    return resource.paged and catalogue.paging_of(resource).is_chain


def _place(paging: Paging, offset: int, limit: int, cursor: str) -> dict[str, str]:
    params = {paging.limit: str(limit)}
    match paging.style:
        case Style.OFFSET:
            params[paging.offset] = str(offset)
        case Style.PAGE:
            if offset % limit:
                raise ValueError(f"no page of {limit} rows begins at {offset}")
            params[paging.page] = str(offset // limit + paging.first)
        case Style.CURSOR if cursor:
            params[paging.cursor] = cursor
    return params


def newest(resource: Resource) -> str | None:
    """What a list is sorted by to have its newest rows first: the creation stamp, else a key that grows.

    None where the catalogue names neither as something that the server sorts by.
    """
    if resource.created is not None and not members.is_pointer(resource.created):
        return resource.created
    # A pointer is no name that a server could sort by, unless the catalogue sorts by its last step.
    growing = (resource.created, *(each for each in resource.key if isinstance(each, str)))
    return resource.sort if resource.sort in {members.last_step(each) for each in growing if each} else None


def _segment(key: str) -> str:
    """A key as one segment of a path; dots alone would mean another place in the path."""
    return key.replace(".", "%2E") if key in (".", "..") else quote(key, safe="", errors="replace")
