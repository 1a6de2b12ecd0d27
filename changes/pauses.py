"""How long somebody is left alone who has failed again: each time twice as long, up to a bound; used by all rooms."""

from __future__ import annotations


def doubled(first_seconds: float, times: int, most_seconds: float) -> float:
    """The pause after so many failures in a row: the first after one."""
    return float(min(first_seconds * 2.0 ** min(max(times, 1) - 1, 60), most_seconds))
