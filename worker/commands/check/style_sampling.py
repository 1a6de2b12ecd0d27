"""Asks on in a list by page numbers, cursors or links, and has what comes judged; called by sampling.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from changes.records import Json
from upstream import addresses
from upstream.links import Unfollowable
from upstream.paging_table import Paging, Style
from worker.commands.check import style_findings
from worker.commands.check.answer_places import Next
from worker.commands.check.catalogue_findings import Finding
from worker.commands.check.paging_findings import Asked, Page
from worker.commands.check.sample_rows import identity_of

if TYPE_CHECKING:
    from worker.commands.check.sampling import Answered, Sampler


def judge(sampler: Sampler, paging: Paging, nexts: Sequence[Next]) -> list[Finding]:
    """What the first page and at most two more say of `paging`; `nexts`: what looks like a next page in the first."""
    sample = sampler.sample
    if not sample.rows or sampler.requests_left < 2:
        return []
    identity, _ = identity_of(sample.resource, sample.rows)
    first = [identity(row) for row in sample.rows]

    def page(ask: Callable[[], Sequence[Json]]) -> Page:
        rows = sampler.tried(ask)
        return None if rows is None else [identity(row) for row in rows]

    def named(answered: Answered) -> str | None:
        path = addresses.of_list(sample.resource, sample.parent_key)
        return sampler.source.client.links.next_of(paging, path, answered.body, answered.headers)

    def less() -> tuple[Page, str | None]:
        answered = sampler.tried(partial(sampler.listed, 0, len(first) // 2))
        return (None, None) if answered is None else (page(partial(sampler.rows_of, answered)), named(answered))

    def by_number(asked: Asked) -> Page:
        return page(lambda: sampler.rows_of(sampler.listed(asked.offset, asked.limit)))

    if paging.style is Style.PAGE:
        return style_findings.by_numbers(paging, first, limit=sampler.limit, total=sample.total, ask=by_number)
    try:
        behind = named(sampler.answered)
        return style_findings.by_chain(
            paging,
            first,
            behind,
            total=sample.total,
            nexts=nexts,
            less=less,
            follow=lambda cursor: page(lambda: _followed(sampler, cursor)),
        )
    except Unfollowable as error:
        return [Finding("paging", "next-refused", error.message, error.hint)]


def _followed(sampler: Sampler, cursor: str) -> Sequence[Json]:
    sample, source = sampler.sample, sampler.source
    sample.requests += 1
    with source.budget.permit():
        return source.client.fetch_page(
            sample.resource, parent_key=sample.parent_key, offset=len(sample.rows), limit=sampler.limit, cursor=cursor
        ).rows
