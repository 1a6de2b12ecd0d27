"""Reads all that the metrics tell, in one look at the database; called by scrape.py.

Nothing of the log is counted: what was done stands in the tally, and what waits in indexes that hold nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from changes.cadence.terms import Planned
from storage import (
    budgets,
    deliveries,
    kept,
    points,
    processes,
    readers,
    reports,
    seals,
    suspects,
    tally,
    verifications,
)
from storage.deliveries import Counts
from storage.kept import Standing
from storage.points import Point
from storage.processes import Process
from storage.readers import Reader
from storage.reports import Asking
from storage.scans import ResourceState
from storage.seals import Log, Seal
from storage.session import Session
from storage.states import PointState
from storage.tally import Key
from web.services import Web

Place = tuple[str, str]  #: source and resource


@dataclass(frozen=True, slots=True)
class Kept:
    """How a log stands at a place where its heads are kept."""

    target: str
    log: Log
    standing: Standing
    behind_since: datetime | None  #: None: the place has all of it


@dataclass(frozen=True, slots=True)
class Figures:
    """As they were at one moment."""

    now: datetime
    places: Sequence[Place]
    planned: Mapping[Place, Planned]  #: without what is off
    states: Mapping[Place, ResourceState]
    rows: Mapping[Place, int]
    suspects: Mapping[Place, Mapping[str, int]]  #: by their state; `held` are all that wait for a person
    asking: Mapping[str, Asking]  #: by source
    under_way: Mapping[str, int]  #: requests, by source
    totals: Mapping[Key, int]
    running_requests: Mapping[Place, int]  #: of scans that have not ended: not in the totals yet
    points: Sequence[Point]
    owed: Mapping[str, Counts]  #: by point
    owed_since: Mapping[str, datetime]
    sizes: Mapping[Log, int]
    seals: Mapping[Log, Seal | None]
    kept: Sequence[Kept]
    verified: verifications.Standing | None
    processes: Sequence[Process]
    readers: Sequence[Reader]  #: of the feed


def read(web: Web) -> Figures:
    """DatabaseTrouble where it cannot be read."""
    named = [(source, each) for source, of_source in web.resources.items() for each in of_source.values()]
    with web.reading.snapshot() as session:
        owed = deliveries.counts(session)
        return Figures(
            now=web.now(),
            places=[(source, resource.name) for source, resource in named],
            planned=web.plans(session),
            states=reports.told_states(session),
            rows=reports.row_counts(session, named),
            suspects=suspects.counts(session),
            asking=reports.asking(session, list(web.resources)),
            under_way=budgets.under_way(session, now=web.now()),
            totals=tally.totals(session),
            running_requests=reports.running_requests(session),
            # One that is shadowed has a code that belongs to another.
            points=[each for each in points.list_all(session) if each.state != PointState.SHADOWED],
            owed=owed,
            owed_since=deliveries.owed_since(session, owed),
            sizes={log: seals.size(session, log) for log in Log},
            seals={log: seals.last(session, log) for log in Log},
            kept=_kept(session, web.keep),
            verified=verifications.standing(session),
            processes=processes.list_all(session),
            readers=readers.read(session),
        )


def _kept(session: Session, targets: Sequence[str]) -> list[Kept]:
    found = []
    for target in targets:
        for log in Log:
            standing = kept.standing(session, target, log)
            found.append(Kept(kept.shown(target), log, standing, kept.behind_since(session, log, standing)))
    return found
