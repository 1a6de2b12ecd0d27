"""Asks one list for a few rows, in at most four requests, and has what comes judged; used by `check`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from changes import bodies
from changes.records import Json
from changes.resources import PLACEHOLDER, Resource, Shape
from upstream import addresses, path_words, raw_page, says_more
from upstream.client import GONE
from upstream.errors import GiveUp, StopSource, UpstreamError
from upstream.paging_table import Style
from worker.commands.check import answer_places, catalogue_findings, paging_findings, style_findings, style_sampling
from worker.commands.check.asker import Answered, Asker, Sample
from worker.commands.check.catalogue_findings import Finding, Severity, toml
from worker.commands.check.paging_findings import Asked, Counts, Page
from worker.commands.check.sample_rows import identity_of

if TYPE_CHECKING:
    from tasks.services import Source


class Sampler:
    """Asks and judges one list."""

    def __init__(self, source: Source, resource: Resource, parent_key: str, *, requests: int = 0) -> None:
        """`requests`: how many the resource has cost already."""
        self._asker = Asker(source, resource, parent_key, requests=requests)
        self.sample = self._asker.sample
        self._pages: dict[Asked, Page] = {}

    @property
    def requests(self) -> int:
        """How many the resource has cost so far."""
        return self.sample.requests

    def first(self) -> Sample:
        """The first request; UpstreamError where no other one than it would help either."""
        started = time.monotonic()
        try:
            answered = self._asker.listed(0, self._asker.limit)
        except GiveUp as error:
            answered = self._otherwise(error)
        sample, resource = self.sample, self.sample.resource
        sample.seconds = time.monotonic() - started
        misplaced = catalogue_findings.misplaced(resource, answered.body)
        if misplaced is not None:
            sample.findings.append(misplaced)
            return sample
        sample.total = raw_page.total_of(resource, bodies.total_of(resource, answered.body), answered.headers)
        sample.rows = self._asker.rows_of(answered)
        if not sample.rows:
            found = catalogue_findings.empty(resource, answered.body)
            sample.findings += [found] if found else []
        self._asker.answered = answered
        return sample

    def whole_page(self) -> None:
        """As many rows as a scan asks for at once."""
        rows = self._asker.tried(partial(self._asker.page, Asked(0, self._asker.page_size)))
        self.sample.page_rows = None if rows is None else len(rows)

    def judge(self) -> None:
        """What the rows say, and what is asked for to know more."""
        sample, resource = self.sample, self.sample.resource
        judged = [catalogue_findings.key(resource.key, sample.rows)] if resource.shape is not Shape.OBJECT else []
        if resource.shape is Shape.LIST:
            judged.append(catalogue_findings.shared(resource, sample.rows))
        stamp = None if resource.created_assumed else resource.created
        judged.append(catalogue_findings.created(stamp, sample.rows))
        sample.findings += [each for each in judged if each is not None]
        sample.findings += catalogue_findings.columns(resource.columns, sample.rows)
        if resource.shape is Shape.LIST:
            self._judge_paging()
        self._judge_item()

    def judge_parent(self, other: str) -> None:
        """Whether the list below another parent is another one, where a parameter alone says which is meant."""
        resource, rows = self.sample.resource, self.sample.rows
        names = [name for name, value in resource.params.items() if PLACEHOLDER.search(value)]
        if len(rows) < 2 or not names or PLACEHOLDER.search(resource.path):
            return
        answered = self._asker.tried(partial(self._asker.listed, 0, self._asker.limit, other))
        if answered is not None and self._asker.rows_of(answered) == rows:
            seen = f"the lists below two parents bring the same {len(rows)} rows"
            hint = f"is {' or '.join(toml(name) for name in names)} the name of the parameter?"
            self.sample.findings.append(Finding("params", "parent-ignored", seen, hint))

    def _judge_paging(self) -> None:
        sample, resource = self.sample, self.sample.resource
        body, headers = self._asker.answered.body, self._asker.answered.headers
        nexts = answer_places.next_pages(body, headers)
        more = says_more.finder(resource, headers, lambda: body)(len(self.sample.rows), is_first=True)
        came, least = len(sample.rows), len(sample.rows)
        paging = self._asker.source.catalogue.paging_of(resource)
        if resource.paged and paging.style is not Style.OFFSET:
            if not self._has_found("first-page"):
                sample.findings += style_sampling.judge(self._asker, paging, nexts)
        elif resource.paged and not self._has_found("page-number"):
            identity, identities = identity_of(resource, sample.rows)
            self._pages[Asked(0, self._asker.limit)] = [identity(row) for row in sample.rows]
            self._ask_on(identity)
            how = paging_findings.counts(self._pages, self._asker.limit)
            if how is Counts.UNSTEADY and len(identities) < came:
                how = Counts.UNKNOWN  # rows without keys of their own may just hold something that moves
            least = max(least, self._least(how))
            is_whole = not more and (came == sample.total or (sample.total is None and came > self._asker.limit))
            names = (paging.limit, paging.offset)
            behind = nexts if least > came or not is_whole else ()
            sample.findings += paging_findings.findings(
                how, names=names, is_whole=is_whole, rows=came if sample.total is None else 0, nexts=behind
            )
            if how is not Counts.NOT:
                self._judge_limit(names[0], came, least)
        elif not resource.paged and (more or (sample.total or 0) > came):
            seen = (
                f"the answer says that more follow ({more})"
                if more
                else f"the total says {sample.total:,}, but {came} rows came"
            )
            hint = paging_findings.by_next(paging.limit, nexts) if more else ""
            hint = f"{hint}, without `paged = false`" if hint else "leave `paged = false` out"
            sample.findings.append(Finding("paged", "not-paged", seen, hint))
        elif not resource.paged and sample.total is None and paging_findings.looks_like_a_page(came):
            seen = f"{came} rows came, which look like a page: nothing says that these are all"
            hint = "leave `paged = false` out, unless all rows always come at once"
            sample.findings.append(Finding("paged", "not-paged", seen, hint, Severity.NOTE))
        total = catalogue_findings.total(resource.envelope, body, headers, page_rows=came, least=least)
        sample.findings += [total] if total else []

    def _ask_on(self, identity: Callable[[Json], str]) -> None:
        """While there is something to learn, and requests for it."""
        while self._asker.requests_left > 0:
            asked = paging_findings.next_request(self._pages, self._asker.limit)
            if asked is None or asked.limit > self._asker.page_size:
                return
            rows = self._asker.tried(partial(self._asker.page, asked))
            self._pages[asked] = None if rows is None else [identity(row) for row in rows]

    def _least(self, how: Counts) -> int:
        """How many rows there are for certain: a row of each page that no other page has."""
        if how is Counts.UNSTEADY:
            return 0
        return len({row for page in self._pages.values() for row in page or ()})

    def _judge_limit(self, name: str, came: int, least: int) -> None:
        if came > self._asker.limit:
            seen = f"{name}={self._asker.limit} brings {came} rows: it is ignored"
        elif came < self._asker.limit and came < max(least, self.sample.total or 0):
            seen = (
                f"{name}={self._asker.limit} brings {came} of {max(least, self.sample.total or 0):,} rows: it is capped"
            )
        else:
            return
        self.sample.findings.append(Finding("paging", "limit", seen, "", Severity.NOTE))

    def _judge_item(self) -> None:
        resource, ids = self.sample.resource, self.sample.ids()
        if not ids or self._asker.requests_left <= 0 or not path_words.has_own_path(resource, ids[0]):
            return
        try:
            path = addresses.of_record(self._asker.source.name, resource, ids[0])
            answered = self._asker.ask(path, addresses.record_params(resource, ids[0]), accept=GONE)
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
        resource = self._asker.resource
        if error.status not in (400, 404, 422) or not resource.paged:
            raise error
        if resource.sort is not None:
            self._asker.resource = replace(resource, sort=None)
            answered = self._asker.tried(partial(self._asker.listed, 0, self._asker.limit))
            if answered is not None:
                seen = f'sorting by "{resource.sort}" is refused: {error.message}'
                self._found("sort", "sort", seen, "leave sort out, or name what the list can be sorted by")
                return answered
            self._asker.resource = resource
        paging = self._asker.source.catalogue.paging_of(resource)
        if paging.is_chain or (paging.style is Style.PAGE and paging.first):
            raise error
        second = 1 if paging.style is Style.OFFSET else self._asker.limit
        answered = self._asker.tried(partial(self._asker.listed, second, self._asker.limit))
        if (
            answered is None
            or catalogue_findings.misplaced(resource, answered.body)
            or not self._asker.rows_of(answered)
        ):
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
