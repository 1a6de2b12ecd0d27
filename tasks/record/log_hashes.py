"""The hashes of a log's tree, read from the database as they are needed; used by the steps of this folder."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from storage import seals
from storage.seals import Log
from storage.session import Session


class LogBrokenError(Exception):
    """Rows of the log, or hashes of its tree, are missing, or there twice; `number` is the first."""

    def __init__(self, log: Log, number: int, what: str) -> None:
        super().__init__(log, number, what)
        self.log, self.number, self.what = log, number, what

    def __str__(self) -> str:
        which = f"the log of {self.log}: {self.what} {self.number:,}"
        return f"{which} is missing, or there twice; `mirrorpoint verify` says more"


class LogHashes:
    """`record.tree.Hashes` over one log, within one session."""

    def __init__(self, session: Session, log: Log) -> None:
        self._session, self._log = session, log

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        return leaf_hashes(self._session, self._log, start, end)

    def roots(self, level: int, start: int, end: int) -> Sequence[bytes]:
        found = seals.tiles(self._session, self._log, level, start, end)
        for expected, (number, _) in enumerate(found, start):
            if number != expected:
                raise LogBrokenError(self._log, expected, f"hash of level {level}, number")
        if len(found) != end - start:
            raise LogBrokenError(self._log, start + len(found), f"hash of level {level}, number")
        return [bytes.fromhex(root) for _, root in found]


def leaf_hashes(session: Session, log: Log, start: int, end: int) -> list[bytes]:
    """The hashes of the rows `start` + 1 to `end`; LogBrokenError where one of them is not there, or is there twice.

    The numbers are looked at one by one, and not their count alone: one that is missing and one that is there twice
    would make it right.
    """
    rows, expected = seals.digests(session, log, start, end), range(start + 1, end + 1)
    if [number for number, _ in rows] != list(expected):
        there = Counter(number for number, _ in rows)
        raise LogBrokenError(log, next(number for number in expected if there[number] != 1), "number")
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + digest.encode()).digest() for _, digest in rows]
