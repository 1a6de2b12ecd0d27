"""Asks each resource of a source for a few rows, several at a time within its budget; used by `check`."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from changes.resources import Resource
    from tasks.services import Source
    from upstream.errors import UpstreamError
    from worker.commands.check.asker import Sample
    from worker.commands.check.catalogue_findings import Finding

#: Parents whose lists are asked for until one has rows.
_PARENTS = 3


@dataclass(frozen=True, slots=True)
class Probe:
    """What one resource has answered."""

    resource: str
    total: int | None = None  #: of the list that was asked
    error: UpstreamError | None = None
    has_parent: bool = True  #: False: nothing could be asked, since no parent record is known
    is_above_unread: bool = False  #: none is known because the list of its parents could not be read
    seconds: float = 0.0
    child_parent_keys: tuple[str, ...] = ()  #: what children of its first records have as parent_key
    page_rows: int | None = None  #: of a parent whose list says no total: the rows of its first page
    findings: tuple[Finding, ...] = ()  #: what its table in the catalogue gets wrong
    has_rows: bool = True  #: False: there was nothing that the catalogue could be held against


@dataclass(frozen=True, slots=True)
class Probed:
    """What a source has answered."""

    probes: dict[str, Probe]
    stopped_by: UpstreamError | None = None  #: nothing more was asked after this

    @property
    def answer_seconds(self) -> float:
        """The median of the answers that came."""
        return statistics.median([each.seconds for each in self.probes.values() if each.seconds] or [0.0])


def probe(source: Source, resources: Sequence[Resource], *, on_probe: Callable[[], None]) -> Probed:
    """The first alone, so that a source that is out of reach or refuses us is asked no more than once."""
    from upstream import errors

    prober = _Prober(source, resources)
    top = [resource for resource in resources if not resource.ancestors] or list(resources)
    if not top:
        return Probed({})
    first = prober.probe(top[0])
    on_probe()
    if isinstance(first.error, errors.StopSource | errors.Unreachable | errors.Overloaded):
        return Probed({first.resource: first}, stopped_by=first.error)

    def one(resource: Resource) -> Probe:
        found = prober.probe(resource)
        on_probe()
        return found

    rest = [resource for resource in resources if resource is not top[0]]
    pool = ThreadPoolExecutor(min(8, source.budget.concurrency), "check")
    try:
        found = [first, *pool.map(one, rest)]
    except BaseException:
        source.budget.stopping.set()  # Ctrl-C: those under way end now, not after their time-outs
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    refusals = [each.error for each in found if isinstance(each.error, errors.StopSource | errors.Overloaded)]
    stopped_by = min(refusals, key=lambda error: isinstance(error, errors.Overloaded), default=None)
    return Probed({each.resource: each for each in found}, stopped_by=stopped_by)


class _Prober:
    """Asks for each resource once, also where several children want a parent of it."""

    def __init__(self, source: Source, resources: Sequence[Resource]) -> None:
        self._source = source
        self._parents = {resource.parent for resource in resources}
        self._lock = Lock()
        self._locks: dict[str, Lock] = {}
        self._done: dict[str, Probe] = {}

    def probe(self, resource: Resource) -> Probe:
        with self._lock:
            lock = self._locks.setdefault(resource.name, Lock())
        with lock:  # parents stand above their children, so that nobody waits in a circle
            if resource.name not in self._done:
                self._done[resource.name] = self._ask(resource)
            return self._done[resource.name]

    def _ask(self, resource: Resource) -> Probe:
        from changes.resources import child_parent_key
        from upstream.errors import UpstreamError

        parent_keys: tuple[str, ...] = ("",)
        if resource.parent is not None:
            above = self.probe(self._source.catalogue.resources[resource.parent])
            parent_keys = above.child_parent_keys[:_PARENTS]
            if not parent_keys:
                is_unread = above.error is not None or above.is_above_unread
                return Probe(resource.name, has_parent=False, is_above_unread=is_unread)
        try:
            sample = self._sample(resource, parent_keys)
        except UpstreamError as error:
            return Probe(resource.name, error=error)
        return Probe(
            resource.name,
            total=sample.total,
            seconds=sample.seconds,
            page_rows=sample.page_rows,
            child_parent_keys=tuple(child_parent_key(each.parent_key, each.key) for each in sample.ids()),
            findings=tuple(sample.findings),
            has_rows=bool(sample.rows or sample.findings),
        )

    def _sample(self, resource: Resource, parent_keys: Sequence[str]) -> Sample:
        """Of the first parent that has rows, else of the last one that was asked."""
        from upstream.errors import GiveUp
        from worker.commands.check.sampling import Sampler

        refused: GiveUp | None = None
        requests = 0
        sample: Sample | None = None
        for parent_key in parent_keys:
            sampler = Sampler(self._source, resource, parent_key, requests=requests)
            try:
                sample = sampler.first()
            except GiveUp as error:  # not for this parent
                refused = refused or error
                requests = sampler.requests
                continue
            if sample.rows or sample.findings:
                break
            requests = sampler.requests
        if sample is None:
            assert refused is not None  # noqa: S101  # there is at least one parent
            raise refused
        if sample.rows:
            if sample.total is None and resource.name in self._parents and resource.paged:
                sampler.whole_page()  # how many lists its children have can only be guessed from this
            others = [each for each in parent_keys if each != sample.parent_key]
            if others:
                sampler.judge_parent(others[0])
            sampler.judge()
        return sample
