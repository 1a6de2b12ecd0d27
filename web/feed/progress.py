"""Writes down how far readers are, beside their answers: nobody waits for that, and nobody fails by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

from storage import readers
from storage.engine import Database
from storage.readers import Reader
from tasks.log_lines import Logger

log = Logger("mirrorpoint.feed")

#: A reader that goes on is written down at most so often, and one that finds nothing new still less.
_MOVING_SECONDS, _RESTING_SECONDS = 5.0, 60.0


class Progress:
    """Of one process and its event loop. One write at a time, whatever it waits for: it must not keep threads busy."""

    def __init__(self, writing: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._writing = writing
        self._monotonic = monotonic
        self._written: dict[tuple[str, str], tuple[float, int]] = {}  # when, and what
        self._waiting: dict[tuple[str, str], Reader] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, reader: Reader) -> None:
        """Everything up to `seq` it has."""
        name = (reader.kind, reader.name)
        at, seq = self._written.get(name, (float("-inf"), -1))
        pause = _MOVING_SECONDS if reader.seq != seq else _RESTING_SECONDS
        if self._monotonic() - at < pause:
            return
        self._written[name] = (self._monotonic(), reader.seq)
        self._waiting[name] = reader
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._waiting:
                found, self._waiting = list(self._waiting.values()), {}
                await run_in_threadpool(self._write_down, found)
        finally:
            self._task = None

    def _write_down(self, found: list[Reader]) -> None:
        try:
            with self._writing.write() as session:
                for reader in sorted(found):  # two processes that write the same ones take them in one order
                    readers.note(session, reader)
        except Exception as error:  # noqa: BLE001  # it is written down again soon
            log.warning("readers_not_noted", readers=[reader.name for reader in found], error=str(error))
