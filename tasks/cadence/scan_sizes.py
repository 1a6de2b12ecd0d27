"""How many requests a full scan of a resource takes, and how long: as scans have shown, else as the mirror says."""

from __future__ import annotations

from changes.cadence import costs
from changes.cadence.costs import Size
from changes.resources import Resource
from storage.scan_costs import Last, Usual
from tasks.cadence.recorded import Recorded
from tasks.scan.learned import Learned
from upstream.catalogue import Catalogue

#: Of fewer scans in a day the last one counts: first scans cost more than those that come after them.
_ENOUGH_SCANS = 5


class ScanSizes:
    """Of one source."""

    def __init__(
        self,
        recorded: Recorded,
        source: str,
        catalogue: Catalogue,
        *,
        page_size: int,
    ) -> None:
        self._catalogue, self._page_size = catalogue, page_size
        usual = recorded.usual.get(source, {})
        self._usual, self._last = dict(usual), recorded.last.get(source, {})
        self._read_with = dict[str, int]()  #: rows that the last complete scan asked for at once
        self._rows = dict[str, int]()
        self._first = set[str]()  #: those whose first scan is the last one, too
        for name in catalogue.resources:
            counted = self._last.get(name)
            self._rows[name] = recorded.rows[source, name] if counted is None else counted.rows
            state = recorded.states.get((source, name))
            if state is not None and state.baseline_at is not None and state.baseline_at == state.last_complete_at:
                self._first.add(name)
            if state is None or state.learned is None:
                continue
            learned = Learned.from_json(state.learned)
            self._read_with[name] = learned.page_size
            if learned.page_size_since is not None and learned.page_size_since > recorded.since:
                self._usual.pop(name, None)  # most of these asked for another number of rows
        speeds = sorted(each.seconds / each.requests for each in usual.values() if each.requests >= 5)
        self._seconds_per_request = speeds[len(speeds) // 2] if speeds else 0.0  #: the median

    def requests(self, resource: Resource) -> float:
        """At least one."""
        found, reckoned = self._measured(resource), self._reckoned(resource, resource.page_size or self._page_size)
        if found is None or not found.requests:
            return float(reckoned)
        measured = max(1.0, found.requests * self._scale(resource))
        # A first scan also asks how the list is to be read.
        return min(measured, reckoned) if resource.name in self._first else measured

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
