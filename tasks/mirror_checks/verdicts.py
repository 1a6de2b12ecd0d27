"""Which rows of a mirrored table are wrong, and why; used by mirror.py, and by the scan that puts such rows back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from changes import fingerprint
from changes.records import Id
from storage import log_rows, mirror_rows
from storage.log_rows import Row
from storage.seals import Log
from storage.session import Session
from storage.told_erasures import Erasures
from tasks.mirror_checks import compared, explanations
from tasks.mirror_checks.compared import Table, shown

#: Statements with a list in them stay below every driver's limit of parameters.
AT_A_TIME = 400


@dataclass(slots=True)
class Judging:
    """Of all tables."""

    erasures: Erasures = field(default_factory=Erasures)
    uncompared: int = 0  #: rows whose last change has no content any more

    def wrong(self, session: Session, table: Table, rows: Sequence[Row]) -> Iterator[tuple[Id, list[str]]]:
        """Of rows as `mirror_rows.of_ids` gives them those that are wrong, and what is, in words."""
        documents = _documents(session, rows) if table.is_configured else {}
        for row in rows:
            if table.is_configured:
                what = self._wrong(session, table, row, documents)
            else:
                what = self._wrong_of_unknown(session, table, row)
            if what:
                yield compared.id_of(row), what

    def of_ids(
        self, session: Session, table: Table, ids: Sequence[Id], rows: Sequence[Row]
    ) -> Iterator[tuple[Id, list[str]]]:
        """The same of records of which the log tells, and of `rows`, which are all that they have."""
        yield from self.wrong(session, table, rows)
        there = {compared.id_of(row): row for row in rows}
        for id_, last in mirror_rows.last_versions(session, table.resource.name, table.source, ids).items():
            if last is not None and id_ not in there:
                yield id_, [no_row(last)]
            elif last is not None and there[id_][8] is not None and there[id_][3] != last:
                yield id_, [older(there[id_][3], last)]

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
        id_ = compared.id_of(row)
        last = mirror_rows.last_versions(session, table.resource.name, table.source, [id_])[id_]
        if last is None:
            return "it is in the mirror, and no change tells of it"
        return f"it is version {shown(row[3])} in the mirror, which no change tells of; the log's last is {last}"


def _documents(session: Session, rows: Iterable[Row]) -> dict[int, Row]:
    """Number -> previous values and document of the changes."""
    numbers = [row[8] for row in rows if row[8] is not None and row[10] is not None]
    found: dict[int, Row] = {}
    for start in range(0, len(numbers), AT_A_TIME):
        for row in log_rows.by_number(session, Log.CHANGES, numbers[start : start + AT_A_TIME]):
            found[row[0]] = row[9:11]
    return found


def no_row(last: int) -> str:
    return f"it has no row in the mirror, and the log tells of it up to version {last}"


def older(version: int, last: int) -> str:
    return f"it is version {shown(version)} in the mirror, and the log's last is {last}"
