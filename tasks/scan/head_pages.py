"""Reads the newest rows of a list page by page, until a page holds only what is known; used by head scans.

Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from changes import normalise
from changes.records import Batch, Id, Json, Known
from tasks.scan import apply
from tasks.scan.scope import Scope
from tasks.services import Source
from upstream import addresses, heads
from upstream.errors import GiveUp, MalformedResponse, ServerError, UpstreamError
from upstream.heads import Order, Way
from upstream.raw_page import RawPage

#: After so many pages with news, reading the whole list is the better way.
MOST_PAGES = 5

#: With these a server may refuse a sort that it does not know; where it serves the list without it, that is why.
REFUSALS = frozenset({400, 404, 405, 422, 501})

#: What the mirror holds of these ids, deleted ones too.
Lookup = Callable[[list[Id]], Mapping[Id, Known]]


class NoOrderError(Exception):
    """The list does not stand in an order by which its newest rows could be found; says what was answered."""


@dataclass(slots=True)
class HeadPages:
    """What a head scan has read."""

    way: Way
    rows: list[Json] = field(default_factory=list)  #: of lists that are sorted by creation; for the newest stamp
    batches: list[Batch] = field(default_factory=list)  #: the newest rows last; without the records that are unchanged
    row_count: int = 0
    requests: int = 0  #: for these pages
    total: int | None = None
    is_cut_off: bool = False  #: the last page that may be read still held news
    is_order_seen: bool = True  #: False: the list is too short to show whether it obeys the order
    is_proof: bool = False  #: a record with a later stamp than all of these was not in the list

    def batch(self) -> Batch:
        """The records that differ, each once, in the order in which they were created as far as that is known."""
        merged = normalise.merge(self.batches)
        by_id = {record.id: record for record in merged.records}
        return replace(merged, records=tuple(by_id.values()))


class HeadReader:
    """Reads one list of a resource."""

    def __init__(self, scope: Scope, source: Source, *, lookup: Lookup, is_order_known: bool = True) -> None:
        """`is_order_known`: else nothing is taken on trust, since it is only assumed that the list can be sorted."""
        self._is_order_known = is_order_known
        self._scope, self._source, self._resource = scope, source, scope.resource
        self._lookup = lookup
        self._limit = scope.resource.page_size or source.page_size
        self._first_rows: list[Json] = []  #: of the list, where it was found to be sorted with the newest last
        self.requests = 0  #: all that were made

    def read(self, way: Way, *, total: int | None) -> HeadPages:
        """The newest rows; `total`: that of the last time. Raises UpstreamError, and NoOrderError."""
        if way is Way.NEWEST:
            pages = self._newest()
            if pages is not None:
                return pages
        pages = self._tail(total)
        if pages is None:
            raise NoOrderError("its newest rows stand neither first nor in the last of its pages")
        return pages

    def _newest(self) -> HeadPages | None:
        """From the start of the list, sorted with the newest first; None if the answer is sorted the other way."""
        pages, offset, cursor = HeadPages(Way.NEWEST), 0, ""
        while pages.requests < MOST_PAGES:
            if pages.requests == 0:
                page = self._sorted(pages)
                order = self._order(pages, page)
                if order is Order.ASCENDING and heads.can_have_tail(self._source.catalogue, self._resource):
                    self._first_rows = page.rows
                    return None
                if order in (Order.ASCENDING, Order.MIXED):
                    raise NoOrderError("asked for the newest first, it answers in another order")
                # Rows of one moment may stand in any order, and of a page that is cut the newest may be left out.
                is_whole = len(page.rows) >= min(self._limit, page.total or 0)
                pages.is_proof = order is Order.DESCENDING and is_whole
            else:
                page = self._fetch(pages, offset=offset, cursor=cursor, newest_first=True)
            has_news = self._take(pages, page, first=True)
            offset = self._behind(offset, page)
            cursor = page.next or ""
            if not has_news or not self._goes_on(page, offset):
                return pages
        pages.is_cut_off = True
        return pages

    def _sorted(self, pages: HeadPages) -> RawPage:
        """The first page. NoOrderError: the server sends it, but not in this order; other errors are the list's own."""
        try:
            return self._fetch(pages, offset=0, newest_first=True)
        except UpstreamError as error:
            is_refusal = isinstance(error, GiveUp) and error.status in REFUSALS
            # Some servers fail over a member that they cannot sort by.
            is_failure = isinstance(error, ServerError | MalformedResponse) and not self._is_order_known
            if not is_refusal and not is_failure:
                raise
            try:
                self._fetch(HeadPages(Way.TAIL), offset=0)
            except UpstreamError:
                raise error from None
            raise NoOrderError(f"asked for the newest first, it {error.message}") from error

    def _order(self, pages: HeadPages, page: RawPage) -> Order:
        """How its first page shows the list to be sorted. NoOrderError: nothing shows what is only assumed."""
        order = heads.order_of(self._resource, page.rows)
        if order is not Order.UNKNOWN or self._is_order_known:
            return order
        if not self._goes_on(page, self._behind(0, page)):
            pages.is_order_seen = False  # all of it is read, whatever its order
            return order
        if page.total is not None and not addresses.is_chain(self._source.catalogue, self._resource):
            # Its newest rows are all of one moment: the oldest show more.
            last = self._fetch(pages, offset=self._last_page(page.total), newest_first=True)
            order = heads.order_of(self._resource, page.rows + last.rows)
        if order is Order.UNKNOWN:
            raise NoOrderError(f'asked for the newest first, nothing in its rows ("{self._resource.created}") shows it')
        return order

    def _tail(self, total: int | None) -> HeadPages | None:
        """The last pages of the list, from its end back; None where they are not sorted with the newest last."""
        pages = HeadPages(Way.TAIL)
        guessed = self._last_page(total or 0)
        page = self._fetch(pages, offset=guessed)
        if page.total is None:
            return None
        place, read = self._last_page(page.total), {guessed: page}
        if place not in read:
            read[place] = self._fetch(pages, offset=place)
        behind = self._behind_last(pages, read[place], place + self._limit)
        if behind is not None:
            place += self._limit
            if place >= (behind.total or 0):  # some servers count no further than to a round number
                raise NoOrderError(f"it says that it has {behind.total or 0} rows, and has more")
            read[place] = behind
        if place:
            self._first_rows = self._first_rows or (page.rows if guessed == 0 else [])
        while True:
            page = read.get(place) or self._fetch(pages, offset=place)
            is_capped = len(page.rows) < min(self._limit, (page.total or 0) - place)
            before = self._first_rows if place else []
            if is_capped or heads.order_of(self._resource, before + page.rows) in (Order.DESCENDING, Order.MIXED):
                return None
            has_news = self._take(pages, page, first=True)
            if not has_news or place == 0:
                return pages
            if pages.requests >= MOST_PAGES:
                pages.is_cut_off = True
                return pages
            place = max(0, place - self._limit)

    def _behind_last(self, pages: HeadPages, last: RawPage, place: int) -> RawPage | None:
        """The page behind the last one, if there is one: where the last one is full, the total may be too low."""
        if len(last.rows) < self._limit:
            return None
        try:
            page = self._fetch(pages, offset=place)
        except GiveUp:  # there is no such page
            return None
        return page if page.rows else None

    def below(self, parent_key: str) -> HeadPages:
        """The list of one parent from its start, as far as a head scan goes."""
        pages, offset, cursor = HeadPages(Way.NONE), 0, ""
        while pages.requests < MOST_PAGES:
            page = self._fetch(pages, offset=offset, cursor=cursor, parent_key=parent_key)
            self._take(pages, page, first=False, parent_key=parent_key)
            offset, cursor = self._behind(offset, page), page.next or ""
            if not self._resource.paged or not self._goes_on(page, offset):
                return pages
        pages.is_cut_off = True
        return pages

    def _fetch(
        self, pages: HeadPages, *, offset: int, cursor: str = "", newest_first: bool = False, parent_key: str = ""
    ) -> RawPage:
        pages.requests += 1
        self.requests += 1
        page = self._source.client.fetch_page(
            self._resource,
            parent_key=parent_key,
            offset=offset,
            limit=self._limit,
            cursor=cursor,
            newest_first=newest_first,
        )
        pages.total = page.total if page.total is not None else pages.total
        return page

    def _take(self, pages: HeadPages, page: RawPage, *, first: bool, parent_key: str = "") -> bool:
        """Keep what a page brought, before or behind the others; whether any of it is new."""
        rows = list(reversed(page.rows)) if pages.way is Way.NEWEST else page.rows
        batch = normalise.read(self._resource, rows, parent_key=parent_key, seal=self._scope.services.vault.seal)
        known = self._lookup([record.id for record in batch.records])
        differing = tuple(apply.not_as_known(batch.records, known))
        pages.batches.insert(0 if first else len(pages.batches), replace(batch, records=differing))
        pages.rows += rows
        pages.row_count += len(rows)
        return any(each.id not in known or known[each.id].deleted_at is not None for each in differing)

    def _behind(self, offset: int, page: RawPage) -> int:
        """Where the next page begins; a server that counts in pages counts in those that were asked for."""
        is_by_pages = addresses.is_by_pages(self._source.catalogue, self._resource)
        return offset + (self._limit if is_by_pages else len(page.rows))

    def _goes_on(self, page: RawPage, offset: int) -> bool:
        """Whether there may be another page behind this one."""
        if not page.rows:
            return False
        if addresses.is_chain(self._source.catalogue, self._resource):
            return bool(page.next)
        return page.total is None or offset < page.total

    def _last_page(self, total: int) -> int:
        return max(0, total - 1) // self._limit * self._limit
