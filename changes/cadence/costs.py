"""What a full scan costs, in requests. Pure: how many rows there are is handed in."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """What a probe, or else the mirror, knows of a resource."""

    rows: int | None  #: in the whole resource; None: unknown, taken for one page
    lists: int = 1  #: of a nested resource: its parents
    has_total: bool = True  #: the source says how many rows there are
    is_paged: bool = True
    is_estimate: bool = False  #: made of one list, or of a first page, before the first scan


def requests_per_scan(size: Size, *, page_size: int) -> int:
    """Requests of one complete scan without trouble; each list needs at least one."""
    if not size.is_paged or not size.rows:
        return size.lists
    # All pages but the first begin with the last row of the page before, and a list ends with a page that brings
    # nothing new; where there is a total, only the first list of a scan has to.
    pages = max(1, math.ceil((size.rows / size.lists - 1) / max(1, page_size - 1))) if size.lists else 0
    return size.lists * pages + (min(1, size.lists) if size.has_total else size.lists)
