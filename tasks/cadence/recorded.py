"""What the database has on record of the sources whose plans are made: read in a handful of statements for many.

Read by whoever makes plans, for a few dozen sources at a time; `gathering.py` makes of it what is known of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from storage import cadence, reports, scan_costs, tally
from storage.cadence import Stored
from storage.scan_costs import Last, Usual
from storage.scans import ResourceState
from storage.session import Session
from upstream.catalogue import Catalogue

#: Scan times are those of this time.
TIMES_OF = timedelta(days=1)

Place = tuple[str, str]  #: source and resource


@dataclass(frozen=True, slots=True)
class Recorded:
    """Of the sources that were asked for."""

    since: datetime  #: from when on scans are `usual`
    stored: Mapping[Place, Stored]  #: the plans until now
    states: Mapping[Place, ResourceState]
    usual: Mapping[str, Mapping[str, Usual]]  #: source -> resource -> what its scans cost of late
    last: Mapping[str, Mapping[str, Last]]  #: source -> resource -> what its last scan cost
    rows: Mapping[Place, int]  #: of the lists that no scan has counted yet
    changes: Mapping[tuple[str, ...], int]  #: (source, resource, kind) -> how many there ever were


def read(session: Session, catalogues: Mapping[str, Catalogue], *, now: datetime) -> Recorded:
    """Of these sources, by name."""
    names, since = tuple(catalogues), now - TIMES_OF
    last = scan_costs.last(session, names)
    # Counting takes as long as a table is large, so only those are counted that no scan has counted yet.
    unknown = [
        (name, each)
        for name, catalogue in catalogues.items()
        for each in catalogue.resources.values()
        if each.name not in last.get(name, {})
    ]
    return Recorded(
        since=since,
        stored=cadence.read(session, names),
        states=reports.resource_states(session, names),
        usual=scan_costs.usual(session, names, since=since),
        last=last,
        rows=reports.row_counts(session, unknown),
        changes=tally.changes(session, names),
    )
