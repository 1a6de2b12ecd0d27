"""What one process leaves alone for a while, since it can hardly have become due; used by housekeeping.

It is the process's own memory, so another process, or the next one, may look sooner: to look is never wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Rests:
    """By name, until when each rests. The machine's clock may be set meanwhile: this counts seconds that pass."""

    def __init__(self, seconds_now: Callable[[], float] = time.monotonic) -> None:
        self._seconds_now = seconds_now
        self._until: dict[str, float] = {}

    def is_over(self, what: str) -> bool:
        """Also where it never began."""
        return self._seconds_now() >= self._until.get(what, float("-inf"))

    def begin(self, what: str, seconds: float) -> None:
        """From now on; a rest that was longer is over."""
        self._until[what] = self._seconds_now() + seconds
