"""Up to when a time to come may be believed; used by whoever reads one that another process has written.

A machine's clock may have been ahead and been put right since. What it wrote would keep others waiting until that time
has come, in the worst case for years.
"""

from __future__ import annotations

from datetime import datetime, timedelta

#: The clocks of machines that share a database are no further apart.
CLOCKS_DIFFER = timedelta(minutes=5)


def latest(now: datetime, longest: timedelta = timedelta(0)) -> datetime:
    """No clock that is right has written a later time, where what it writes lies at most `longest` ahead."""
    return now + longest + CLOCKS_DIFFER
