"""Cuts the page that a request asks for out of a list, faults included; the three APIs use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sandbox.exchange import Refusal, Request
from sandbox.faults import Fault
from sandbox.fields import Json
from sandbox.records import Order, Table, Where


@dataclass(frozen=True, slots=True)
class Ask:
    """Which rows are wanted."""

    offset: int
    limit: int
    order: Order | tuple[Order, ...] | None = None  #: of several the first counts most
    where: tuple[Where, ...] = ()


@dataclass(slots=True)
class Page:
    """Encoded rows, and how many the source says there are."""

    rows: list[bytes]
    total: Json


#: Deletes or inserts a row in front of the position; handed in, since pages know tables only.
Shift = Callable[[Table, Fault, Ask], None]


def cut(table: Table, ask: Ask, *, faults: list[Fault], shift: Shift) -> Page:
    for fault in faults:
        if fault.kind == "shift":
            shift(table, fault, ask)
    rows = table.view(ask.order, ask.where)
    total: Json = len(rows)
    for fault in faults:
        ask, rows, total = _spoilt(fault, ask, rows, total)
    return Page(rows[ask.offset : ask.offset + ask.limit], total)


def _spoilt(fault: Fault, ask: Ask, rows: list[bytes], total: Json) -> tuple[Ask, list[bytes], Json]:
    number = int(fault.settings.get("rows", 1))
    match fault.kind:
        case "empty":
            return ask, [], 0 if fault.settings.get("total") is None else fault.settings["total"]
        case "cap":
            return replace(ask, limit=min(ask.limit, int(fault.settings.get("limit", 3)))), rows, total
        case "short_page":
            return replace(ask, limit=max(0, ask.limit - number)), rows, total
        case "ignore_offset":
            return replace(ask, offset=0), rows, total
        case "duplicate":
            return replace(ask, offset=max(0, ask.offset - number)), rows, total
        case "endless":
            start = ask.offset % max(1, len(rows))
            return replace(ask, offset=0), (rows[start:] + rows)[: ask.limit], total
        case "total":
            how = fault.settings.get("value")
            return ask, rows, fault.random.randrange(2 * (total or 0) + 2) if how == "changing" else how
        case "unstable_order":
            return ask, _shuffled(fault, rows), total
    return ask, rows, total


def _shuffled(fault: Fault, rows: list[bytes]) -> list[bytes]:
    """Blocks of neighbours change places, elsewhere at each request, so that rows cross the edges of pages."""
    window = int(fault.settings.get("window", 10))
    rows, start = list(rows), -fault.random.randrange(window)
    while start < len(rows):
        part = rows[max(0, start) : start + window]
        fault.random.shuffle(part)
        rows[max(0, start) : start + window] = part
        start += window
    return rows


def order_of(request: Request, table: Table, *, by: str, way: str | None) -> Order | None:
    """The sort that the query names, or the list's own."""
    sorts, wanted = table.endpoint.sorts, request.query.get(by)
    if wanted and wanted not in sorts:
        raise Refusal(400, {"error": f"{by}: {wanted} is none of: {', '.join(sorts)}", "field": by})
    direction = (request.query.get(way) if way else None) or "asc"
    if direction not in ("asc", "desc"):
        raise Refusal(400, {"error": f"{way}: asc or desc is wanted", "field": way})
    member = wanted or table.endpoint.default_sort
    return Order(member, direction == "desc") if member else None


def filters_of(request: Request, table: Table) -> tuple[Where, ...]:
    """`filter[name]=value`, `filter[name]=1, 2` and `filter[names][0]=a`; a name that is not documented is refused."""
    wanted: dict[str, list[str]] = {}
    for name, value in request.query.items():
        if name.startswith("filter[") and name.endswith("]") and value.strip():  # an empty one asks for nothing
            field = name[7:].split("]")[0]
            wanted.setdefault(field, []).extend(part.strip() for part in value.split(","))
    known = {}
    for text in table.endpoint.filters.split():
        sign = next((sign for sign in (">=", "<=", "=") if sign in text), "")
        field, _, member = text.partition(sign) if sign else (text, "", text)
        known[field] = (member, sign or "=")
    for field in wanted:
        if field not in known:
            raise Refusal(400, {"error": f"filter: {field} is not known here", "field": field})
    must = table.endpoint.needs_filter
    if must is not None and wanted.get(must[0]) != [must[1]]:
        raise Refusal(400, {"error": f"filter[{must[0]}]={must[1]} is required", "field": must[0]})
    return tuple(Where(known[field][0], known[field][1], tuple(values)) for field, values in wanted.items())
