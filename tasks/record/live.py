"""Compares records drawn at random with what their source says of them now; called by `verify --live`.

What differs is looked at twice. It is drift where the mirror should have known by now: where it last saw the record
longer ago than is promised, or where its row contradicts its own fingerprint. Lists that hold what differs are made due
for a scan at once, which tells it as any other difference: an own path may show other values than the list, so what it
shows is never written to the mirror.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from changes import diff, fingerprint, normalise
from changes.cadence.terms import Promise
from storage import mirror, scans, slots
from storage.random_rows import Drawn
from storage.slots import Slot
from tasks import wakeups
from tasks.record.live_looks import Look, Looks
from tasks.services import Services
from upstream.errors import StopSource
from upstream.throttle import Stopped

#: After so many records of a source in a row that gave no answer the rest of it is left.
NO_ANSWER = 5


class Verdict(StrEnum):
    """What came of one record."""

    SAME = "same"
    CHANGED = "changed since"  #: it differs, and the mirror could not have known yet
    DIFFERS = "differs"  #: the mirror should have known
    GONE = "gone"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Compared:
    """One record."""

    drawn: Drawn
    verdict: Verdict
    is_drift: bool = False
    fields: tuple[str, ...] = ()  #: that differ
    seen_at: datetime | None = None  #: when the mirror last saw it as it has it; None: it is not known
    problem: str = ""  #: why it could not be read, or what is odd about it
    is_silent: bool = False  #: the source gave no answer
    is_refused: bool = False  #: it refused the credentials


#: (source, resource) -> seconds after which each kind of change is seen at the latest; without what is off.
Promises = Mapping[tuple[str, str], Mapping[Promise, float]]


def compare(services: Services, drawn: Iterable[Drawn], *, promises: Promises) -> Iterator[Compared]:
    """Each record in its turn, source by source. `StopSource` ends a source: the rest of it is unreadable."""
    for name, records in groupby(drawn, key=lambda each: each.source):
        yield from _of_source(services, name, list(records), promises)


def make_due(services: Services, found: Iterable[Compared]) -> list[tuple[str, str]]:
    """The lists of those that differ, or are gone, are to be scanned at once; (source, resource) of each."""
    wanted = {
        (each.drawn.source, each.drawn.resource.name): each
        for each in found
        if each.verdict in (Verdict.CHANGED, Verdict.DIFFERS, Verdict.GONE)
    }
    now = services.now()
    with services.database.write() as session:
        slots.open_slots(session, [Slot(source, resource, "full", now) for source, resource in wanted], now=now)
    for source, resource in wanted:
        services.wake(wakeups.SCAN, source=source, resource=resource)
    return list(wanted)


def _of_source(services: Services, name: str, records: list[Drawn], promises: Promises) -> Iterator[Compared]:
    source, silent, end = services.sources[name], 0, None
    looks = Looks(services, source)
    with source.budget.permit():
        for each in records:
            if services.stopping.is_set():
                raise Stopped
            if end is not None:
                yield replace(end, drawn=each)
                continue
            try:
                found = _compared(services, looks, each, promises)
            except StopSource as error:
                found = end = Compared(each, Verdict.UNREADABLE, problem=error.message, is_refused=True)
            silent = silent + 1 if found.is_silent else 0
            if silent >= NO_ANSWER:
                problem = f"left out, since {silent} records in a row gave no answer"
                end = Compared(each, Verdict.UNREADABLE, problem=problem, is_silent=True)
            yield found


def _compared(services: Services, looks: Looks, drawn: Drawn, promises: Promises) -> Compared:
    found = _judged(services, drawn, looks.look(drawn.resource, drawn.id), promises)
    if found.verdict in (Verdict.SAME, Verdict.UNREADABLE):
        return found
    # What the mirror has may be newer than the first answer, and an own path may always show other values.
    excused: frozenset[str] | None = frozenset()
    if found.fields and looks.is_by_own_path(drawn.resource, drawn.id):
        excused = looks.shown_differently(drawn.resource, drawn.id)
    if excused is None:
        problem = "its own path shows other values, and its list does not say whether it does"
        return Compared(drawn, Verdict.UNREADABLE, problem=problem)
    return _judged(services, drawn, looks.look(drawn.resource, drawn.id), promises, excused)


def _judged(
    services: Services,
    drawn: Drawn,
    look: Look,
    promises: Promises,
    excused: frozenset[str] = frozenset(),
) -> Compared:
    source, resource, id_ = drawn
    if look.problem:
        return Compared(drawn, Verdict.UNREADABLE, problem=look.problem, is_silent=look.is_silent)
    with services.database.read() as session:
        stored = mirror.stored(session, resource, source, [id_]).get(id_)
        complete_at = scans.resource_state(session, source, resource.name).last_complete_started_at
    if stored is None or stored.deleted_at is not None:  # the mirror has been told meanwhile
        return Compared(drawn, Verdict.SAME if look.record is None else Verdict.CHANGED)
    if stored.document is None:
        return Compared(drawn, Verdict.UNREADABLE, problem="its content was erased here")
    seen_at = max(stored.changed_at, complete_at) if complete_at else stored.changed_at

    def is_late(which: Promise) -> bool:
        promised = promises.get((source, resource.name))
        return promised is not None and (services.now() - seen_at).total_seconds() > promised[which]

    if look.record is None:
        return Compared(drawn, Verdict.GONE, is_drift=is_late(Promise.DELETED), seen_at=seen_at)
    same_rule = fingerprint.same_rule(stored.fingerprint, look.record.fingerprint)
    now_is = normalise.document_of(look.record)
    differing = diff.fields(resource, stored.document, now_is, same_rule=same_rule)
    fields = tuple(each for each in differing if not _is_excused(each, excused))
    if not fields:
        return Compared(drawn, Verdict.SAME)
    if same_rule and fingerprint.same_meaning(stored.fingerprint, look.record.fingerprint):
        problem = "its row in the mirror is not what its fingerprint was made of: `mirrorpoint verify` says more"
        return Compared(drawn, Verdict.DIFFERS, is_drift=True, fields=fields, seen_at=seen_at, problem=problem)
    is_drift = is_late(Promise.UPDATED)
    verdict = Verdict.DIFFERS if is_drift else Verdict.CHANGED
    return Compared(drawn, verdict, is_drift=is_drift, fields=fields, seen_at=seen_at)


def _is_excused(pointer: str, excused: frozenset[str]) -> bool:
    return any(pointer == each or pointer.startswith(f"{each}/") for each in excused)
