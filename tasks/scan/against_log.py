"""Compares all rows of a list with the change log before a walk, and puts back what somebody else has written there.

That is done where the database has counted strange hands (storage/generations.py), and once a day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from changes.records import Id
from storage import from_log, generations, mirror_rows, sql
from storage.generations import Counted
from storage.session import Session
from tasks.mirror_checks import compared
from tasks.mirror_checks.compared import Table
from tasks.scan import put_back, whole_pages
from tasks.scan.apply import Applied
from tasks.scan.lease import Write
from tasks.scan.position import Phase, Position
from tasks.scan.scope import Scope

#: All rows are compared at least so often, whatever the database has counted: a trigger can be switched off.
WITHIN_SECONDS = 86_400
#: Rows that are read at a time.
_ROWS = 2_000


def is_due(counted: Counted, now: datetime) -> bool:
    """Whether all rows are to be compared."""
    if counted.settled_at is None or counted.strange != counted.settled:
        return True
    # A clock that was ahead has said nothing of when.
    return not 0 <= (now - counted.settled_at).total_seconds() < WITHIN_SECONDS


def compare(
    scope: Scope, position: Position, commit: Callable[[Write], object], *, is_over: Callable[[], bool]
) -> bool:
    """Do so from where the position stands, if it stands there; False if the slice `is_over` first.

    `commit` makes one transaction of it and the position.
    """
    comparison = _Comparison(scope, position.compared)
    while position.phase is Phase.COMPARE:
        if is_over():
            commit(_nothing)
            return False
        part = comparison.next()
        position.compared = part.until
        if part.until is None or not part.is_right:
            commit(_settlement(comparison, part, position))
    return True


def put_all_back(scope: Scope, commit: Callable[[Write], object]) -> None:
    """Compare all rows of the scope's resource, and put back what is wrong, one part for each `commit`."""
    comparison, is_last = _Comparison(scope), False
    while not is_last:
        part = comparison.next()
        is_last = part.until is None
        if not part.is_right:
            commit(_settlement(comparison, part))


def _nothing(_session: Session, _now: datetime) -> Applied:
    """To be written beside the position."""
    return Applied()


@dataclass(frozen=True, slots=True)
class _Part:
    """The next records, by their parents and keys."""

    wrong: Sequence[Id]
    nameless: Sequence[Id]  #: rows under names that Mirrorpoint never writes
    until: Id | None  #: the last of them; None: there are no more

    @property
    def is_right(self) -> bool:
        return not (self.wrong or self.nameless)


@dataclass(slots=True)
class _Comparison:
    scope: Scope
    after: Id | None = None  #: the last record that was compared
    table: Table | None = None

    def next(self) -> _Part:
        """Compare the next rows; those that are wrong are still to be put back."""
        resource, source, after = self.scope.resource, self.scope.source, self.after
        with self.scope.services.database.read() as session:
            table = self.table_of(session)
            rows = mirror_rows.part(session, resource, source, after=after, limit=_ROWS)
            ids = [compared.id_of(row) for row in rows]
            named = [id_ for id_ in ids if _is_name(id_)]
            until = (named[-1] if named else after) if len(rows) == _ROWS else None
            wrong = put_back.wrong(session, table, [id_ for id_ in table.odd(rows) if _is_name(id_)])
            found = mirror_rows.lost(session, resource, source, rows, after=after, until=until, limit=_ROWS)
            lost = [each.id for each in found]
        if len(lost) == _ROWS:
            until = lost[-1]
        self.after = until
        nameable = [id_ for id_ in dict.fromkeys([*wrong, *lost]) if _is_name(id_)]
        return _Part(nameable, [id_ for id_ in ids if not _is_name(id_)], until)

    def table_of(self, session: Session) -> Table:
        if self.table is None:
            self.table = put_back.table_of(session, self.scope, self.scope.resource)
        return self.table


def _settlement(comparison: _Comparison, part: _Part, position: Position | None = None) -> Write:
    """What puts its wrong rows back; behind the last part, the walk of the scan that stands there may begin."""
    scope = comparison.scope
    resource, source = scope.resource, scope.source

    def write(session: Session, now: datetime) -> Applied:
        table = comparison.table_of(session)
        with whole_pages.own_writes(session, scope, position):  # from here on nobody else writes there
            wrong = put_back.wrong(session, table, part.wrong)
            done = from_log.put_back(session, resource, source, wrong, stamp=table.stamp)
            mirror_rows.remove(session, resource, source, part.nameless)
        put_back.note(session, scope, resource, [*done, *part.nameless], now=now)
        if position is not None and part.until is None:
            generations.note_settled(session, source, resource.name, strange=position.strange, at=now)
            position.phase = Phase.WALK
        return Applied()

    return write


def _is_name(id_: Id) -> bool:
    """Whether Mirrorpoint may have written it: other names cannot be put into a statement as they are."""
    return all(sql.is_written_text(part) and "\0" not in part for part in id_)
