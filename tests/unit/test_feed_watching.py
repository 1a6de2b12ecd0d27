"""Those who wait for news share one look, miss nothing, and are told of trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from web.feed import watching
from web.feed.watching import Latest, Watcher

Found = TypeVar("Found")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_LOOK_SECONDS", 0.001)


class Logs:
    """What there is, and how often somebody looked."""

    def __init__(self, changes: int = 0) -> None:
        self.changes = changes
        self.looks = 0
        self.trouble: Exception | None = None

    async def look(self) -> Latest:
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble
        return Latest(self.changes, 0)


def behind(number: int) -> Callable[[Latest], bool]:
    return lambda latest: latest.changes > number


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # the watcher tells nobody that it has looked
            await asyncio.sleep(0.001)


def run(made: Callable[[Logs, Watcher], Awaitable[Found]]) -> Found:
    async def main() -> Found:
        logs = Logs()
        return await made(logs, Watcher(logs.look))

    return asyncio.run(main())


def test_what_came_between_reading_and_waiting_is_news() -> None:
    async def main(logs: Logs, watcher: Watcher) -> bool:
        logs.changes = 6  # somebody has read up to 5, and begins to wait now
        return await watcher.wait(behind(5), seconds=10)

    assert run(main)


def test_what_an_earlier_look_has_found_is_news_for_who_has_not_read_it() -> None:
    async def main(logs: Logs, watcher: Watcher) -> bool:
        other = asyncio.create_task(watcher.wait(behind(100), seconds=10))
        logs.changes = 6
        await until(lambda: logs.looks > 3)
        found = await watcher.wait(behind(5), seconds=10)
        other.cancel()
        return found

    assert run(main)


def test_all_who_wait_share_one_look() -> None:
    async def main(logs: Logs, watcher: Watcher) -> tuple[list[bool], int]:
        waiting = [asyncio.create_task(watcher.wait(behind(0), seconds=10)) for _ in range(50)]
        await until(lambda: logs.looks >= 3)
        looks, logs.changes = logs.looks, 1
        return await asyncio.gather(*waiting), looks

    found, looks = run(main)
    assert found == [True] * 50
    assert looks < 10


def test_nobody_looks_while_nobody_waits() -> None:
    async def main(logs: Logs, watcher: Watcher) -> None:
        assert not await watcher.wait(behind(0), seconds=0.01)
        await until(lambda: watcher._task is None)
        looks = logs.looks
        await asyncio.sleep(0.02)
        assert logs.looks == looks > 0
        logs.changes = 1
        assert await watcher.wait(behind(0), seconds=10)

    run(main)


def test_trouble_is_told_to_each_who_waits_and_the_next_one_looks_again() -> None:
    async def main(logs: Logs, watcher: Watcher) -> list[bool | BaseException]:
        waiting = [asyncio.create_task(watcher.wait(behind(0), seconds=10)) for _ in range(3)]
        await until(lambda: logs.looks > 0)
        logs.trouble = ValueError("away")
        told = await asyncio.gather(*waiting, return_exceptions=True)
        logs.trouble, logs.changes = None, 1
        assert await watcher.wait(behind(0), seconds=10)
        return told

    assert [str(each) for each in run(main)] == ["away"] * 3


def test_more_than_may_wait_is_told_and_who_has_gone_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_WAITING", 2)

    async def main(logs: Logs, watcher: Watcher) -> None:
        waiting = [asyncio.create_task(watcher.wait(behind(0), seconds=10)) for _ in range(2)]
        await until(lambda: logs.looks > 0)
        assert watcher.is_full
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        assert not watcher.is_full
        waiting[1].cancel()

    run(main)
