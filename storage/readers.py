"""How far each reader of the feed has read, as it says itself by what it asks for; told by the page and in metrics."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from storage import sql
from storage.session import Session


class Reader(NamedTuple):
    """One of them."""

    name: str  #: of its token, or the point's code
    kind: str  #: token or point
    seq: int  #: everything up to here it has
    at: datetime  #: when it last asked


def note(session: Session, reader: Reader) -> None:
    """It may also begin anew, and so go back."""
    text = """
        INSERT INTO mirrorpoint_reader (name, kind, seq, at) VALUES (:name, :kind, :seq, :at)
        ON CONFLICT (kind, name) DO UPDATE SET seq = excluded.seq, at = excluded.at
    """
    sql.change(session, text, **reader._asdict())


def read(session: Session) -> list[Reader]:
    """All of them."""
    text = 'SELECT name, kind, seq, at AS "at [utc]" FROM mirrorpoint_reader ORDER BY kind, name'
    return [Reader(*row) for row in sql.rows(session, text)]
