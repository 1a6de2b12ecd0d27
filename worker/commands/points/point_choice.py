"""Finds the points that a person means by a code or a glob; used by the commands about deliveries."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from storage.session import Session


def codes(session: Session, text: str | None) -> list[str] | None:
    """None where all are meant. A point that was removed still has its deliveries; one that never was is a mistake."""
    from storage import deliveries, points

    if text is None:
        return None
    known = deliveries.codes(session)
    if text in known or deliveries.read(session, point=text, limit=1):  # a code may look like a glob
        return [text]
    found = [code for code in known if fnmatchcase(code, text)]
    if not found:
        living = {point.code for point in points.list_all(session)}
        raise UsageError(f'there is no point "{text}"', did_you_mean(text, living))
    return found
