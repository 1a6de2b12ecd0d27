"""Which point a local token belongs to; asked by the feed's door and by LOOKUP."""

from __future__ import annotations

from sqlmodel import Session


def owner(session: Session, sealed: str) -> str | None:
    """The code of the one point that has this local token, sealed; None for nobody, and where two have it."""
    raise NotImplementedError
