"""Asks one list for a few rows, in at most four requests, and has what comes judged; used by `check`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from changes import bodies, normalise
from changes.records import Id, Json
from changes.resources import Resource, Shape
from upstream import addresses, path_words
from upstream.client import GONE
from upstream.errors import GiveUp, StopSource, UpstreamError
from upstream.paging_table import Style
from worker.commands.check import answer_places, catalogue_findings, paging_findings, style_findings, style_sampling
from worker.commands.check.catalogue_findings import Finding, Severity
from worker.commands.check.paging_findings import Asked, Counts, Page
from worker.commands.check.sample_rows import identity_of

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


class Sampler:
    """Asks and judges one list."""

    def __init__(self, source: Source, resource: Resource, parent_key: str, *, requests: int = 0) -> None:
        """`requests`: how many the resource has cost already."""
        self.source = source
        self._asked = resource  #: without its sort where that was refused
        self.sample = Sample(resource, parent_key, requests=requests)
        self._pages: dict[Asked, Page] = {}
        page_size = resource.page_size or source.page_size
        self.limit = min(ROWS, page_size)
        self._largest = page_size

    @property
    def requests(self) -> int:
        """How many the resource has cost so far."""
        return self.sample.requests

    def first(self) -> Sample:
        """The first request; UpstreamError where no other one than it would help either."""
        started = time.monotonic()
        try:
            answered = self.listed(0, self.limit)
        except GiveUp as error:
            answered = self._otherwise(error)
        sample, resource = self.sample, self.sample.resource
        sample.seconds = time.monotonic() - started
        misplaced = catalogue_findings.misplaced(resource, answered.body)
        if misplaced is not None:
            sample.findings.append(misplaced)
            return sample
        sample.total = bodies.total_of(resource, answered.body)
        sample.rows = self.rows_of(answered)
        if not sample.rows:
            found = catalogue_findings.empty(resource, answered.body)
            sample.findings += [found] if found else []
        self.answered = answered
        return sample

    @property
    def requests_left(self) -> int:
        return MOST_REQUESTS - self.sample.requests

    def whole_page(self) -> None:
        """As many rows as a scan asks for at once."""
        rows = self.tried(partial(self._page, Asked(0, self._largest)))
        self.sample.page_rows = None if rows is None else len(rows)

    def judge(self) -> None:
        """What the rows say, and what is asked for to know more."""
        sample, resource = self.sample, self.sample.resource
        judged = [catalogue_findings.key(resource.key, sample.rows)] if resource.shape is not Shape.OBJECT else []
        if resource.shape is Shape.LIST:
            judged.append(catalogue_findings.shared(resource, sample.rows))
        judged.append(catalogue_findings.created(resource.created, sample.rows))
        sample.findings += [each for each in judged if each is not None]
        sample.findings += catalogue_findings.columns(resource.columns, sample.rows)
        if resource.shape is Shape.LIST:
            self._judge_paging()
        self._judge_item()

    def _judge_paging(self) -> None:
        sample, resource = self.sample, self.sample.resource
        nexts = answer_places.next_pages(self.answered.body, self.answered.headers)
        came, least = len(sample.rows), len(sample.rows)
        paging = self.source.catalogue.paging_of(resource)
        if resource.paged and paging.style is not Style.OFFSET:
            if not self._has_found("first-page"):
                sample.findings += style_sampling.judge(self, paging, nexts)
        elif resource.paged and not self._has_found("page-number"):
            identity, identities = identity_of(resource, sample.rows)
            self._pages[Asked(0, self.limit)] = [identity(row) for row in sample.rows]
            self._ask_on(identity)
            how = paging_findings.counts(self._pages, self.limit)
            if how is Counts.UNSTEADY and len(identities) < came:
                how = Counts.UNKNOWN  # rows without keys of their own may just hold something that moves
            least = max(least, self._least(how))
            is_whole = came == sample.total or (sample.total is None and came > self.limit)
            names = (paging.limit, paging.offset)
            behind = nexts if least > came or not is_whole else ()
            sample.findings += paging_findings.findings(how, names=names, is_whole=is_whole, nexts=behind)
            if how is not Counts.NOT:
                self._judge_limit(names[0], came, least)
        elif not resource.paged and (nexts or (sample.total or 0) > came):
            seen = f"the total says {sample.total:,}, but {came} rows came" if sample.total else "a next page is named"
            sample.findings.append(Finding("paged", "not-paged", seen, "leave `paged = false` out"))
        total = catalogue_findings.total(resource.envelope, self.answered.body, page_rows=came, least=least)
        sample.findings += [total] if total else []

    def _ask_on(self, identity: Callable[[Json], str]) -> None:
        """While there is something to learn, and requests for it."""
        while self.sample.requests < MOST_REQUESTS:
            asked = paging_findings.next_request(self._pages, self.limit)
            if asked is None or asked.limit > self._largest:
                return
            rows = self.tried(partial(self._page, asked))
            self._pages[asked] = None if rows is None else [identity(row) for row in rows]

    def _least(self, how: Counts) -> int:
        """How many rows there are for certain: a row of each page that no other page has."""
        if how is Counts.UNSTEADY:
            return 0
        return len({row for page in self._pages.values() for row in page or ()})

    def _judge_limit(self, name: str, came: int, least: int) -> None:
        if came > self.limit:
            seen = f"{name}={self.limit} brings {came} rows: it is ignored"
        elif came < self.limit and came < max(least, self.sample.total or 0):
            seen = f"{name}={self.limit} brings {came} of {max(least, self.sample.total or 0):,} rows: it is capped"
        else:
            return
        self.sample.findings.append(Finding("paging", "limit", seen, "", Severity.NOTE))

    def _judge_item(self) -> None:
        resource, ids = self.sample.resource, self.sample.ids()
        if not ids or self.sample.requests >= MOST_REQUESTS or not path_words.has_own_path(resource, ids[0]):
            return
        try:
            path = addresses.of_record(self.source.name, resource, ids[0])
            answered = self._ask(path, {}, accept=GONE)
        except StopSource:
            raise
        except UpstreamError as error:
            hint = "mend the path, or leave it out: deletions are confirmed there"
            self.sample.findings.append(Finding("item_path", "item-path", error.message, hint))
            return
        found = catalogue_findings.item(resource.key, ids[0].key, answered.status, answered.body)
        self.sample.findings += [found] if found and resource.shape is not Shape.OBJECT else []

    def _otherwise(self, error: GiveUp) -> Answered:
        """The list is refused as the catalogue has it asked for: is that the sort, or an offset of 0?"""
        resource = self._asked
        if error.status not in (400, 404, 422) or not resource.paged:
            raise error
        if resource.sort is not None:
            self._asked = replace(resource, sort=None)
            answered = self.tried(partial(self.listed, 0, self.limit))
            if answered is not None:
                seen = f'sorting by "{resource.sort}" is refused: {error.message}'
                self._found("sort", "sort", seen, "leave sort out, or name what the list can be sorted by")
                return answered
            self._asked = resource
        paging = self.source.catalogue.paging_of(resource)
        if paging.is_chain or (paging.style is Style.PAGE and paging.first):
            raise error
        second = 1 if paging.style is Style.OFFSET else self.limit
        answered = self.tried(partial(self.listed, second, self.limit))
        if answered is None or catalogue_findings.misplaced(resource, answered.body) or not self.rows_of(answered):
            raise error
        if paging.style is Style.PAGE:
            self.sample.findings.append(
                style_findings.first_is(1, f"{paging.page}=0 is refused and {paging.page}=1 is not")
            )
            return answered
        seen = f"{paging.offset}=0 is refused and {paging.offset}=1 is not: it is a page number"
        self._found("paging", "page-number", seen, paging_findings.page_style(paging.limit, paging.offset, first=1))
        return answered

    def _found(self, member: str, code: str, seen: str, hint: str) -> None:
        self.sample.findings.append(Finding(member, code, seen, hint, Severity.ERROR))

    def _has_found(self, code: str) -> bool:
        return any(each.code == code for each in self.sample.findings)

    def _page(self, asked: Asked) -> list[Json]:
        return self.rows_of(self.listed(asked.offset, asked.limit))

    def listed(self, offset: int, limit: int) -> Answered:
        resource, parent_key = self._asked, self.sample.parent_key
        params = self.source.client.page_params(resource, parent_key=parent_key, offset=offset, limit=limit)
        return self._ask(addresses.of_list(resource, parent_key), params)

    def _ask(self, path: str, params: Mapping[str, str], accept: frozenset[int] = frozenset()) -> Answered:
        self.sample.requests += 1
        with self.source.budget.permit():
            return self.source.client.ask(
                "GET", path, resource=self.sample.resource, params=params, accept=accept, read=_read
            )

    def rows_of(self, answered: Answered) -> list[Json]:
        try:
            return normalise.rows_of(self.sample.resource, answered.body).rows
        except normalise.UnexpectedShape:
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
