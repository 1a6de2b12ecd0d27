"""What a fault makes of a whole list, before a page is cut out of it: other rows, another order, another total;
called by `sandbox.pages`."""

from __future__ import annotations

import orjson

from sandbox.faults import Fault
from sandbox.fields import Json
from sandbox.records import verbatim


def spoilt(fault: Fault, rows: list[bytes], total: Json) -> tuple[list[bytes], Json]:
    """Rows and total as this fault wants them; the list that is given is left as it is."""
    settings = fault.settings
    match fault.kind:
        case "empty":
            return [], 0 if settings.get("total") is None else settings["total"]
        case "total" if "by" in settings:
            return rows, total + int(settings["by"]) if isinstance(total, int) else total
        case "total" if settings.get("value") == "changing":
            return rows, fault.random.randrange(2 * (total if isinstance(total, int) else 0) + 2)
        case "total" if settings.get("value") != "page":
            return rows, settings.get("value")
        case "unstable_order":
            return _shuffled(fault, rows), total
        case "ties":
            return _with_ties(fault, rows), total
        case "twice":
            rows = _with_one_twice(fault, rows)
            return rows, len(rows)
        case "literal":
            return _with_literals(fault, rows), total
        case "wall":
            return rows[: int(settings.get("rows", 50))], total
    return rows, total


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


def _with_ties(fault: Fault, rows: list[bytes]) -> list[bytes]:
    """Every so many rows two have the same rank: who of them comes first is settled anew at each request."""
    rows, every = list(rows), max(2, int(fault.settings.get("every", 10)))
    for at in range(every - 1, len(rows) - 1, every):
        if fault.random.random() < 0.5:
            rows[at], rows[at + 1] = rows[at + 1], rows[at]
    return rows


def _with_one_twice(fault: Fault, rows: list[bytes]) -> list[bytes]:
    """A row stands at a second place as well, and says something else there."""
    settings, number = fault.settings, int(fault.settings.get("row", 3))
    if len(rows) < number:
        return rows
    other = rows[number - 1]
    if other.startswith(b"{"):
        member, value = str(settings.get("member", "name")), settings.get("value", "other")
        other = orjson.dumps({**verbatim(other), member: value})
    at = int(settings.get("at", len(rows)))
    return [*rows[:at], other, *rows[at:]]


def _with_literals(fault: Fault, rows: list[bytes]) -> list[bytes]:
    """A member is written in just this text, which need not be JSON: in one row, or in all."""
    member, text = str(fault.settings.get("member", "amount")), str(fault.settings.get("text", "NaN"))
    only = fault.settings.get("row")
    wanted = range(len(rows)) if only is None else range(int(only) - 1, min(int(only), len(rows)))
    rows = list(rows)
    for place in wanted:
        if rows[place].startswith(b"{"):
            rows[place] = orjson.dumps({**verbatim(rows[place]), member: orjson.Fragment(text)})
    return rows
