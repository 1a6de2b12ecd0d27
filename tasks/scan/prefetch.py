"""Sends the requests of a walk ahead of it, so that the source works while a page is taken; used by the walk.

One request is under way while the page before it is taken. If the source is slower than we are, more are under way.
Each further one has a permit of its own, and gives it back as soon as another scan waits for one. Pages are handed out
in the order of the walk, which decides what each proves. A page that it does not ask for after all is dropped.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from storage.errors import DatabaseTrouble
from upstream.paging import Ask
from upstream.raw_page import RawPage
from upstream.throttle import Budget, NoPermit, Stopped
from upstream.transport import CONNECTIONS

T = TypeVar("T")

#: If the walk waits longer than this for a page, one more request under way would have made it quicker.
SLOW_SECONDS = 0.005
#: How often to look whether there are more permits, or whether another scan waits for one.
LOOK_SECONDS = 1.0
#: After so many pages that were asked for in vain nothing is asked for ahead any more.
MOST_WASTED = 8
#: Bytes of pages that may lie ready.
READY_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request of a walk."""

    parent_key: str
    ask: Ask


class Ahead:
    """The requests of one slice; belongs to the thread that holds the slice's permit."""

    def __init__(
        self,
        fetch: Callable[[Wanted], RawPage],
        budget: Budget,
        *,
        is_wanted: Callable[[], bool],
        on_room: Callable[[], object],
        is_unhurried: bool = False,
    ) -> None:
        """`is_wanted`: whether another scan waits for a permit; `on_room`: called when one was given back for that.

        `is_unhurried`: nothing is asked for ahead, since the slice may end before it is needed.
        """
        self._is_unhurried = is_unhurried
        self._fetch = fetch
        self._budget = budget
        self._is_wanted = is_wanted
        self._on_room = on_room
        self._permit = budget.held_permit()
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._pages: dict[Wanted, Future[RawPage]] = {}
        self._lanes: list[threading.Thread] = []
        self._requests = 0
        self._lock = threading.Lock()
        self._is_shrinking = threading.Event()
        self._has_no_permit = threading.Event()
        self._most_lanes = 1  #: more as long as the source is slower than we are
        self._wasted = 0
        self._page_bytes = 1
        self._looked_at = time.monotonic()

    def page(self, wanted: Wanted, following: Iterable[Wanted]) -> RawPage:
        """What `wanted` brings, or the error with which it ended; `following` are most likely asked for next."""
        if wanted not in self._pages:
            self._drop([each for each in self._pages if each.parent_key == wanted.parent_key])
            self._send(wanted)
        self._send_ahead(following)
        future, since = self._pages.pop(wanted), time.monotonic()
        if not self._lanes:
            self._work_off()
        page = future.result()
        is_slow = time.monotonic() - since > SLOW_SECONDS
        self._page_bytes = max(page.size_bytes, 1)
        if is_slow and len(self._pages) >= len(self._lanes):
            self._most_lanes = min(2 * self._most_lanes, self._budget.concurrency, CONNECTIONS)
        self._look()
        return page

    def run(self, ask: Callable[[], T]) -> T:
        """Send another request of the slice, under its permits."""
        if not self._lanes:
            return ask()
        future: Future[T] = Future()
        self._tasks.put(partial(_settle, future, ask))
        return future.result()

    def take_requests(self) -> int:
        """Requests for pages sent since the last call, those that were dropped included."""
        with self._lock:
            made, self._requests = self._requests, 0
        return made

    def close(self) -> None:
        """Wait until nothing is under way; each request ends within its time-out."""
        self._drop(list(self._pages))
        for _ in self._lanes:
            self._tasks.put(None)
        for lane in self._lanes:
            lane.join()
        self._lanes.clear()

    def _send(self, wanted: Wanted) -> None:
        future: Future[RawPage] = Future()
        self._pages[wanted] = future
        self._tasks.put(partial(_settle, future, partial(self._fetch_counted, wanted)))

    def _fetch_counted(self, wanted: Wanted) -> RawPage:
        with self._lock:
            self._requests += 1
        return self._fetch(wanted)

    def _send_ahead(self, following: Iterable[Wanted]) -> None:
        if self._wasted >= MOST_WASTED or self._is_unhurried:
            return
        most = 1 + min(2 * self._most_lanes, max(READY_BYTES // self._page_bytes, 1))
        for wanted in islice(following, most):
            if len(self._pages) >= most:
                break
            if wanted not in self._pages:
                self._send(wanted)
        if len(self._pages) > 1 and not self._lanes:
            self._open_lane(self._budget.lent(self._permit))
        while (
            self._lanes
            and len(self._lanes) < min(self._most_lanes, len(self._pages))
            and not self._has_no_permit.is_set()
        ):
            self._open_lane(self._budget.permit(wait_seconds=0))

    def _drop(self, stale: Iterable[Wanted]) -> None:
        """Drop what was asked for ahead: rows have moved, or a page was shorter, so it does not fit any more."""
        for wanted in stale:
            self._pages.pop(wanted).cancel()
            self._wasted += 1

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at <= LOOK_SECONDS:
            return
        self._looked_at = now
        if len(self._lanes) > 1 and self._is_wanted():
            self._shrink()
        elif not self._is_shrinking.is_set():
            self._lanes[1:] = [lane for lane in self._lanes[1:] if lane.is_alive()]  # some had no permit
            self._has_no_permit.clear()

    def _shrink(self) -> None:
        """Back to one request at a time for the rest of the slice."""
        self._is_shrinking.set()
        self._has_no_permit.set()
        self._most_lanes = 1
        first, *others = self._lanes
        for lane in others:
            lane.join()
            self._on_room()
        self._lanes = [first]

    def _open_lane(self, permit: AbstractContextManager[Any]) -> None:
        is_first = not self._lanes
        lane = threading.Thread(target=self._serve, args=(permit, is_first), name="scan-lane", daemon=True)
        self._lanes.append(lane)
        lane.start()

    def _serve(self, permit: AbstractContextManager[Any], is_first: bool) -> None:
        try:
            with permit:
                while is_first or not self._is_shrinking.is_set():
                    try:
                        task = self._tasks.get(timeout=None if is_first else LOOK_SECONDS / 4)
                    except queue.Empty:
                        continue
                    if task is None:
                        return
                    task()
        except (NoPermit, DatabaseTrouble, Stopped):
            # A permit would only have made the walk quicker. If the database is in trouble, the walk will see it too.
            self._has_no_permit.set()

    def _work_off(self) -> None:
        while not self._tasks.empty():
            task = self._tasks.get()
            if task is not None:
                task()


def _settle(future: Future[T], ask: Callable[[], T]) -> None:
    """Run `ask` in this thread, and hand over its result or its error."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(ask())
    except BaseException as error:  # noqa: BLE001  # raised again when the result is asked for
        future.set_exception(error)
