"""Whether a refusal may mean that the token is over, or that a right is missing; used by sign_in.py.

401 means the token. 403 mostly means a right, but some servers answer it to an expired token: it is worth a new sign-in
where the resource has answered before, or where nobody in this process knows the token to be good. Where a new token is
refused as well it was a right, and for a while nobody signs in for such an answer again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

#: Statuses that mean the token where the catalogue does not say which do.
USUAL = (401, 419)
_PERHAPS = 403
#: For so long nobody signs in again for an answer that a new token did not change.
IN_VAIN_SECONDS = 300.0


class Doubts:
    """What the requests of one process say of its source's token."""

    def __init__(self, expired: Collection[int] | None, clock: Callable[[], float]) -> None:
        """`expired`: the catalogue's own statuses; None: the usual ones, and 403 perhaps."""
        self._sure = {401, *(USUAL if expired is None else expired)}
        self._perhaps = {_PERHAPS} if expired is None else set()
        self._clock = clock
        self._good = ""  #: the token that was last answered well
        self._answering: set[str] = set()
        self._in_vain: dict[str, float] = {}  #: resource, or "" for all -> when

    def is_sure(self, status: int) -> bool:
        return status in self._sure

    def may_be_over(self, token: str, status: int, resource: str, *, is_own: bool) -> bool:
        """`is_own`: this process has just signed in for it."""
        if status == 401:
            return True
        if status in self._sure:
            return not self._is_fresh(resource)
        if status not in self._perhaps or self._is_fresh(""):
            return False
        return resource in self._answering or (token != self._good and not is_own)

    def note(self, token: str, status: int, resource: str, *, is_renewed: bool) -> None:
        """What the source answered in the end; `is_renewed`: to a second try, with a new token."""
        if 200 <= status < 300:
            self._good = token
            self._answering.add(resource)
        elif is_renewed and status != 401:
            self._in_vain[resource if status in self._sure else ""] = self._clock()

    def _is_fresh(self, resource: str) -> bool:
        at = self._in_vain.get(resource)
        return at is not None and 0 <= self._clock() - at < IN_VAIN_SECONDS
