"""Cuts the page that a request asks for out of a list, faults included; the three APIs use it."""

from __future__ import annotations

from collections.abc import Callable

from sandbox import false_lists, odd_offsets, odd_pages
from sandbox.exchange import Refusal, Request
from sandbox.faults import Fault
from sandbox.odd_offsets import Ask
from sandbox.odd_pages import Page
from sandbox.records import Order, Table, Where

#: Deletes or inserts a row in front of the position; handed in, since pages know tables only.
Shift = Callable[[Table, Fault, Ask], None]


def cut(table: Table, ask: Ask, *, faults: list[Fault], shift: Shift) -> Page:
    """The rows asked for, and the total. Raises Refusal where a fault has the server refuse them."""
    for fault in faults:
        if fault.kind == "shift":
            shift(table, fault, ask)
    rows = table.view(ask.order, ask.where)
    page = Page([], len(rows), offset=ask.offset)
    for fault in faults:
        rows, page.total = false_lists.spoilt(fault, rows, page.total)
    page.is_empty_list = not rows
    for fault in faults:
        ask, rows = odd_offsets.taken(fault, ask, rows)
    page.rows = rows[ask.offset : ask.offset + ask.limit]
    for fault in faults:
        odd_pages.spoil(fault, table, page)
    return page


def order_of(request: Request, table: Table, *, by: str, way: str | None) -> Order | None:
    """The sort that the query names, or the list's own."""
    sorts, wanted = table.endpoint.sorts, request.query.get(by)
    odd = next((fault.settings for fault in request.faults if fault.kind == "sort"), None)
    how = odd.get("how", "refused") if odd is not None and wanted else None
    if odd is not None and how == "refused":
        raise Refusal(int(odd.get("status", 400)), {"error": f"{by}: not here", "field": by})
    if how == "ignored":
        return None
    if how is not None:  # also what is documented as no sort of this list
        return Order(wanted or "", how == "obeyed" and bool(way) and request.query.get(way or "") == "desc")
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
