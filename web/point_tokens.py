"""A point's own local token, with which it reads the feed; asked by guard.py for what is no token of the settings."""

from __future__ import annotations

from web.access import Caller, Credentials
from web.services import Web


def caller_with(web: Web, given: Credentials) -> Caller | None:
    """The point whose local token it is; with Basic the name is the point's code. None where two have the same."""
    from storage import point_tokens

    sealed = point_tokens.sealed(web.vault, given.token)
    if sealed is None:
        return None
    with web.reading.read() as session:
        code = point_tokens.owner(session, sealed)
    return None if code is None or given.name not in {None, "", code} else Caller(code, point=code)
