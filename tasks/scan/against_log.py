"""Compares all rows of a list with the change log before a walk, and puts back what somebody else has written there.

Those of its parents, too, since their rows say which lists there are. That is done where the database has counted
strange hands (storage/generations.py), and once a day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from changes.records import Id
from changes.resources import Resource
from storage import from_log, generations, mirror_rows, sql
from storage.generations import Counted
from storage.log_rows import Row
from storage.session import Session
from tasks.mirror_checks import compared
from tasks.mirror_checks.compared import Table
from tasks.scan import put_back, whole_pages
from tasks.scan.apply import Applied
from tasks.scan.lease import Write
from tasks.scan.position import Phase, Position
from tasks.scan.scope import Scope
from upstream.evidence import Outcome

#: All rows are compared at least so often, whatever the database has counted: a trigger can be switched off.
WITHIN_SECONDS = 86_400
#: Why a scan of nested lists proves nothing.
STRANGER_AMONG_PARENTS = "somebody else has written to the mirror's table of its parents meanwhile"
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
    if position.phase is Phase.COMPARE and position.compared is None and scope.parent is not None:
        _compare_parents(scope, scope.parent, position, commit)
    comparison = _Comparison(scope, scope.resource, position.compared)
    while position.phase is Phase.COMPARE:
        if is_over():
            commit(_nothing)
            return False
        part = comparison.next()
        position.compared = part.until
        if part.until is None or not part.is_right:
            commit(_settle(comparison, position, part))
    return True


def put_all_back(scope: Scope, commit: Callable[[Write], object]) -> None:
    """Compare all rows of the scope's resource, and put back what is wrong, one part for each `commit`."""
    comparison, is_last = _Comparison(scope, scope.resource), False
    while not is_last:
        part = comparison.next()
        is_last = part.until is None
        if not part.is_right:
            commit(_judged_again(comparison, part))


def _compare_parents(scope: Scope, parent: Resource, position: Position, commit: Callable[[Write], object]) -> None:
    """Do so with all parents, if it is due: the lists of those whose rows are not as the log has them are not read."""
    with scope.services.database.read() as session:
        counted = generations.begin(session, scope.source, parent.name)
    comparison, is_last = _Comparison(scope, parent), not is_due(counted, scope.services.now())
    while not is_last:
        part = comparison.next()
        is_last = part.until is None
        commit(_settle_parents(comparison, position, part))


def weigh_parents(session: Session, scope: Scope, position: Position) -> None:
    """Where somebody else has written to the table of the parents since the scan began, some may not be asked."""
    if scope.parent is not None:
        counted = generations.begin(session, scope.source, scope.parent.name)
        if counted.strange != position.strange_parents:
            position.note(Outcome.PARTIAL, STRANGER_AMONG_PARENTS)


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
    resource: Resource
    after: Id | None = None  #: the last record that was compared
    table: Table | None = None

    def next(self) -> _Part:
        """Compare the next rows; those that are wrong are still to be put back."""
        resource, source, after = self.resource, self.scope.source, self.after
        with self.scope.services.database.read() as session:
            table = self.table_of(session)
            rows = mirror_rows.part(session, resource, source, after=after, limit=_ROWS)
            ids = [compared.id_of(row) for row in rows]
            named = [id_ for id_ in ids if _is_name(id_)]
            until = (named[-1] if named else after) if len(rows) == _ROWS else None
            wrong = put_back.wrong(session, table, [id_ for id_ in table.odd(rows) if _is_name(id_)])
            lost = self._lost(session, rows, until)
        if len(lost) == _ROWS:
            until = lost[-1]
        self.after = until
        found = [id_ for id_ in dict.fromkeys([*wrong, *lost]) if _is_name(id_)]
        return _Part(found, [id_ for id_ in ids if not _is_name(id_)], until)

    def _lost(self, session: Session, rows: Sequence[Row], until: Id | None) -> list[Id]:
        """Records without a row, or with one of an older version: then there are more changes than the versions say."""
        resource, source, after = self.resource, self.scope.source, self.after
        counted = mirror_rows.count_changes(session, resource.name, source, after=after, until=until)
        known = {row[:2]: row[3] for row in rows if row[6] is not None and isinstance(row[3], int)}
        if counted == sum(known.values()):
            return []
        found = mirror_rows.unlike(session, resource, source, after=after, until=until, limit=_ROWS)
        return [each.id for each in found]

    def table_of(self, session: Session) -> Table:
        if self.table is None:
            self.table = put_back.table_of(session, self.scope, self.resource)
        return self.table


def _settle(comparison: _Comparison, position: Position, part: _Part) -> Write:
    """What puts its wrong rows back; behind the last part the walk may begin."""
    scope, resource = comparison.scope, comparison.resource

    def write(session: Session, now: datetime) -> Applied:
        stamp = comparison.table_of(session).stamp
        with whole_pages.own_writes(session, scope, position):
            done = from_log.put_back(session, resource, scope.source, part.wrong, stamp=stamp)
            mirror_rows.remove(session, resource, scope.source, part.nameless)
        put_back.note(session, scope, resource, [*done, *part.nameless], now=now)
        if part.until is None:
            generations.note_settled(session, scope.source, resource.name, strange=position.strange, at=now)
            position.phase = Phase.WALK
        return Applied()

    return write


def _settle_parents(comparison: _Comparison, position: Position, part: _Part) -> Write:
    """The same of parents."""
    put_right = _judged_again(comparison, part)

    def write(session: Session, now: datetime) -> Applied:
        applied, scope = put_right(session, now), comparison.scope
        if part.until is None:
            strange, resource = position.strange_parents, comparison.resource
            generations.note_settled(session, scope.source, resource.name, strange=strange, at=now)
        return applied

    return write


def _judged_again(comparison: _Comparison, part: _Part) -> Write:
    """What puts wrong rows back where a scan of the list may be at work: from here on nobody else writes there."""
    scope, resource = comparison.scope, comparison.resource

    def write(session: Session, now: datetime) -> Applied:
        if not part.is_right:
            table = comparison.table_of(session)
            with generations.own(session, scope.source, resource.name):
                wrong = put_back.wrong(session, table, part.wrong)
                done = from_log.put_back(session, resource, scope.source, wrong, stamp=table.stamp)
                mirror_rows.remove(session, resource, scope.source, part.nameless)
            put_back.note(session, scope, resource, [*done, *part.nameless], now=now)
        return Applied()

    return write


def _is_name(id_: Id) -> bool:
    """Whether Mirrorpoint may have written it: other names cannot be put into a statement as they are."""
    return all(sql.is_written_text(part) and "\0" not in part for part in id_)
