"""What `diff` prints: the net difference between two moments, record by record as it is found."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import tzinfo
from typing import TYPE_CHECKING

from worker import output
from worker.commands.diff import asked, fields_looked_for, finding, lines, notes, showing
from worker.commands.diff.asked import Asked, Pair, Wanted
from worker.commands.diff.finding import Found

if TYPE_CHECKING:
    from storage.session import Session
    from worker.settings import Settings

#: Finished, and there are differences that `--check` asked for.
_DIFFERS = 3


def show(settings: Settings, wanted: Wanted, *, zone: tzinfo, is_check: bool, wants_json: bool) -> int:
    """The exit code: with `is_check` it says whether anything differs, or may."""
    from worker import bootstrap

    catalogues = bootstrap.load_catalogues(settings)
    database = bootstrap.open_reading(settings, catalogues=catalogues)
    try:
        with output.times_in(zone), database.read() as session:
            understood = asked.understood(session, catalogues, wanted, zone=zone)
            told = _tell(session, understood, wants_json=wants_json)
            reason = ""
            if understood.field is not None and not told.number and not told.first_seen:
                reason = fields_looked_for.reason(session, understood, understood.field)
            for note in (*told.notes(understood), reason):
                if note:
                    output.note(note)
    finally:
        database.dispose()
    return _DIFFERS if is_check and told.differing else 0


class _Told:
    """How much was told."""

    def __init__(self) -> None:
        self.number = 0  #: of records that were printed
        self.differing = 0  #: of those that differ, or did on the way
        self._kinds = Counter[str]()
        self._uncertain = 0
        self.first_seen = Counter[Pair]()

    def count(self, found: Found) -> bool:
        """Whether there is something of it to print."""
        if found.net.is_first_seen:
            self.first_seen[found.source, found.resource.name] += 1
        if found.net.told is None and not found.steps:
            return False
        self.number += 1
        self.differing += found.is_differing
        if found.net.told is not None:
            self._kinds[found.net.told.kind] += 1
            self._uncertain += found.net.is_uncertain
        return True

    def notes(self, understood: Asked) -> Iterator[str]:
        return notes.notes(understood, kinds=self._kinds, uncertain=self._uncertain, first_seen=self.first_seen)


def _tell(session: Session, understood: Asked, *, wants_json: bool) -> _Told:
    told = _Told()
    print_one = _json_line if wants_json else showing.Printer(has_sources=understood.has_sources).print
    # On a terminal what is found shows by itself how far it has come.
    with output.progress(is_shown=not sys.stdout.isatty()) as bar:
        task = None if bar is None else bar.add_task("records", total=None)
        for portion in finding.found(session, understood):
            for found in portion:
                if told.count(found):
                    print_one(found)
            if bar is not None and task is not None:
                bar.advance(task, len(portion))
    return told


def _json_line(found: Found) -> None:
    output.line(lines.line(found))
