"""Every mirrored row follows from the last change of its record, and every record of the log has its row.

The tables are what people query, so an edited one is as bad as an edited log. Used by whole.py and samples.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from changes import fingerprint
from changes.records import Id, Json
from changes.resources import Resource
from storage import guards, log_rows, mirror_rows
from storage.log_rows import Row
from storage.seals import Log
from storage.session import Session, cause_of, failures
from storage.told_erasures import Erasures
from tasks.record.checks import compared, explanations, tables
from tasks.record.checks.compared import Table
from tasks.record.checks.looks import Looks, Pace
from tasks.record.checks.naming import Naming, shown
from tasks.record.checks.outcome import MOST_TOLD, Check, Name, Problem
from tasks.record.checks.tables import At

#: Statements with a list in them stay below every driver's limit of parameters.
_AT_A_TIME = 400
_NO_NAME = "it is in the mirror under a name that Mirrorpoint never writes"


@dataclass(slots=True)
class Comparing:
    """All tables, one after the other."""

    looks: Looks
    naming: Naming
    erasures: Erasures
    check: Check
    tables: dict[At, Table] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    uncompared: int = 0  #: rows whose last change has no content any more

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
            self._judge(session, table, rows)
            there = {compared.id_of(row): row for row in rows}
            for id_ in ids:
                last = mirror_rows.last_version(session, table.resource.name, table.source, id_)
                if last is not None and id_ not in there:
                    self._add(table, id_, _no_row(last))
                elif last is not None and there[id_][8] is not None and there[id_][3] != last:
                    self._add(table, id_, _older(there[id_][3], last))
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
                for start in range(0, len(odd), _AT_A_TIME):
                    ids = odd[start : start + _AT_A_TIME]
                    self._look_again(session, table, ids)
                self._find_unlike(session, table, rows, after=after, until=until)
                after = until
            pace.note(time.perf_counter() - began)
            self.looks.tell(Name.MIRROR, self.check.count, 0)

    def _find_unlike(
        self, session: Session, table: Table, rows: Sequence[Row], *, after: Id | None, until: Id | None
    ) -> None:
        """Records without a row, and rows of older versions: then there are more changes than the versions say."""
        name, source = table.resource.name, table.source
        counted = mirror_rows.count_changes(session, name, source, after=after, until=until)
        known = {row[:2]: row[3] for row in rows if row[6] is not None and isinstance(row[3], int)}
        if counted == sum(known.values()):
            return
        found = mirror_rows.unlike(session, table.resource, source, after=after, until=until, limit=MOST_TOLD)
        for id_, last, version in found:
            self._add(table, id_, _no_row(last) if version is None else _older(version, last))

    def _look_again(self, session: Session, table: Table, odd: Sequence[Id]) -> None:
        rows = mirror_rows.of_ids(session, table.resource, table.source, odd)
        self._judge(session, table, rows)
        found = {compared.id_of(row) for row in rows}
        for id_ in odd:
            if id_ not in found:
                self._add(table, id_, _NO_NAME)

    def _judge(self, session: Session, table: Table, rows: Sequence[Row]) -> None:
        """Rows as `mirror_rows.of_ids` gives them."""
        documents = _documents(session, rows) if table.is_configured else {}
        for row in rows:
            if table.is_configured:
                what = self._wrong(session, table, row, documents)
            else:
                what = self._wrong_of_unknown(session, table, row)
            if what:
                self._add(table, compared.id_of(row), "; ".join(what))

    def _wrong(self, session: Session, table: Table, row: Row, documents: Mapping[int, Row]) -> list[str]:
        seq, id_ = row[8], compared.id_of(row)
        if seq is None:
            return [self._unknown(session, table, row)]
        if row[10] is None:
            self.erasures.read_on(session)
            if self.erasures.is_of_record(seq, source=table.source, resource=table.resource.name, id=id_):
                return explanations.wrong_if_erased(table, row)
            self.uncompared += 1
            return explanations.wrong_without_document(table, row)
        try:
            logged = explanations.document_of(table, row, *documents[seq])
        except ValueError:
            return []  # the log itself was edited, which is told of the change
        if logged is None and self._is_of_erased(session, table, row):
            return explanations.wrong_if_erased(table, row)
        return explanations.wrong(table, row, logged)

    def _is_of_erased(self, session: Session, table: Table, row: Row) -> bool:
        """Whether its record was erased while it was living, and then deleted: the deletion had no document to tell."""
        if row[4] != fingerprint.ERASED or not compared.is_deletion(row):
            return False
        self.erasures.read_on(session)
        return self.erasures.has_record(source=table.source, resource=table.resource.name, id=compared.id_of(row))

    def _wrong_of_unknown(self, session: Session, table: Table, row: Row) -> list[str]:
        """Of a row of which nothing says how its document was compared."""
        if row[8] is None:
            return [self._unknown(session, table, row)]
        return [] if row[10] is None else list(explanations.times(row))

    def _unknown(self, session: Session, table: Table, row: Row) -> str:
        last = mirror_rows.last_version(session, table.resource.name, table.source, compared.id_of(row))
        if last is None:
            return "it is in the mirror, and no change tells of it"
        return f"it is version {shown(row[3])} in the mirror, which no change tells of; the log's last is {last}"

    def _add(self, table: Table, id_: Id, what: str) -> None:
        self.check.add(self.naming.mirrored(table.source, table.resource.name, id_, what))


def _documents(session: Session, rows: Iterable[Row]) -> dict[int, Row]:
    """Number -> previous values and document of the changes."""
    numbers = [row[8] for row in rows if row[8] is not None and row[10] is not None]
    found: dict[int, Row] = {}
    for start in range(0, len(numbers), _AT_A_TIME):
        for row in log_rows.by_number(session, Log.CHANGES, numbers[start : start + _AT_A_TIME]):
            found[row[0]] = row[9:11]
    return found


def _no_row(last: int) -> str:
    return f"it has no row in the mirror, and the log tells of it up to version {last}"


def _older(version: int, last: int) -> str:
    return f"it is version {shown(version)} in the mirror, and the log's last is {last}"


def _is_of_shape(error: Exception) -> bool:
    """Whether a table or column that is asked for is not there, or is of another type."""
    cause = cause_of(error)
    sqlstate = getattr(cause, "sqlstate", None)
    return sqlstate.startswith("42") if sqlstate else "no such" in str(cause)
