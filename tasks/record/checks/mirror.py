"""Every mirrored row follows from the last change of its record, and every record of the log has its row.

The tables are what people query, so an edited one is as bad as an edited log. Used by whole.py and samples.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from changes.records import Id, Json
from changes.resources import Resource
from storage import guards, mirror_rows
from storage.log_rows import Row
from storage.session import Session, cause_of, failures
from tasks.mirror_checks import compared, verdicts
from tasks.mirror_checks.compared import Table, shown
from tasks.mirror_checks.verdicts import Judging
from tasks.record.checks import tables
from tasks.record.checks.looks import Looks, Pace
from tasks.record.checks.naming import Naming
from tasks.record.checks.outcome import MOST_TOLD, Check, Name, Problem
from tasks.record.checks.tables import At

_NO_NAME = "it is in the mirror under a name that Mirrorpoint never writes"


@dataclass(slots=True)
class Comparing:
    """All tables, one after the other."""

    looks: Looks
    naming: Naming
    judging: Judging
    check: Check
    tables: dict[At, Table] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def prepare(self, resources: Mapping[str, Mapping[str, Resource]], *, seal: Callable[[Json], Json] | None) -> None:
        """Find out which tables there are, and by which rules their rows were written."""
        with self.looks.look() as session, self.check.timed():
            found = tables.find(session, resources, seal=seal)
        self.tables, self.remarks = found.found, found.remarks
        for problem in found.problems:
            self.check.add(problem)
        for name in dict.fromkeys(name for _, name in self.tables):
            with self.looks.look() as session, self.check.timed():
                self._look_at_names(session, name)

    def _look_at_names(self, session: Session, name: str) -> None:
        """Each row of the table has a name of its own."""
        bare = tables.bare(name)
        for source, *id_ in mirror_rows.nameless(session, bare, limit=MOST_TOLD):
            self.check.add(self.naming.mirrored(source, name, Id(*id_), _NO_NAME))
        lost = guards.gone(session, name, guards.OF_MIRRORED)
        for what in lost:
            self.check.add(Problem(what, resource=name))
        for source, parent_key, key, number in mirror_rows.repeated(session, bare, limit=MOST_TOLD) if lost else ():
            what = _NO_NAME if None in (parent_key, key) else f"it has {number:,} rows in the mirror, and not one"
            self.check.add(self.naming.mirrored(source, name, Id(parent_key, key), what))

    def all_rows(self) -> None:
        """Every table from its beginning to its end."""
        for table in self.tables.values():
            try:
                self._through(table)
            except failures() as error:
                if not _is_of_shape(error):
                    raise
                said = str(cause_of(error)).strip().splitlines()[0]
                what = f"the table {shown(table.resource.name)} is not as its catalogue says: {said}"
                self.check.add(Problem(what, resource=table.resource.name))

    def of_ids(self, at: At, ids: Sequence[Id]) -> list[int]:
        """These records of one table; each has changes in the log. Returns the changes that they were compared with."""
        table = self.tables.get(at)
        if table is None:
            return []
        with self.looks.look() as session, self.check.timed():
            rows = mirror_rows.of_ids(session, table.resource, table.source, ids)
            self.check.count += len(rows)
            for id_, what in self.judging.of_ids(session, table, ids, rows):
                self._add(table, id_, "; ".join(what))
        return [row[8] for row in rows if row[8] is not None]

    def _through(self, table: Table) -> None:
        pace, after, is_over = Pace(most=2000), None, False
        while not is_over:
            began = time.perf_counter()
            with self.looks.look() as session, self.check.timed():
                rows = mirror_rows.part(session, table.resource, table.source, after=after, limit=pace.rows)
                is_over = len(rows) < pace.rows
                until = None if is_over else compared.id_of(rows[-1])
                self.check.count += len(rows)
                odd = table.odd(rows) if table.is_configured else [compared.id_of(row) for row in rows]
                for start in range(0, len(odd), verdicts.AT_A_TIME):
                    self._look_again(session, table, odd[start : start + verdicts.AT_A_TIME])
                self._find_lost(session, table, rows, after=after, until=until)
                after = until
            pace.note(time.perf_counter() - began)
            self.looks.tell(Name.MIRROR, self.check.count, 0)

    def _find_lost(
        self, session: Session, table: Table, rows: Sequence[Row], *, after: Id | None, until: Id | None
    ) -> None:
        resource, source = table.resource, table.source
        found = mirror_rows.lost(session, resource, source, rows, after=after, until=until, limit=MOST_TOLD)
        for id_, last, version in found:
            self._add(table, id_, verdicts.no_row(last) if version is None else verdicts.older(version, last))

    def _look_again(self, session: Session, table: Table, odd: Sequence[Id]) -> None:
        rows = mirror_rows.of_ids(session, table.resource, table.source, odd)
        for id_, what in self.judging.wrong(session, table, rows):
            self._add(table, id_, "; ".join(what))
        found = {compared.id_of(row) for row in rows}
        for id_ in odd:
            if id_ not in found:
                self._add(table, id_, _NO_NAME)

    def _add(self, table: Table, id_: Id, what: str) -> None:
        self.check.add(self.naming.mirrored(table.source, table.resource.name, id_, what))


def _is_of_shape(error: Exception) -> bool:
    """Whether a table or column that is asked for is not there, or is of another type."""
    cause = cause_of(error)
    sqlstate = getattr(cause, "sqlstate", None)
    return sqlstate.startswith("42") if sqlstate else "no such" in str(cause)
