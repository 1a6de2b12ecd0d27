"""The roots of a log's tree, computed again from the digests of its rows: those of checkpoints, of heads, of tiles.

Used by logs.py, which reads the rows. Where a root differs, everything behind it would differ as well. So the tree goes
on from what is stored, as soon as that fits a later checkpoint again, and what else was altered behind it is found too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from record import tree
from record.tree import LEVEL_BITS, Growing
from storage import seals
from storage.seals import Log, Seal
from storage.session import Session
from tasks.record.checks.heads import Head
from tasks.record.checks.outcome import Check, Problem
from tasks.record.log_hashes import LogBrokenError, LogHashes

_PART = 1 << LEVEL_BITS
_SEALS_AT_A_TIME = 1000


@dataclass(slots=True)
class Roots:
    """Grows with the rows that are read; `feed` takes them in their order."""

    log: Log
    sealed: int  #: size of the last checkpoint
    heads: list[Head]  #: of this log, the smallest first
    check: Check
    heads_check: Check
    growing: Growing | None = field(default_factory=Growing)  #: by the rows alone; None: a row is missing
    resumed: Growing | None = None  #: by what is stored, behind a root that differed
    good: int = 0  #: size of the last checkpoint or head that fitted
    unchecked: int = 0  #: checkpoints behind a root that differed
    _good_head: int = 0
    _seals: list[Seal] = field(default_factory=list)
    _read_to: int = -1
    _tried: int = -1  #: the part of 256 rows in which going on was tried last, or must be
    _differing: list[int] = field(default_factory=list)  #: parts of 256 rows that are not as they are stored

    def begin_behind(self, session: Session, size: int) -> None:
        """The rows up to `size` are believed as their hashes are stored; heads and the last checkpoint are not."""
        self._read_to = size
        hashes = LogHashes(session, self.log)
        try:
            last = seals.last(session, self.log, most=size)
            if last is not None:
                self.check.count += 1
                self._compare_seal(session, last, tree.root(hashes, last.size))
            while self.heads and self.heads[0].size <= size:
                self._compare_head(self.heads[0], tree.root(hashes, self.heads[0].size))
                self.heads.pop(0)
            self.growing = Growing.from_size(hashes, size)
        except LogBrokenError as error:
            what = f"{error.what} {error.number:,} is missing, so the root of {self.log} behind it is not known"
            self.check.add(Problem(what))
            self.growing = None

    def feed(self, session: Session, start: int, leaves: Sequence[bytes]) -> None:
        """The hashes of the next leaves, behind `start` rows; after a gap `break_off` comes first."""
        end, at = start + len(leaves), start
        while at < end:
            stop = min(end, self._next_size(session))
            for growing in (self.growing, self.resumed):
                if growing is not None:
                    growing.add(leaves[at - start : stop - start])
            at = stop
            self._compare_at(session, at)
        self._compare_tiles(session)

    def break_off(self) -> None:
        """A row is missing, so there is no root over those behind it."""
        self.growing = self.resumed = None

    def end(self, session: Session, size: int) -> None:
        """All rows were read, and the log has so many; what is left of heads and checkpoints could not be compared."""
        self.unchecked += len(self._seals)
        while self._read_more(session):
            self.unchecked += len(self._seals)
        for head in self.heads:
            if head.size > size:
                gone = f"{_number(self.log, size + 1, head.size)} not there any more"
                self.heads_check.add(self._problem(f"{head.what} is no beginning of this record: {gone}", size + 1))
            else:
                what = f"{head.what} cannot be compared, since a row before it is missing"
                self.heads_check.add(Problem(what))

    def _next_size(self, session: Session) -> int:
        """Where a root is to be compared next."""
        if not self._seals:
            self._read_more(session)
        sizes = [self._seals[0].size] if self._seals else []
        if self.heads and self.growing is not None:
            sizes.append(self.heads[0].size)
        return min(sizes, default=2**63)

    def _read_more(self, session: Session) -> bool:
        self._seals = []
        if self._read_to < self.sealed:
            found = seals.read(session, self.log, after_size=self._read_to, limit=_SEALS_AT_A_TIME)
            self._seals = [seal for seal in found if seal.size <= self.sealed]
            self._read_to = self._seals[-1].size if self._seals else self.sealed
        return bool(self._seals)

    def _compare_at(self, session: Session, size: int) -> None:
        while self.growing is not None and self.heads and self.heads[0].size == size:
            self._compare_head(self.heads.pop(0), self.growing.root())
        while self._seals and self._seals[0].size == size:
            seal, is_lost = self._seals.pop(0), self._tried >= 0 and self.resumed is None
            followed = self.growing if self.resumed is None else self.resumed
            if followed is None or is_lost:
                self._try_to_resume(session, seal)
            else:
                self.check.count += 1
                self._compare_seal(session, seal, followed.root())

    def _compare_seal(self, session: Session, seal: Seal, root: bytes) -> None:
        if root.hex() == seal.root:
            self.good = max(self.good, seal.size)
            self._differing.clear()
            return
        self._compare_tiles(session)
        first, last = self._where(seal.size)
        several = "" if first == last else "one of "
        rows = _number(self.log, first, last).rpartition(" ")[0]
        what = f"{several}{rows}: the checkpoint of {seal.size:,} was made over other digests"
        self.check.add(self._problem(what, first, last))
        self.resumed, self._tried = None, seal.size // _PART

    def _where(self, size: int) -> tuple[int, int]:
        """The rows behind the last root that fitted, or less where the hash of a part is known to differ."""
        parts = [part for part in self._differing if (part + 1) * _PART > self.good]
        self._differing.clear()
        if not parts:
            return self.good + 1, size
        return max(self.good, parts[0] * _PART) + 1, min(size, (parts[0] + 1) * _PART)

    def _try_to_resume(self, session: Session, seal: Seal) -> None:
        """Go on from what is stored where that fits the checkpoint: a part with an altered row lies behind then."""
        if seal.size // _PART > self._tried:
            self._tried = seal.size // _PART
            try:
                stored = Growing.from_size(LogHashes(session, self.log), seal.size)
            except LogBrokenError:
                stored = None
            if stored is not None and stored.root().hex() == seal.root:
                self.resumed, self.good = stored, seal.size
                self.check.count += 1
                return
        self.unchecked += 1

    def _compare_head(self, head: Head, root: bytes) -> None:
        self.heads_check.count += 1
        if root == head.root:
            self._good_head = head.size
            self.good = max(self.good, head.size)
            return
        if self._good_head == head.size:
            what = (
                f"{head.what} is no beginning of this record, and another head of as many is: it is of another history"
            )
            self.heads_check.add(self._problem(what, head.size))
            return
        rows = _number(self.log, self._good_head + 1, head.size).rpartition(" ")[0]
        what = f"{head.what} is no beginning of this record: of {rows} some were rewritten since, inserted or removed"
        self.heads_check.add(self._problem(what, self._good_head + 1, head.size))

    def _compare_tiles(self, session: Session) -> None:
        """The stored hashes of the parts that are complete now; only those of sealed rows must be there."""
        followed = self.growing if self.growing is not None else self.resumed
        if self.resumed is not None and self.growing is not None:
            self.resumed.complete.clear()
        if followed is None or not followed.complete:
            return
        by_level: dict[int, dict[int, bytes]] = {}
        for level, number, root in followed.complete:
            by_level.setdefault(level, {})[number] = root
        followed.complete.clear()
        for level, roots in by_level.items():
            numbers = sorted(roots)
            stored = dict(seals.tiles(session, self.log, level, numbers[0], numbers[-1] + 1))
            for number in numbers:
                self._compare_tile(level, number, roots[number], stored.get(number))

    def _compare_tile(self, level: int, number: int, root: bytes, stored: str | None) -> None:
        width = LEVEL_BITS * level
        first, last = (number << width) + 1, (number + 1) << width
        if last > self.sealed or stored == root.hex():
            return
        if stored is not None and level == 1:
            self._differing.append(number)
        rows = _number(self.log, first, last).rpartition(" ")[0]
        what = "is missing" if stored is None else "is not that of their digests"
        self.check.add(self._problem(f"the stored hash of {rows} {what}", first, last))

    def _problem(self, what: str, first: int, last: int | None = None) -> Problem:
        if self.log is not Log.CHANGES:
            return Problem(what)
        return Problem(what, seq=first, last=last if last != first else None)


def _number(log: Log, first: int, last: int) -> str:
    """`change 7 is`, `actions 7 to 9 are`."""
    return f"{log.value[:-1]} {first:,} is" if first == last else f"{log.value} {first:,} to {last:,} are"
