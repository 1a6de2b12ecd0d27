"""What comes of verifying: one result for each check, with what it found wrong; used by all files of this folder."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

#: So many problems of one check are kept of each resource, and of what is of none; of more, their number.
MOST_TOLD = 20
#: And so many in all; a log that was rewritten may name any number of resources.
_MOST_KEPT = 1000
_MOST_RESOURCES = 200


class Name(StrEnum):
    """The checks, in their order."""

    HEADS = "heads"  #: what is known outside is a beginning of our logs
    SIGNATURES = "signatures"
    NUMBERS = "numbers"  #: no gap in numbers and versions, nothing behind a deletion
    DIGESTS = "digests"
    ROOTS = "roots"
    MIRROR = "mirror"
    DELIVERIES = "deliveries"
    ACTIONS = "actions"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as Mirrorpoint has written it."""

    what: str  #: a sentence for people, that names the change or the record
    seq: int | None = None  #: of a change, or the first of several that it may be
    last: int | None = None  #: the last of these
    resource: str | None = None
    key: str | None = None

    def told(self) -> dict[str, Any]:
        """For `--json`."""
        return {"seq": self.seq, "resource": self.resource, "key": self.key, "what": self.what}


@dataclass(slots=True)
class Check:
    """What one check has looked at, and what is wrong."""

    name: Name
    count: int = 0
    seconds: float = 0.0
    problems: list[Problem] = field(default_factory=list)
    untold: Counter[str] = field(default_factory=Counter)  #: by resource, or "": problems that are only counted
    _kept: Counter[str] = field(default_factory=Counter)  #: by resource: of `problems`

    @property
    def is_ok(self) -> bool:
        return not self.problems

    @property
    def more(self) -> int:
        """How many problems are only counted."""
        return self.untold.total()

    def add(self, problem: Problem) -> None:
        of = problem.resource or ""
        if len(self.problems) < _MOST_KEPT and self._kept[of] < MOST_TOLD:
            self._kept[of] += 1
            self.problems.append(problem)
        else:
            self.untold[of if of in self.untold or len(self.untold) < _MOST_RESOURCES else ""] += 1

    @contextmanager
    def timed(self) -> Iterator[None]:
        """What is done in the block takes this check's time."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began

    @property
    def problem(self) -> str | None:
        """The first one, and how many there are; None where nothing is wrong."""
        if not self.problems:
            return None
        others = len(self.problems) - 1 + self.more
        return self.problems[0].what + (f"; and {others:,} more" if others else "")

    def told(self) -> dict[str, Any]:
        """For `--json` and the table of verifications."""
        seconds = round(self.seconds, 3)
        return {
            "name": self.name.value,
            "ok": self.is_ok,
            "count": self.count,
            "seconds": seconds,
            "problem": self.problem,
        }


@dataclass(slots=True)
class Outcome:
    """Everything."""

    checks: Sequence[Check]
    is_whole: bool  #: everything was looked at, and nothing left out
    changes: int = 0  #: in the log
    unsealed: int = 0  #: the last of them that are in no checkpoint yet
    head: str | None = None  #: the newest checkpoint of changes, as a signed note
    head_of_actions: str | None = None  #: that of actions
    erased: int = 0  #: changes whose content was erased, as an action says
    remarks: list[str] = field(default_factory=list)  #: what could not be known, or was left out, for people

    @property
    def is_ok(self) -> bool:
        return all(check.is_ok for check in self.checks)

    @property
    def problems(self) -> list[Problem]:
        """The changes in the order of their numbers, then records and all else.

        One of several comes behind all that are among them: those may be it.
        """
        every = [problem for check in self.checks for problem in check.problems]
        return sorted(every, key=lambda each: (each.seq is None, each.last or each.seq or 0, each.last is not None))

    @property
    def first_bad(self) -> Problem | None:
        return next(iter(self.problems), None)

    def told(self) -> dict[str, Any]:
        """For `--json`."""
        first = self.first_bad
        return {
            "ok": self.is_ok,
            "checks": [check.told() for check in self.checks],
            "first_bad": None if first is None else first.told(),
            "unsealed": self.unsealed,
            "erased": self.erased,
            "remarks": self.remarks,
            "head": self.head,
            "head_of_actions": self.head_of_actions,
        }
