"""Which content an action accounts for that it is not there any more: of a record that was erased, or by retention.

Called by whoever verifies the record. `erase` writes an action of that name with the arguments
`{"source", "resource", "parent_key", "key", "last_seq"}`: all versions of the record up to that number are erased.
Retention writes `{"seqs": [[from, to], …]}`: those numbers, both ends included. Any other action accounts for nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

from changes.records import Id
from storage import actions
from storage.session import Session

ERASE = "erase"
RETENTION = "retention"


class Erasures:
    """What was erased, by the actions that were written before it was."""

    def __init__(self) -> None:
        self._last_seqs: dict[tuple[str, str, Id], int] = {}
        self._ranges: list[tuple[int, int]] = []  # sorted, none within another
        self._read_to = 0

    def read_on(self, session: Session) -> None:
        """Take what has been written since the last call."""
        ranges = []
        for row in actions.intents(session, (ERASE, RETENTION), after_id=self._read_to):
            self._read_to = max(self._read_to, row.id or 0)
            if row.what == ERASE:
                self._take_record(row.arguments)
            else:
                ranges += _ranges(row.arguments)
        if ranges:
            self._ranges = _merged([*self._ranges, *ranges])

    def accounts_for(self, seq: int, *, source: str, resource: str, id: Id) -> bool:  # noqa: A002
        """Whether an action says of this change that its content was erased."""
        return self.is_of_record(seq, source=source, resource=resource, id=id) or self._is_retained(seq)

    def is_of_record(self, seq: int, *, source: str, resource: str, id: Id) -> bool:  # noqa: A002
        """Whether its record was erased with all versions up to this one."""
        return seq <= self._last_seqs.get((source, resource, id), 0)

    def has_record(self, *, source: str, resource: str, id: Id) -> bool:  # noqa: A002
        """Whether it was erased at some time."""
        return (source, resource, id) in self._last_seqs

    def _is_retained(self, seq: int) -> bool:
        place = bisect_right(self._ranges, (seq, 2**63)) - 1
        return place >= 0 and self._ranges[place][0] <= seq <= self._ranges[place][1]

    def _take_record(self, arguments: Any) -> None:
        if not isinstance(arguments, dict):
            return
        *name, last = (arguments.get(each) for each in ("source", "resource", "parent_key", "key", "last_seq"))
        if all(isinstance(each, str) for each in name) and isinstance(last, int):
            source, resource, parent_key, key = map(str, name)
            record = (source, resource, Id(parent_key, key))
            self._last_seqs[record] = max(last, self._last_seqs.get(record, 0))


def _ranges(arguments: Any) -> list[tuple[int, int]]:
    given = arguments.get("seqs") if isinstance(arguments, dict) else None
    if not isinstance(given, list):
        return []
    pairs = [each for each in given if isinstance(each, list) and len(each) == 2]
    return [(first, last) for first, last in pairs if isinstance(first, int) and isinstance(last, int)]


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        elif first <= last:
            found.append((first, last))
    return found
