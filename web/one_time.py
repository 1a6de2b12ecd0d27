"""The links that sign somebody in where no tokens are configured: each is printed, and works once."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable

#: So long a new link is not printed again, whoever asks for it.
_PAUSE_SECONDS = 30.0


class OneTimeCodes:
    """Of one process. `tell` is given the code of a new link; `monotonic` gives seconds."""

    def __init__(self, tell: Callable[[str], None], monotonic: Callable[[], float]) -> None:
        self._tell = tell
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._code = ""
        self._told_at = -_PAUSE_SECONDS

    def renew(self) -> None:
        """A new code, told; the former one is worth nothing any more. Not more often than twice a minute."""
        with self._lock:
            if self._monotonic() - self._told_at < _PAUSE_SECONDS:
                return
            self._code, self._told_at = secrets.token_urlsafe(24), self._monotonic()
            self._tell(self._code)

    def take(self, code: str) -> bool:
        """Whether it is the one that was told; then it was."""
        with self._lock:
            is_it = bool(self._code) and hmac.compare_digest(self._code.encode(), code.encode())
            if is_it:
                self._code = ""
                self._told_at = -_PAUSE_SECONDS
            return is_it
