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
    from worker.commands.check.asker import Answered, Asker


def judge(asker: Asker, paging: Paging, nexts: Sequence[Next]) -> list[Finding]:
    """What the first page and at most two more say of `paging`; `nexts`: what looks like a next page in the first."""
    sample = asker.sample
    if not sample.rows or asker.requests_left < 2:
        return []
    identity, _ = identity_of(sample.resource, sample.rows)
    first = [identity(row) for row in sample.rows]

    def page(ask: Callable[[], Sequence[Json]]) -> Page:
        rows = asker.tried(ask)
        return None if rows is None else [identity(row) for row in rows]

    def named(answered: Answered) -> str | None:
        path = addresses.of_list(sample.resource, sample.parent_key)
        rows = asker.rows_of(answered)
        return asker.source.client.links.next_of(paging, path, answered.body, answered.headers, rows)

    def less() -> tuple[Page, str | None]:
        answered = asker.tried(partial(asker.listed, 0, len(first) // 2))
        return (None, None) if answered is None else (page(partial(asker.rows_of, answered)), named(answered))

    def by_number(asked: Asked) -> Page:
        return page(lambda: asker.rows_of(asker.listed(asked.offset, asked.limit)))

    if paging.style is Style.PAGE:
        return style_findings.by_numbers(
            paging, first, limit=asker.limit, total=sample.total, nexts=nexts, ask=by_number
        )
    try:
        behind = named(asker.answered)
        return style_findings.by_chain(
            paging,
            first,
            behind,
            total=sample.total,
            nexts=nexts,
            less=less,
            follow=lambda cursor: page(lambda: _followed(asker, cursor)),
        )
    except Unfollowable as error:
        return [Finding("paging", "next-refused", error.message, error.hint)]


def _followed(asker: Asker, cursor: str) -> Sequence[Json]:
    sample, source = asker.sample, asker.source
    sample.requests += 1
    with source.budget.permit():
        return source.client.fetch_page(
            sample.resource, parent_key=sample.parent_key, offset=len(sample.rows), limit=asker.limit, cursor=cursor
        ).rows
