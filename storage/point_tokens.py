"""Which point a local token belongs to; asked by the feed's door, by LOOKUP, and before a point is given one."""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Collection

from changes import sealing
from changes.sealing import Vault
from storage import point_codes, sql
from storage.session import Session
from storage.states import PointState

#: Fewer characters could be guessed.
SHORTEST = 12


def sealed(vault: Vault, token: str) -> str | None:
    """As the database keeps it; None for what is no token.

    What is sealed already is none: seals are shown to everybody who may read, so none may open anything.
    """
    return None if not token or sealing.is_sealed(token) else str(vault.seal(token))


def problem(token: str) -> str | None:
    """What keeps a text from being a local token; it is not quoted."""
    if sealing.is_sealed(token):
        return "is a seal, not the token itself"
    if len(token) < SHORTEST:
        return f"is shorter than {SHORTEST} characters"
    if not token.isascii() or not token.isprintable() or " " in token:
        return "has characters that no header can carry"
    return None


def owner(session: Session, sealed: str) -> str | None:
    """The code of the one point that has this local token, sealed; None for nobody, and where two have it.

    A point whose code belongs to another one is not counted: it cannot read under that code.
    """
    text = f"""
        SELECT code FROM mirrorpoint_point WHERE token_local = :sealed AND {point_codes.IS_HOLDING} ORDER BY code
    """
    holders = sql.rows(session, text, sealed=sealed)
    return holders[0][0] if len(holders) == 1 else None


def taken_by(session: Session, sealed: str, *, but: Collection[str] = ()) -> str | None:
    """The code of an own point that has this local token, but of those named; no second one may have it."""
    text = """
        SELECT code FROM mirrorpoint_point
        WHERE token_local = :sealed AND origin <> 'mirrored' AND state <> :removed ORDER BY code
    """
    holders = sql.rows(session, text, sealed=sealed, removed=PointState.REMOVED)
    return next((code for (code,) in holders if code not in but), None)


def shared(session: Session) -> dict[str, list[str]]:
    """Each code whose point has the local token of others, with their codes: none of them can read the feed."""
    text = f"SELECT token_local, code FROM mirrorpoint_point WHERE {point_codes.IS_HOLDING} AND token_local <> ''"
    together: dict[str, list[str]] = {}
    for token, code in sql.rows(session, text):
        together.setdefault(token, []).append(code)
    return {
        code: sorted(other for other in codes if other != code)
        for codes in together.values()
        if len(codes) > 1
        for code in codes
    }
