"""How far each reader of the feed has read, as it says itself by what it asks for; told by the page and in metrics."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import col

from storage import sql
from storage.session import Session
from storage.tables import ReaderRow


class Reader(NamedTuple):
    """One of them."""

    name: str  #: of its token, or the point's code
    kind: str  #: token or point
    seq: int  #: everything up to here it has
    at: datetime  #: when it last asked


def note(session: Session, reader: Reader) -> None:
    """It may also begin anew, and so go back."""
    statement = sql.insert(session, ReaderRow)
    again = {"seq": statement.excluded.seq, "at": statement.excluded.at}
    sql.run(session, statement.on_conflict_do_update(index_elements=["kind", "name"], set_=again), [reader._asdict()])


def read(session: Session) -> list[Reader]:
    """All of them."""
    names = (ReaderRow.name, ReaderRow.kind, ReaderRow.seq, ReaderRow.at)
    statement = select(*(col(each) for each in names)).order_by(col(ReaderRow.kind), col(ReaderRow.name))
    return [Reader(*row) for row in sql.run(session, statement)]
