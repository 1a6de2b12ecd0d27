"""How many requests a full scan of a resource takes, and how long: as scans have shown, else as the mirror says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from changes.cadence import costs
from changes.cadence.costs import Size
from changes.resources import Resource
from storage import reports, scan_costs
from storage.scan_costs import Last, Usual
from storage.scans import ResourceState
from storage.session import Session
from tasks.scan.learned import Learned
from upstream.catalogue import Catalogue

#: Of fewer scans in a day the last one counts: first scans cost more than those that come after them.
_ENOUGH_SCANS = 5


class ScanSizes:
    """Of one source."""

    def __init__(
        self,
        session: Session,
        source: str,
        catalogue: Catalogue,
        *,
        page_size: int,
        usual: Mapping[str, Usual],
        since: datetime,
        states: Mapping[tuple[str, str], ResourceState],
    ) -> None:
        """`usual`: of the scans `since` then."""
        self._catalogue, self._page_size = catalogue, page_size
        self._usual = dict(usual)
        self._read_with = dict[str, int]()  #: rows that the last complete scan asked for at once
        for (its_source, name), state in states.items():
            if its_source != source or state.learned is None:
                continue
            learned = Learned.from_json(state.learned)
            self._read_with[name] = learned.page_size
            if learned.page_size_since is not None and learned.page_size_since > since:
                self._usual.pop(name, None)  # most of these asked for another number of rows
        self._last = scan_costs.last(session, source)
        # Counting takes as long as a table is large, so only those are counted that no scan has counted yet.
        unknown = [(source, each) for each in catalogue.resources.values() if each.name not in self._last]
        self._rows = {name: rows for (_, name), rows in reports.row_counts(session, unknown).items()}
        self._rows.update({name: each.rows for name, each in self._last.items()})
        speeds = sorted(each.seconds / each.requests for each in usual.values() if each.requests >= 5)
        self._seconds_per_request = speeds[len(speeds) // 2] if speeds else 0.0  #: the median

    def requests(self, resource: Resource) -> float:
        """At least one."""
        found = self._measured(resource)
        if found is not None and found.requests:
            return max(1.0, found.requests * self._scale(resource))
        return float(self._reckoned(resource, resource.page_size or self._page_size))

    def _reckoned(self, resource: Resource, page_size: int) -> int:
        """Requests, by the rows that there are; at least one."""
        lists = 1 if resource.parent is None else max(1, self._rows.get(resource.parent, 0))
        size = Size(rows=self._rows.get(resource.name) or None, lists=lists, is_paged=resource.paged)
        return max(1, costs.requests_per_scan(size, page_size=page_size))

    def _scale(self, resource: Resource) -> float:
        """How many times more a scan costs than those that were measured, where they asked for other pages."""
        now, then = resource.page_size or self._page_size, self._read_with.get(resource.name) or 0
        if then in (0, now):
            return 1.0
        return self._reckoned(resource, now) / self._reckoned(resource, then)

    def seconds(self, resource: Resource, requests: float, *, requests_per_second: float) -> float:
        """Measured, else at the source's usual speed; never quicker than its limit allows."""
        found = self._measured(resource)
        if found is not None:
            return found.seconds * self._scale(resource)
        return requests * max(1 / requests_per_second, self._seconds_per_request)

    def _measured(self, resource: Resource) -> Usual | Last | None:
        usual, last = self._usual.get(resource.name), self._last.get(resource.name)
        if usual is not None and (usual.scans >= _ENOUGH_SCANS or last is None):
            return usual
        return last
