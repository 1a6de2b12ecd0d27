"""What one list request brought; made by the client, read by the walk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from changes.records import Json
from changes.slices import Slices


@dataclass(frozen=True, slots=True)
class RawPage:
    """What one list request brought."""

    rows: list[Json]  #: empty where there are slices
    total: int | None  #: how many rows the source says there are
    size_bytes: int
    requested_at: datetime  #: the rows are as they were at this moment or later
    slices: Slices | None = None  #: the rows, cut out of the body and not yet read
