"""Asks one list for a few rows within a bound of requests, and keeps what it has answered; used by sampling.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from changes import normalise
from changes.records import Id, Json
from changes.resources import Resource
from upstream import addresses, answers
from upstream.client import GONE
from upstream.errors import Rejected, StopSource, UpstreamError
from worker.commands.check.catalogue_findings import Finding
from worker.commands.check.paging_findings import Asked

if TYPE_CHECKING:
    from tasks.services import Source
    from upstream.answers import Answer

T = TypeVar("T")

MOST_REQUESTS = 4
#: Rows of a sample; three at the least tell an offset from a page number.
ROWS = 5


@dataclass(slots=True)
class Sample:
    """What one list has answered."""

    resource: Resource
    parent_key: str
    rows: list[Json] = field(default_factory=list)
    total: int | None = None
    seconds: float = 0.0  #: until the first answer was there
    requests: int = 0
    findings: list[Finding] = field(default_factory=list)
    page_rows: int | None = None  #: rows of a whole page, where that was asked for

    def ids(self) -> list[Id]:
        """Those of the rows that can be mirrored."""
        batch = normalise.read(self.resource, self.rows, parent_key=self.parent_key, seal=lambda value: value)
        return [record.id for record in batch.records]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, read but not judged."""

    status: int
    headers: Mapping[str, str]
    body: Json


class Asker:
    """The requests to one list; `resource` is asked for without its sort where that was refused."""

    answered: Answered  #: the first answer, once there is one

    def __init__(self, source: Source, resource: Resource, parent_key: str, *, requests: int = 0) -> None:
        """`requests`: how many the resource has cost already."""
        self.source = source
        self.resource = resource
        self.sample = Sample(resource, parent_key, requests=requests)
        self.page_size = resource.page_size or source.page_size
        self.limit = min(ROWS, self.page_size)

    @property
    def requests_left(self) -> int:
        return MOST_REQUESTS - self.sample.requests

    def page(self, asked: Asked) -> list[Json]:
        return self.rows_of(self.listed(asked.offset, asked.limit))

    def listed(self, offset: int, limit: int, parent_key: str | None = None) -> Answered:
        """`parent_key`: of another list than the sample's."""
        resource, parent_key = self.resource, self.sample.parent_key if parent_key is None else parent_key
        params = self.source.client.page_params(resource, parent_key=parent_key, offset=offset, limit=limit)
        try:
            return self.ask(addresses.of_list(resource, parent_key), params)
        except Rejected as error:
            paging = self.source.catalogue.paging_of(resource)
            raise answers.refused_page(error, limit, paging) from None

    def ask(self, path: str, params: Mapping[str, str], accept: frozenset[int] = frozenset()) -> Answered:
        self.sample.requests += 1
        with self.source.budget.permit():
            return self.source.client.ask(
                "GET", path, resource=self.sample.resource, params=params, accept=accept, read=_read
            )

    def rows_of(self, answered: Answered) -> list[Json]:
        try:
            return normalise.rows_of(self.sample.resource, answered.body).rows
        except ValueError:
            return []

    def tried(self, ask: Callable[[], T]) -> T | None:
        """None where that is refused, and where there are no more requests to make."""
        if self.sample.requests >= MOST_REQUESTS:
            return None
        try:
            return ask()
        except StopSource:
            raise
        except UpstreamError:
            return None


def _read(answer: Answer) -> Answered:
    is_silent = answer.status in GONE or not answer.body.strip()
    return Answered(answer.status, answer.headers, None if is_silent else normalise.parse(answer.body))
