"""What the last changes are about, so that those who wait do not each look at what is not for them.

Filled by looking.py at each look of the watcher; asked by following.py for each who waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from storage import feed
from storage.feed import About
from storage.session import Session

#: Looks that are remembered: a minute of a busy log, which is the longest wait.
_LOOKS = 120
#: Of more changes between two looks nobody asks what they are about.
_MOST = 5000


class _Look(NamedTuple):
    after: int
    until: int
    about: frozenset[About] | None  #: None: nobody knows


class Fresh:
    """Of one process. Written by one thread at a time; who reads sees the state of before, or of after."""

    def __init__(self) -> None:
        self._looks: tuple[_Look, ...] = ()

    def note(self, session: Session, latest: int) -> None:
        """The log goes up to there."""
        if not self._looks or latest < self._looks[-1].until:  # the first look, or another database
            self._looks = (_Look(latest, latest, frozenset()),)
            return
        after = self._looks[-1].until
        if latest > after:
            about = feed.about(session, after=after, until=latest) if latest - after <= _MOST else None
            self._looks = (*self._looks, _Look(after, latest, about))[-_LOOKS:]

    def concerns(self, after: int, is_for: Callable[[About], bool]) -> bool:
        """Whether there may be something for him behind this number; True where nobody knows."""
        looks = self._looks
        if not looks or after < looks[0].after:
            return True
        behind = [look for look in looks if look.until > after]
        return any(look.about is None or any(map(is_for, look.about)) for look in behind)
