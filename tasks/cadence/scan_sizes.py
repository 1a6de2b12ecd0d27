"""How many requests a full scan of a resource takes, and how long: as scans have shown, else as the mirror says."""

from __future__ import annotations

from collections.abc import Mapping

from changes.cadence import costs
from changes.cadence.costs import Size
from changes.resources import Resource
from storage import reports, scan_costs
from storage.scan_costs import Last, Usual
from storage.session import Session
from upstream.catalogue import Catalogue

#: Of fewer scans in a day the last one counts: first scans cost more than those that come after them.
_ENOUGH_SCANS = 5


class ScanSizes:
    """Of one source."""

    def __init__(
        self, session: Session, source: str, catalogue: Catalogue, *, page_size: int, usual: Mapping[str, Usual]
    ) -> None:
        """`usual`: of the last day."""
        self._catalogue, self._page_size = catalogue, page_size
        self._usual = usual
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
            return float(found.requests)
        lists = 1 if resource.parent is None else max(1, self._rows.get(resource.parent, 0))
        size = Size(rows=self._rows.get(resource.name) or None, lists=lists, is_paged=resource.paged)
        return float(max(1, costs.requests_per_scan(size, page_size=resource.page_size or self._page_size)))

    def seconds(self, resource: Resource, requests: float, *, requests_per_second: float) -> float:
        """Measured, else at the source's usual speed; never quicker than its limit allows."""
        found = self._measured(resource)
        if found is not None:
            return found.seconds
        return requests * max(1 / requests_per_second, self._seconds_per_request)

    def _measured(self, resource: Resource) -> Usual | Last | None:
        usual, last = self._usual.get(resource.name), self._last.get(resource.name)
        if usual is not None and (usual.scans >= _ENOUGH_SCANS or last is None):
            return usual
        return last
