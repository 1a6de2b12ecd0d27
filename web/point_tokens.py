"""A point's own local token, with which it reads the feed; asked by guard.py for what is no token of the settings."""

from __future__ import annotations

from changes.problems import Problem
from storage.point_tokens import owner
from storage.point_tokens import sealed as seal
from storage.session import Session
from web.access import Caller, Credentials
from web.services import Web


class NotItsToken(Problem):  # named like the others that people read
    """A point whose token is another one by now, or that is gone."""

    code = "token"

    def __init__(self, point: str) -> None:
        super().__init__(f"this is not the token of {point} any more", "ask with the one that it has now")
        self.args = (point,)


def check(session: Session, caller: Caller) -> None:
    """NotItsToken where what let the point in would not do so now: who waits and streams was let in long ago."""
    if caller.point is not None and owner(session, caller.sealed or "") != caller.point:
        raise NotItsToken(caller.point)


def caller_with(web: Web, given: Credentials) -> Caller | None:
    """The point whose local token it is; with Basic the name is the point's code. None where two have the same."""
    sealed = seal(web.vault, given.token)
    if sealed is None:
        return None
    with web.reading.read() as session:
        code = owner(session, sealed)
    return None if code is None or given.name not in {None, "", code} else Caller(code, point=code, sealed=sealed)
