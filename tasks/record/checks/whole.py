"""Verifies the record: all checks, the cheapest first; none is left out because another one has failed.

Called by the command `verify`, by itself once a day, and before a head is kept. Nothing is mended, and nothing written.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from changes.records import Json
from changes.resources import Resource
from storage import history, log_order, seals
from storage.seals import Log, Seal
from storage.session import Session
from storage.told_erasures import Erasures
from tasks.mirror_checks.verdicts import Judging
from tasks.record.checks import deliveries, heads, logs, remarks, signatures
from tasks.record.checks.heads import Found, Head
from tasks.record.checks.logs import Walk
from tasks.record.checks.looks import Looks
from tasks.record.checks.mirror import Comparing
from tasks.record.checks.naming import Naming
from tasks.record.checks.outcome import Check, Name, Outcome, Problem
from tasks.record.checks.roots import Roots
from tasks.record.checks.samples import Samples
from tasks.signing import Signer


@dataclass(frozen=True, slots=True)
class Record:
    """What is verified, beside the database: by which catalogues, keys and places outside."""

    resources: Mapping[str, Mapping[str, Resource]]  #: by the source's name, then their own
    signer: Signer | None = None
    keep: Sequence[str] = ()
    seal: Callable[[Json], Json] | None = None  #: with the seal key; None: it is not at hand


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of it."""

    heads: Sequence[Head] = ()  #: that a person has given
    since: datetime | None = None  #: only what was observed from then on
    sample: int | None = None  #: so many changes and records at random in place of all
    rng: random.Random = field(default_factory=random.Random)

    @property
    def is_whole(self) -> bool:
        return self.since is None and self.sample is None


@dataclass(frozen=True, slots=True)
class _Size:
    """Of a log when verifying began; what is written later is another time's matter."""

    rows: int
    last: Seal | None

    @property
    def sealed(self) -> int:
        return 0 if self.last is None else self.last.size


def _nothing(_: Check) -> None:
    """Nobody wants to know."""


def verify(looks: Looks, record: Record, wanted: Wanted, *, done: Callable[[Check], object] = _nothing) -> Outcome:
    """Everything that is wanted; `done` is called with each check in its order, as soon as it has its result."""
    return _Verifying(looks, record, wanted, done).run()


class _Verifying:
    """One verification."""

    def __init__(self, looks: Looks, record: Record, wanted: Wanted, done: Callable[[Check], object]) -> None:
        self._looks, self._record, self._wanted, self._done = looks, record, wanted, done
        self._checks = {name: Check(name) for name in Name}
        self._outcome = Outcome(list(self._checks.values()), is_whole=wanted.is_whole)
        self._naming, self._erasures = Naming(len(record.resources) > 1), Erasures()
        self._heads = Found()

    def run(self) -> Outcome:
        checks, looks, outcome = self._checks, self._looks, self._outcome
        with looks.look() as session:
            missing = log_order.missing_tables(session)
        if missing:
            for name in missing:
                checks[Name.NUMBERS].add(Problem(f"the table {name} is gone, so nothing else could be looked at"))
            self._tell(*Name)
            return outcome
        with looks.look() as session:
            self._erasures.read_on(session)
            sizes = {log: _size(session, log) for log in Log}
            since = self._wanted.since
            first = None if since is None else history.first_since(session, since) or sizes[Log.CHANGES].rows + 1
            if self._record.signer is not None:
                with checks[Name.HEADS].timed():
                    given, keep = self._wanted.heads, self._record.keep
                    self._heads = heads.find(
                        session, self._record.signer, given=given, keep=keep, check=checks[Name.HEADS]
                    )
        size = sizes[Log.CHANGES]
        outcome.head, outcome.head_of_actions = (
            None if (last := sizes[log].last) is None else last.checkpoint for log in (Log.CHANGES, Log.ACTIONS)
        )
        outcome.changes, outcome.unsealed = size.rows, max(0, size.rows - size.sealed)
        # Hashes are stored of sealed rows alone.
        after = min(size.rows, size.sealed, size.rows if first is None else first - 1)
        signed = signatures.check(
            looks, self._record.signer, checks[Name.SIGNATURES], after_size=-1 if since is None else after
        )
        actions = self._walk(Log.ACTIONS, sizes[Log.ACTIONS], Check(Name.ACTIONS), Check(Name.ACTIONS))
        actions.through(after=0, until=sizes[Log.ACTIONS].rows)
        walk = self._walk(Log.CHANGES, size, checks[Name.NUMBERS], checks[Name.ROOTS])
        comparing = Comparing(looks, self._naming, Judging(self._erasures), checks[Name.MIRROR])
        samples = Samples(looks, self._wanted.rng, walk, comparing, checks[Name.ROOTS])
        logs.keys(looks, self._naming, checks[Name.NUMBERS])
        if self._wanted.sample is not None:
            walk.through(after=after, until=size.rows)
            samples.changes(self._wanted.sample, size=size.rows, last=size.last)
        else:
            if since is None:
                logs.versions(looks, self._naming, checks[Name.NUMBERS])
            walk.through(after=0 if since is None else after, until=size.rows)
        self._tell(Name.HEADS, Name.SIGNATURES, Name.NUMBERS, Name.DIGESTS, Name.ROOTS)
        comparing.prepare(self._record.resources, seal=self._record.seal)
        if self._wanted.sample is not None:
            samples.records(self._wanted.sample, size=size.rows)
        elif since is not None:
            samples.since(after, until=size.rows)
        else:
            comparing.all_rows()
        self._tell(Name.MIRROR)
        deliveries.check(looks, checks[Name.DELIVERIES])
        self._tell(Name.DELIVERIES)
        _merge(checks[Name.ACTIONS], actions)
        self._tell(Name.ACTIONS)
        outcome.erased = walk.erased
        unchecked = walk.roots.unchecked + actions.roots.unchecked
        outcome.remarks = [
            *remarks.of_what_was_left_out(sample=self._wanted.sample, after=None if since is None else after),
            *remarks.of_heads(self._heads, changes=size.rows),
            *signed,
            *remarks.of_logs(outcome, unchecked=unchecked),
            *comparing.remarks,
            *remarks.of_rows(comparing.judging.uncompared),
        ]
        return outcome

    def _walk(self, log: Log, size: _Size, numbers: Check, roots: Check) -> Walk:
        digests = self._checks[Name.DIGESTS] if log is Log.CHANGES else Check(Name.ACTIONS)
        known = self._heads.of_log(log)
        tree = Roots(log, size.sealed, known, roots, self._checks[Name.HEADS])
        return Walk(self._looks, log, self._naming, self._erasures, numbers, digests, tree)

    def _tell(self, *names: Name) -> None:
        for name in names:
            self._done(self._checks[name])


def _size(session: Session, log: Log) -> _Size:
    return _Size(seals.size(session, log), seals.last(session, log))


def _merge(check: Check, walk: Walk) -> None:
    """What came of the actions is one check."""
    check.count = walk.digests.count
    for part in (walk.numbers, walk.digests, walk.roots.check):
        check.seconds += part.seconds
        check.untold += part.untold
        for problem in part.problems:
            check.add(problem)
