"""What a fault makes of the offset and the limit that a page was asked for with; called by `sandbox.pages`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sandbox.exchange import Refusal
from sandbox.faults import Fault
from sandbox.records import Order, Where


@dataclass(frozen=True, slots=True)
class Ask:
    """Which rows are wanted."""

    offset: int
    limit: int
    order: Order | tuple[Order, ...] | None = None  #: of several the first counts most
    where: tuple[Where, ...] = ()


def taken(fault: Fault, ask: Ask, rows: list[bytes]) -> tuple[Ask, list[bytes]]:
    """The question as the server takes it, and the rows that it answers it from. Raises Refusal."""
    settings, limit = fault.settings, max(ask.limit, 1)
    match fault.kind:
        case "cap":
            return replace(ask, limit=min(ask.limit, int(settings.get("limit", 3)))), rows
        case "short_page":
            return replace(ask, limit=max(0, ask.limit - int(settings.get("rows", 1)))), rows
        case "ignore_offset":
            return replace(ask, offset=0), rows
        case "duplicate":
            return replace(ask, offset=max(0, ask.offset - int(settings.get("rows", 1)))), rows
        case "endless":
            start = ask.offset % max(1, len(rows))
            return replace(ask, offset=0), (rows[start:] + rows)[: ask.limit]
        case "hole" if int(settings.get("from", 50)) <= ask.offset < int(settings.get("to", 60)):
            return ask, []
        case "clamp":
            most = settings.get("offset")
            most = max(len(rows) - limit, 0) if most is None else int(most)
            return replace(ask, offset=min(ask.offset, most)), rows
        case "snap":
            return replace(ask, offset=ask.offset // limit * limit), rows
        case "page_number":
            return replace(ask, offset=max(0, ask.offset - int(settings.get("first", 0))) * limit), rows
        case "refuse_unaligned" if ask.offset % limit:
            raise _refused(fault, 400, f"offset: a multiple of {limit} is wanted")
        case "window" if ask.offset + ask.limit > int(settings.get("bound", 100)):
            raise _refused(fault, 400, f"offset and limit: at most {settings.get('bound', 100)} together")
        case "refuse_behind" if 0 < ask.offset >= len(rows):
            raise _refused(fault, 404, "nothing is behind the last row")
    return ask, rows


def _refused(fault: Fault, status: int, reason: str) -> Refusal:
    return Refusal(int(fault.settings.get("status", status)), {"error": reason})
