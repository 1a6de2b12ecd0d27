"""How old what is known of a resource may become, by its schedule; asked by `status`, by the page and by the metrics.

Pure: what the schedule comes to, and how long a scan takes, is handed in.
"""

from __future__ import annotations

#: A scan that is so little late is not called late, nor one that takes its usual time.
LATE_SECONDS = 60.0


def grace_seconds(usual_scan_seconds: float) -> float:
    """What is added to the longest interval of the schedule: a scan takes its time, and not always the same."""
    return max(LATE_SECONDS, 2 * usual_scan_seconds)


def promised_seconds(longest_interval_seconds: float, *, usual_scan_seconds: float) -> float:
    """The greatest age at which a resource keeps its promise; counted from the end of its last complete scan."""
    return longest_interval_seconds + grace_seconds(usual_scan_seconds)
