"""What pages of a list say of how the catalogue has it paged, where that is by numbers, cursors or links; for `check`.

A page is the identities of its rows, or None where its request was refused. What asks is handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from upstream.paging_table import Paging, Style
from worker.commands.check.answer_places import Next, listed
from worker.commands.check.catalogue_findings import Finding, Severity
from worker.commands.check.paging_findings import Asked, Page, by_next

WHERE = "name the member with it in `next` of paging"
#: For a cursor that is a member of the last row.
WITHOUT_NEXT = "leave `next` out where the list ends with an empty page"


def first_is(number: int, seen: str) -> Finding:
    return Finding("paging", "first-page", seen, f"first = {number} in paging", Severity.ERROR)


def by_numbers(
    paging: Paging,
    first: Sequence[str],
    *,
    limit: int,
    total: int | None,
    nexts: Sequence[Next],
    ask: Callable[[Asked], Page],
) -> list[Finding]:
    """`first`: the first page, asked for with `limit`; `ask` is called at most twice. `nexts`: see `by_chain`."""
    name, second = paging.page, paging.first + 1
    page = ask(Asked(limit, limit))
    is_more = (total or 0) > len(first) or (total is None and len(first) >= limit)
    if page is None and is_more and len(first) < (total or 0):
        return [Finding("paging", "page-refused", f"{name}={second} is refused", f'is "{name}" the right parameter?')]
    if page and is_more and list(page) == list(first):
        third = ask(Asked(2 * limit, limit)) if not paging.first else page
        if third and list(third) != list(first):
            return [first_is(1, f"{name}=0 and {name}=1 bring the same page: the first one has the number 1")]
        seen = f"{name}={second} brings the first page again: it is ignored"
        hint = by_next(paging.limit, nexts) or f'is "{name}" the name of the parameter?'
        if not paging.first and not nexts:
            hint = f'is "{name}" the name of the parameter? Or is the first page the one with the number 1: first = 1'
        return [Finding("paging", "page-ignored", seen, hint)]
    before = ask(Asked(-limit, limit)) if paging.first else None
    if before and set(before).isdisjoint({*first, *(page or ())}) and not (total and len(first) >= total):
        return [first_is(0, f"{name}=0 brings other rows than {name}=1: the first page has the number 0")]
    return []


def by_chain(
    paging: Paging,
    first: Sequence[str],
    behind: str | None,
    *,
    total: int | None,
    nexts: Sequence[Next],
    less: Callable[[], tuple[Page, str | None]],
    follow: Callable[[str], Page],
) -> list[Finding]:
    """`behind`: what the first page names as the next one; one of `less` (fewer rows) and `follow` is called at most.

    `nexts`: what looks like it in the answer.
    """
    where = WITHOUT_NEXT if paging.after else WHERE
    places = listed([*paging.next, *([f"{paging.after} of the last row"] if paging.after else [])])
    if not behind:
        elsewhere = [each for each in nexts if not each.is_number and not (each.is_flag and paging.after)]
        if elsewhere:
            seen = (
                f"no next page stands at {places}, but the answer names one at {listed([each.place for each in nexts])}"
            )
            return [Finding("paging", "next-missing", seen, by_next(paging.limit, elsewhere) or where)]
        if behind is None and len(first) > 1:
            page, named = less()
            if page and len(page) < len(first) and not named:
                seen = (
                    f"no next page stands at {places}, where {len(page)} of {total or len(first)} rows were asked for"
                )
                return [Finding("paging", "next-missing", seen, where)]
        elif total is not None and total > len(first) > 0:
            seen = f"no next page stands at {places} behind {len(first)} of {total:,} rows"
            return [Finding("paging", "next-missing", seen, where)]
        return []
    page = follow(behind)
    what = "the link" if paging.style is Style.LINK else paging.cursor
    right = WHERE if paging.style is Style.LINK else f'is "{paging.cursor}" the name of the parameter?'
    if paging.after:
        right = f'is "{paging.cursor}" the name of the parameter, and does it take "{paging.after}" of the last row?'
    if page is None:
        return [Finding("paging", "next-refused", f"{what} with what stands at {places} is refused", right)]
    if page and list(page) == list(first):
        seen = f"{what} with what stands at {places} brings the first page again"
        return [Finding("paging", "page-ignored", seen, right)]
    return []
