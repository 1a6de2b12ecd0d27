"""How a slice of a scan ended; told by `slice.py` to all who have it done."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from storage import scans
from upstream.errors import UpstreamError


class Outcome(StrEnum):
    """What became of a slice."""

    HELD = "held"  #: another process holds the scan
    WAITING = "waiting"  #: its parent has had no complete scan yet
    CROWDED = "crowded"  #: its source has enough threads or requests under way
    PAUSED = "paused"  #: it is ahead of the pace at which its requests are spread, and goes on later by itself
    AGAIN = "again"  #: its time is over, and the next slice goes on
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class SliceEnd:
    """How a slice ended; the row `scan_id` has everything else."""

    outcome: Outcome
    scan_id: str | None = None
    error: UpstreamError | None = None  #: what the source answered, if that ended the scan
    is_baseline: bool = False  #: it was the first complete scan: nested resources can be walked from now on
    is_settled: bool = False  #: its records are certainly those of the catalogue again: nested ones can be walked too
    scan: scans.Scan | None = field(default=None, compare=False)  #: that row, if the scan has ended
