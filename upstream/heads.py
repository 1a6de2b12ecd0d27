"""Whether the newest records of a list can be read first, in which way, and what an answer says of that.

Pure; used by head scans, by the plan and by `check`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from changes import members
from changes.conversions import CONVERSIONS
from changes.records import Json
from changes.resources import ColumnType, Resource, Shape
from upstream import addresses
from upstream.catalogue import Catalogue


class Way(StrEnum):
    """How the newest records of a list are read."""

    NEWEST = "newest"  #: sorted with the newest first, from the start
    TAIL = "tail"  #: the newest stand last: its last pages, found by the total
    NONE = "none"  #: not at all


class Order(StrEnum):
    """How the rows of a page stand."""

    DESCENDING = "descending"
    ASCENDING = "ascending"
    MIXED = "mixed"
    UNKNOWN = "unknown"  #: too few rows, or all of one moment


def can_have_heads(catalogue: Catalogue, resource: Resource) -> bool:
    """Whether the catalogue lets one try: a flat list in pages, with a member by which new rows come first or last."""
    return first_way(catalogue, resource) is not Way.NONE


def first_way(catalogue: Catalogue, resource: Resource) -> Way:
    """The way that is tried first; what the server answers decides."""
    if resource.parent is not None or resource.shape is not Shape.LIST or not resource.paged:
        return Way.NONE
    if addresses.can_sort_newest_first(catalogue, resource):
        return Way.NEWEST
    return Way.TAIL if can_have_tail(catalogue, resource) else Way.NONE


def can_have_tail(catalogue: Catalogue, resource: Resource) -> bool:
    """Whether any page can be asked for, and the newest rows may stand last."""
    return addresses.newest(resource) is not None and not addresses.is_chain(catalogue, resource)


def is_by_creation(resource: Resource) -> bool:
    """Whether the list is sorted by the creation stamp: only then a later stamp proves that a row was not there."""
    return resource.created is not None and addresses.newest(resource) == members.last_step(resource.created)


def created_at(resource: Resource, row: Json) -> datetime | None:
    """The creation stamp of a row or document, UTC; None where there is none."""
    return None if resource.created is None else _time(members.value(row, resource.created))


def order_of(resource: Resource, rows: Iterable[Json]) -> Order:
    """How the rows stand, by the member that grows with each new record. Rows without it say nothing."""
    values = [value for row in rows if (value := _growing(resource, row)) is not None]
    if len({type(value) for value in values}) > 1:
        return Order.MIXED
    if len(set(values)) < 2:
        return Order.UNKNOWN
    pairs = list(pairwise(values))
    if all(later <= earlier for earlier, later in pairs):
        return Order.DESCENDING
    return Order.ASCENDING if all(later >= earlier for earlier, later in pairs) else Order.MIXED


def _growing(resource: Resource, row: Json) -> Any:
    """A time, a number or a text."""
    if is_by_creation(resource):
        return created_at(resource, row)
    name = addresses.newest(resource)
    value = None if name is None else members.value(row, _as_in_rows(resource, name))
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def _as_in_rows(resource: Resource, name: str) -> str:
    """The member, or the pointer to it, that the server sorts by under this name."""
    named = (each for each in resource.key if isinstance(each, str) and members.last_step(each) == name)
    return next(named, name)


def _time(value: Json) -> datetime | None:
    try:
        found = None if value is None else CONVERSIONS[ColumnType.TIME](value)
    except (ValueError, OverflowError, OSError):
        return None
    return found if isinstance(found, datetime) else None
