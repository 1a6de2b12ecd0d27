"""Walks through lists in which each page names the next one, by a cursor or a link; called by the scan step.

Such a list is a *chain*: no page can be asked for without the one before it, and no two pages overlap. It ends with an
answer that names no next page. The walk cannot see rows that came or went in the part that it has read, nor rows that a
server without a steady order has put there. So the end of a chain proves as much as the end of a walk by whole pages
(`evidence.py`): the list is complete if a steady total fits and the mirror knows just these rows, or if two walks have
brought the same rows.

A page that names a next one is followed, whatever a total says: the total may count the page only.

A chain has no end if it goes in a circle (the same cursor again, or the same page), if it brings only empty pages, or
if answers have no place for what comes next, even when more is to come. If the server does not take a cursor any more
(cursors live only for a while), the chain is begun anew.

Nothing here sends anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from upstream.paging import MAX_ROWS, Ask, End, Ending, Step, Walk
from upstream.walks import digest

#: So many of the last cursors are remembered: a circle of so many pages is seen at once, a longer one later.
CURSORS = 24
#: So many empty pages in a row that name a next one are followed.
MOST_EMPTY = 100
#: How often a chain may be begun again because a cursor was refused: each time costs a whole walk.
RESTARTS = 2
#: A row that comes again on so many pages is no coincidence.
MOST_AGAIN = 8
CURE = "is `next` of paging right? (paged = false is for lists that are always one page)"


@dataclass(frozen=True, slots=True)
class Chain(Walk):
    """Where the walk through a chain stands; goes to the database and back as plain JSON."""

    cursor: str = ""  #: names the next page; empty: the first one
    sent: str = ""  #: hashes of the last cursors, with blanks between
    page_hash: str = ""  #: of the last page that had rows
    # Whenever the number of answers has doubled, cursor and page are marked, and later ones are compared with these. So
    # a circle of any length is found before the chain is twice as long (Brent's algorithm).
    marked_cursor: str = ""
    marked_page: str = ""
    marked_row: str = ""  #: the last row of that page: if rows come again on pages cut in other ways, that is a circle
    marked_came: int = 0  #: pages after that one that had it
    empty: int = 0  #: empty pages in a row
    is_told: bool = False  #: answers have a place for what comes next
    is_asking_for_less: bool = False  #: to see such a place


def begin(known: Chain | None = None, *, restarts: int = 0, limit: int = 0) -> Chain:
    """A walk from the first page on, with what another one has seen of the answers; `limit`: see `Walk`."""
    is_told = known is not None and known.is_told
    return Chain(is_aligned=True, restarts=restarts, limit=limit, is_resized=limit > 0, is_told=is_told)


def ask(chain: Chain, *, limit: int) -> Ask:
    """The request that continues `chain`."""
    if chain.is_asking_for_less:
        return Ask(0, max(chain.rows // 2, 1))
    return Ask(chain.rows, chain.limit or limit, chain.cursor)


def accept(
    chain: Chain, asked: Ask, page: Sequence[str], *, next_: str | None, total: int | None, max_rows: int = MAX_ROWS
) -> Step:
    """Take the answer to `asked`; `next_` empty: it says that nothing follows, None: it does not say."""
    chain = _noted(chain, next_, total)
    if chain.is_asking_for_less:
        return _less(chain, page)
    if not page:
        return _empty(chain, asked, next_ or "")
    chain = replace(chain, marked_came=chain.marked_came + (chain.marked_row in page))
    again = _again(chain, page)
    if again:
        return Step(chain, len(page), _circle(chain, again))
    chain = _taken(chain, page)
    if chain.rows > max_rows:
        return Step(chain, 0, End(Ending.HIDDEN, f"the list is longer than {max_rows} rows"))
    if next_:
        return _follow(chain, asked, next_, 0)
    if not chain.is_told and len(page) > 1:
        return Step(replace(chain, is_asking_for_less=True), 0)
    if not chain.is_told and len(page) == asked.limit:
        return Step(chain, 0, End(Ending.HIDDEN, f"nothing shows whether anything follows 1 row: {CURE}"))
    return Step(chain, 0, End(Ending.BEHIND))


def refuse(chain: Chain, asked: Ask) -> Step | None:
    """What an error that says "not this" means for the walk; None: it is an error and nothing else."""
    if chain.is_asking_for_less:
        return _less(replace(chain, asks=chain.asks + 1), ())
    if not asked.cursor:
        return Step(replace(chain, limit=0, is_resized=False), 0) if chain.is_resized else None
    if _is_whole(chain):
        return Step(chain, 0, End(Ending.REFUSED))
    if chain.restarts >= RESTARTS:
        reason = f"what names its next page was refused {RESTARTS + 1} times, at last behind {chain.rows:,} rows"
        return Step(chain, 0, End(Ending.LOST, reason))
    return Step(begin(chain, restarts=chain.restarts + 1, limit=chain.limit), 0)


def _noted(chain: Chain, next_: str | None, total: int | None) -> Chain:
    """Note one more answer; many servers tell the total on the first page only."""
    is_steady = chain.is_steady and (total is None or chain.total is None or total == chain.total)
    return replace(
        chain,
        asks=chain.asks + 1,
        total=chain.total if total is None else total,
        is_steady=is_steady,
        is_told=chain.is_told or next_ is not None,
    )


def _empty(chain: Chain, asked: Ask, next_: str) -> Step:
    if next_ and next_ != asked.cursor:
        if chain.empty >= MOST_EMPTY:
            return Step(chain, 0, End(Ending.LOST, f"{MOST_EMPTY} pages without a row behind {chain.rows:,} rows"))
        return _follow(replace(chain, empty=chain.empty + 1), asked, next_, 0)
    if chain.rows:
        return Step(chain, 0, End(Ending.BEHIND))
    if chain.total:
        return Step(chain, 0, End(Ending.HIDDEN, f"an empty list, while its total says {chain.total}"))
    if chain.restarts:
        return Step(chain, 0, End(Ending.HIDDEN, "the list became empty while it was being read"))
    return Step(chain, 0, End(Ending.EMPTY))


def _follow(chain: Chain, asked: Ask, next_: str, fresh: int) -> Step:
    """Go on to the next page. One that names itself is asked for again: some lists end so, and may grow there later."""
    cursor = _hash(next_)
    if next_ != asked.cursor and cursor in (*chain.sent.split(), chain.marked_cursor):
        return Step(chain, fresh, _circle(chain, "what names its next page was sent before"))
    if chain.asks & (chain.asks - 1) == 0:
        last = chain.anchors[-1] if chain.anchors else ""
        chain = replace(chain, marked_cursor=cursor, marked_page=chain.page_hash, marked_row=last, marked_came=0)
    sent = " ".join([*chain.sent.split(), cursor][-CURSORS:])
    return Step(replace(chain, cursor=next_, sent=sent), fresh)


def _again(chain: Chain, page: Sequence[str]) -> str:
    """How it is seen that this page has come before; empty if it has not."""
    if chain.rows and tuple(page[:2]) == chain.first and len(page) > 1:
        return "its first page came again"
    if chain.marked_came >= MOST_AGAIN:
        return f"a row came on {MOST_AGAIN + 1} pages"
    return "a page came again" if _page_hash(chain, page) in (chain.page_hash, chain.marked_page) else ""


def _page_hash(chain: Chain, page: Sequence[str]) -> str:
    """A single row may be one that is listed twice, so it is hashed with the row before it."""
    return _hash(*page) if len(page) > 1 else _hash(*chain.anchors, *page)


def _is_whole(chain: Chain) -> bool:
    """Whether the total says that all rows have come; the total of a single page may only count its own rows."""
    return chain.is_steady and chain.total == chain.rows > chain.page


def _circle(chain: Chain, reason: str) -> End:
    """The end of a chain in a circle: all rows may have come, if the total says so; else some may be missing."""
    if _is_whole(chain):
        return End(Ending.WRAPPED)
    return End(Ending.LOST, f"{reason} after {chain.asks:,} pages with {chain.rows:,} rows: it goes in a circle")


def _less(chain: Chain, page: Sequence[str]) -> Step:
    """The only page named no next one, and did not say that there is none; so fewer rows were asked for.

    If that page names none either, `next` is most likely not where the catalogue says, and rows may follow unseen.
    """
    if chain.is_told:
        return Step(chain, len(page), End(Ending.BEHIND))
    if page and len(page) < chain.rows:
        return Step(chain, len(page), End(Ending.HIDDEN, f"no next page where {len(page)} of its rows came: {CURE}"))
    if chain.total == chain.rows:
        return Step(chain, len(page), End(Ending.BEHIND))
    return Step(
        chain, len(page), End(Ending.HIDDEN, f"nothing shows whether anything follows {chain.rows} rows: {CURE}")
    )


def _taken(chain: Chain, page: Sequence[str]) -> Chain:
    return replace(
        chain,
        first=chain.first or tuple(page[:2]),
        anchors=(page[-1],),
        rows=chain.rows + len(page),
        offset=chain.rows + len(page),
        page=max(chain.page, len(page)),
        page_hash=_page_hash(chain, page),
        digest=digest(chain.digest, page),
        empty=0,
    )


def _hash(*texts: str) -> str:
    return blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
