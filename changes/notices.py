"""The notices that there are: events about Mirrorpoint itself; docs/events.md tells what each holds.

Named by who writes one (storage/notices.py), by routes, and by `check`.
"""

from __future__ import annotations

from enum import StrEnum

#: With this every notice's type begins, and whatever a route writes to ask for some.
PREFIX = "mirrorpoint."


class Notice(StrEnum):
    """The type of a notice that routes can ask for."""

    SEALED = "mirrorpoint.sealed"  #: a checkpoint of the record was signed, and is to be kept
    DELETIONS_HELD = "mirrorpoint.deletions_held"  #: a scan holds deletions back until a person approves
    PROMISE_BROKEN = "mirrorpoint.promise_broken"  #: a resource was not looked at in time
    PROMISE_KEPT = "mirrorpoint.promise_kept"  #: it is again
    POINT_DEAD = "mirrorpoint.point_dead"  #: a delivery to a point was given up


def is_meant(name: str) -> bool:
    """Whether a route's entry, a name or a glob, is about notices and not about resources."""
    return name.startswith(PREFIX)
