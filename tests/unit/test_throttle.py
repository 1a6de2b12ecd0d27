"""The budget of a source, with a clock that stands still."""

from __future__ import annotations

import heapq
import random
import threading
from collections import deque
from collections.abc import Callable

import pytest

from tests.made_up_time import MadeUpTime
from upstream.limit_store import LocalLimitStore
from upstream.throttle import Budget, NoPermit, Paused, Stopped


def budget(
    time: MadeUpTime, limits: LocalLimitStore | None = None, *, rate: float = 20, concurrency: int = 4
) -> Budget:
    return Budget(
        "shop",
        limits or LocalLimitStore(clock=time.clock),
        requests_per_second=rate,
        concurrency=concurrency,
        clock=time.clock,
        sleep=time.sleep,
        rng=random.Random(1),
    )


def start(of: Budget) -> float:
    with of.request():
        return of.clock()


def most_in_any_second(starts: list[float]) -> int:
    window: deque[float] = deque()
    most = 0
    for at in sorted(starts):
        window.append(at)
        while window[0] <= at - 1.0:
            window.popleft()
        most = max(most, len(window))
    return most


@pytest.mark.parametrize("rate", [1, 2, 3, 7, 20, 35, 100, 250])
def test_no_second_holds_more_starts_than_the_rate_allows_and_few_are_wasted(rate: int) -> None:
    time = MadeUpTime()
    one = budget(time, rate=rate)
    starts = [start(one) for _ in range(rate * 5)]
    assert most_in_any_second(starts) <= rate
    assert starts[-1] - starts[0] <= 5 * 1.1


def test_two_processes_with_one_store_keep_the_rate_together() -> None:
    time = MadeUpTime()
    limits = LocalLimitStore(clock=time.clock)
    both = [budget(time, limits, rate=10), budget(time, limits, rate=10)]
    starts = [start(both[turn % 2]) for turn in range(60)]
    assert most_in_any_second(starts) <= 10


@pytest.mark.parametrize("latency_seconds", [0.0, 0.02, 0.06, 0.11, 0.4, 3.0])
def test_callers_that_come_late_do_not_use_starts_that_are_over(latency_seconds: float) -> None:
    time = MadeUpTime()
    one = budget(time, rate=10)
    starts = []
    for _ in range(40):
        starts.append(start(one))
        time.now += latency_seconds
    assert most_in_any_second(starts) <= 10


@pytest.mark.parametrize("rate", [400, 1_000, 2_000])
def test_ten_processes_that_use_starts_late_keep_a_high_rate_together(rate: int) -> None:
    time = MadeUpTime()
    limits = LocalLimitStore(clock=time.clock)
    processes = [budget(time, limits, rate=rate) for _ in range(10)]
    turns = [(time.now, process) for process in range(10)]
    starts: list[float] = []
    while len(starts) < 6 * rate:
        time.now, process = heapq.heappop(turns)
        starts.append(start(processes[process]))
        heapq.heappush(turns, (time.now, process))
        if len(starts) % rate == 0:  # all stand still, with starts in hand that they use afterwards
            turns = [(at + 0.2, each) for at, each in turns]
    assert 0.9 * rate <= most_in_any_second(starts) <= rate


def test_starts_that_were_slept_through_are_reserved_anew() -> None:
    time = MadeUpTime()
    reserved: list[float] = []

    class Watched(LocalLimitStore):
        def reserve(self, source: str, *, n: int, spacing_seconds: float) -> list[float]:
            starts = super().reserve(source, n=n, spacing_seconds=spacing_seconds)
            reserved.extend(starts)
            return starts

    def oversleep(seconds: float) -> None:
        time.sleep(seconds)
        time.now += 0.2 if len(time.slept) % 3 == 0 else 0.01

    one = Budget(
        "shop",
        Watched(clock=time.clock),
        requests_per_second=10,
        concurrency=1,
        clock=time.clock,
        sleep=oversleep,
    )
    starts = [start(one) for _ in range(50)]
    for at in starts:
        reserved.remove(next(each for each in reserved if 0 <= at - each <= 0.03))  # each is used once, and in time


def test_a_store_slower_than_a_start_is_long_still_gives_starts() -> None:
    time = MadeUpTime()

    class Slow(LocalLimitStore):
        def reserve(self, source: str, *, n: int, spacing_seconds: float) -> list[float]:
            starts = super().reserve(source, n=n, spacing_seconds=spacing_seconds)
            time.now += 0.4
            return starts

    one = budget(time, Slow(clock=time.clock), rate=100)
    starts = [start(one) for _ in range(200)]
    assert most_in_any_second(starts) <= 100
    assert len(starts) / (starts[-1] - starts[0]) > 20


def test_a_lonely_caller_reserves_no_more_than_it_uses() -> None:
    time = MadeUpTime()
    reserved: list[int] = []

    class Watched(LocalLimitStore):
        def reserve(self, source: str, *, n: int, spacing_seconds: float) -> list[float]:
            reserved.append(n)
            return super().reserve(source, n=n, spacing_seconds=spacing_seconds)

    one = budget(time, Watched(clock=time.clock), rate=100)
    for _ in range(20):
        start(one)
        time.now += 5
    assert sum(reserved) < 45


def test_a_pause_is_waited_for_and_kept_by_all() -> None:
    time = MadeUpTime()
    limits = LocalLimitStore(clock=time.clock)
    one, other = budget(time, limits), budget(time, limits)
    start(one)
    time.now += 1  # the rest of its batch is over: such starts are not called back
    begun = time.now
    other.pause(5)
    assert start(one) >= begun + 5
    assert start(other) >= begun + 5


def test_a_long_pause_is_refused_without_waiting_or_reserving() -> None:
    time = MadeUpTime()
    limits = LocalLimitStore(clock=time.clock)
    one, other = budget(time, limits), budget(time, limits)
    start(other)
    time.now += 1
    one.pause(120)
    for each in (one, other, other):
        with pytest.raises(Paused) as raised:
            start(each)
        assert 115 < raised.value.seconds <= 120
    assert time.slept == []
    time.now += 121
    start(one)


def test_waiting_ends_when_the_process_stops() -> None:
    stopping = threading.Event()
    stopping.set()
    one = Budget("shop", LocalLimitStore(), requests_per_second=0.01, concurrency=1, stopping=stopping)
    start(one)
    with pytest.raises(Stopped):
        start(one)


def test_no_more_permits_are_out_than_the_limit_and_they_come_back() -> None:
    time = MadeUpTime()
    limits = LocalLimitStore(clock=time.clock)
    one, other = budget(time, limits, concurrency=2), budget(time, limits, concurrency=2)
    with one.permit(), other.permit():
        with pytest.raises(NoPermit) as raised, one.permit(wait_seconds=3):
            pass
        assert raised.value.waited_seconds >= 3
    with one.permit(), one.permit():
        pass


def test_the_permit_of_a_dead_process_comes_back_after_its_lease() -> None:
    time = MadeUpTime()
    limits = LocalLimitStore(clock=time.clock)
    assert limits.acquire_permit("shop", "dead", limit=1, lease_seconds=60) == 0
    begun = time.now
    with budget(time, limits, concurrency=1).permit():
        assert 60 <= time.now - begun < 63


def test_each_request_renews_the_permit_once_half_its_lease_is_over() -> None:
    time = MadeUpTime()
    limits = LocalLimitStore(clock=time.clock)
    one, other = budget(time, limits, concurrency=1), budget(time, limits, concurrency=1)
    with one.permit():
        for _ in range(10):
            time.now += 31
            start(one)
            with pytest.raises(NoPermit), other.permit(wait_seconds=0):
                pass


def test_a_permit_that_was_lost_is_waited_for_again() -> None:
    time = MadeUpTime()
    limits = LocalLimitStore(clock=time.clock)
    one = budget(time, limits, concurrency=1)
    with one.permit() as permit:
        time.now += 61
        assert limits.acquire_permit("shop", "quicker", limit=1, lease_seconds=60) == 0
        begun = time.now
        permit.keep_alive()
        assert 60 <= time.now - begun < 63
    assert limits.acquire_permit("shop", "next", limit=1, lease_seconds=60) == 0


def test_a_permit_is_not_given_back_by_one_who_lost_it() -> None:
    time = MadeUpTime()
    limits = LocalLimitStore(clock=time.clock)
    with budget(time, limits, concurrency=1).permit():
        time.now += 61
        limits.acquire_permit("shop", "quicker", limit=1, lease_seconds=60)
    assert limits.acquire_permit("shop", "next", limit=1, lease_seconds=60) is None


@pytest.mark.parametrize(
    "limits", [{"requests_per_second": 0, "concurrency": 1}, {"requests_per_second": 1, "concurrency": 0}]
)
def test_limits_that_leave_no_request_are_refused(limits: dict[str, int]) -> None:
    build: Callable[..., Budget] = Budget
    with pytest.raises(ValueError, match="must be > 0"):
        build("shop", LocalLimitStore(), **limits)


def test_starts_and_pauses_that_are_known_do_not_hold_when_the_time_is_put_back() -> None:
    time = MadeUpTime()

    class Anew(LocalLimitStore):
        """As the shared one, which does not believe what lies too far ahead."""

        def reserve(self, source: str, *, n: int, spacing_seconds: float) -> list[float]:
            return [time.now + index * spacing_seconds for index in range(n)]

    one = budget(time, Anew(clock=time.clock))
    for _ in range(6):
        start(one)
    assert one._starts
    for is_paused in (False, True):
        if is_paused:
            one.pause(15)
        time.now -= 86_400
        begun = time.now
        start(one)
        assert time.now - begun < 1
