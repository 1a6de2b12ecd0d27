"""A part of the record in place of all of it: what has changed since a moment, or so much at random; used by whole.py.

What is drawn is proved by the stored hashes of the tree, as an outsider would prove it.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from changes.records import Id
from record import tree
from storage import log_rows
from storage.log_rows import Row
from storage.seals import Log, Seal
from storage.session import Session
from tasks.record.checks.logs import Walk
from tasks.record.checks.looks import Looks
from tasks.record.checks.mirror import Comparing
from tasks.record.checks.outcome import Check, Name, Problem
from tasks.record.checks.tables import At
from tasks.record.log_hashes import LogBrokenError, LogHashes

_AT_A_TIME = 200
#: Records are drawn by the numbers of their first versions; so many numbers are drawn for one at the most.
_MOST_DRAWN = 1000


@dataclass(frozen=True, slots=True)
class Samples:
    """Draws from the log; each of its changes, and each of its records, is as likely as any other."""

    looks: Looks
    rng: random.Random
    walk: Walk
    comparing: Comparing
    roots: Check
    looked_at: set[int] = field(default_factory=set)  #: numbers of changes, each of which counts once

    def changes(self, number: int, *, size: int, last: Seal | None) -> None:
        """So many changes: their digests, and that they are in the tree of the last checkpoint."""
        drawn = sorted(self.rng.sample(range(1, size + 1), min(number, size)))
        self.looked_at.update(drawn)
        for part in _parts(drawn):
            with self.looks.look() as session:
                rows = log_rows.by_number(session, Log.CHANGES, part)
                self.walk.some(rows, session.dialect, session)
                for missing in sorted(set(part) - {row[0] for row in rows}):
                    self.walk.numbers.add(Problem(f"change {missing:,} is missing", seq=missing))
                with self.roots.timed():
                    # Where the root itself is another one, that was told, and nothing would fit.
                    for row in rows if last is not None and self.walk.roots.good == last.size else ():
                        self._prove(session, row, last)
            self.looks.tell(Name.DIGESTS, self.walk.digests.count, number)

    def records(self, number: int, *, size: int) -> None:
        """So many records: their rows in the mirror, and the changes that those follow from."""
        left, drawn = number, 0
        seen = set[int]()
        while left > 0 and drawn < number * _MOST_DRAWN and len(seen) < size:
            numbers = [each for each in self._numbers(size) if each not in seen]
            seen.update(numbers)
            drawn += _AT_A_TIME
            with self.looks.look() as session:
                rows = [row for row in log_rows.records(session, sorted(numbers)) if row[5] == 1]
            self._compare(rows[:left])
            left -= len(rows)
            self.looks.tell(Name.MIRROR, self.comparing.check.count, number)

    def since(self, after: int, *, until: int) -> None:
        """The rows of all records that have changed behind that number, each once however often it has."""
        while after < until:
            with self.looks.look() as session:
                end = min(until, after + _AT_A_TIME)
                rows = log_rows.last_of_records(session, after=after, until=end, last=until)
            self._compare(rows, is_known=True)
            after = end
            self.looks.tell(Name.MIRROR, self.comparing.check.count, 0)

    def _numbers(self, size: int) -> Sequence[int]:
        return self.rng.sample(range(1, size + 1), min(_AT_A_TIME, size))

    def _compare(self, rows: Iterable[Row], *, is_known: bool = False) -> None:
        """`is_known`: the changes were looked at already."""
        by_table: defaultdict[At, dict[Id, None]] = defaultdict(dict)
        for _, source, resource, parent_key, key, _ in rows:
            by_table[source, resource][Id(parent_key, key)] = None
        for at, ids in by_table.items():
            compared = self.comparing.of_ids(at, list(ids))
            new = [] if is_known else [seq for seq in compared if seq not in self.looked_at]
            if new:
                self.looked_at.update(new)
                with self.looks.look() as session:
                    found = log_rows.by_number(session, Log.CHANGES, new)
                    self.walk.some(found, session.dialect, session)

    def _prove(self, session: Session, row: Row, last: Seal | None) -> None:
        if last is None or row[0] > last.size:
            return
        index, hashes = row[0] - 1, LogHashes(session, Log.CHANGES)
        self.roots.count += 1
        try:
            proof = tree.inclusion(hashes, index, last.size)
        except LogBrokenError as error:
            self.roots.add(Problem(f"change {row[0]:,} cannot be proved: {error.what} {error.number:,} is missing"))
            return
        leaf = tree.leaf_hash(str(row[-1]).encode("utf-8", "replace"))
        if not tree.verify_inclusion(leaf, index, last.size, proof, bytes.fromhex(last.root)):
            what = f"change {row[0]:,} is not in the tree of the checkpoint of {last.size:,}"
            self.roots.add(Problem(what, seq=row[0]))


def _parts(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    for start in range(0, len(numbers), _AT_A_TIME):
        yield numbers[start : start + _AT_A_TIME]
