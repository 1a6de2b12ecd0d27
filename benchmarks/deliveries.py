"""Deliveries: to one fast point beside a bare loop, to ten, and to a hundred of which ten hang; on SQLite."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks import bench, measuring, processes
from benchmarks.bench import Bench, Row
from benchmarks.measuring import Run
from benchmarks.mirror import SECRET, Mirror, scripted

FAST, HANGING = 90, 10
#: Of the bare loop, and of Mirrorpoint to each point.
CONNECTIONS = 8
#: How long a hundred points may take, before the measurement is given up.
PATIENCE_SECONDS = 120
_POINT = '[[points]]\ncode = "{code}"\nurl = "{url}"\n'
_ROUTE = '[[routes]]\npoints = ["*"]\nkinds = ["snapshot"]\n'


def measure(given: Bench) -> list[Row]:
    """Events a second to one point, to ten, and to a hundred of which ten hang."""
    number = given.size(6_000, 2_000)
    rounds = given.size(5, 1)
    one: list[float] = []
    bare: list[float] = []
    ten: list[float] = []
    with (
        processes.telling("benchmarks.server", "--rows", "0") as source,
        processes.telling("benchmarks.receiver") as receiver,
    ):
        for count in range(1, rounds + 1):
            with given.folder() as folder, given.quiet():
                given.tell(f"one point: round {count} of {rounds}")
                mirror = _owing(folder / "one", source, receiver, points=1, rows=number)
                start = _start(folder / "start", source, receiver)
                one.append(number / _deliver(mirror, receiver, number).less(start).seconds)
                bare.append(number / _bare(mirror, receiver, number))
                given.tell(f"ten points: round {count} of {rounds}")
                mirror = _owing(folder / "ten", source, receiver, points=10, rows=number // 10)
                ten.append(number / _deliver(mirror, receiver, number).less(start).seconds)
        rows = [
            Row(
                work=f"{number:,} events to one fast point",
                measure=f"of a bare signed loop with {CONNECTIONS} connections",
                value=measuring.median_ratio(one, bare),
                target=0.6,
                ours=bench.per_second(one, "events"),
                theirs=bench.per_second(bare, "events"),
            ),
            Row(
                work=f"{number:,} events to 10 fast points, one process",
                measure="of the rate to one",
                value=measuring.median_ratio(ten, one),
                target=1.3,
                ours=bench.per_second(ten, "events"),
                theirs=bench.per_second(one, "events"),
            ),
        ]
        return rows if given.is_quick else [*rows, _hanging(given, source, receiver)]


def _hanging(given: Bench, source: str, receiver: str) -> Row:
    """Counted at the receiver, from the first arrival to the last: the process goes on with those that hang."""
    each, rounds = 150, 3
    without: list[float] = []
    with_them: list[float] = []
    for count in range(1, rounds + 1):
        for hanging, rates in ((0, without), (HANGING, with_them)):
            given.tell(f"{FAST} points and {hanging} that hang: round {count} of {rounds}")
            with given.folder() as folder, given.quiet():
                mirror = _owing(folder, source, receiver, points=FAST, hanging=hanging, rows=each)
                rates.append(_arriving(mirror, receiver, FAST * each))
    return Row(
        work=f"{each} events each to {FAST + HANGING} points of which {HANGING} hang",
        measure="of the rate without them",
        value=measuring.median_ratio(with_them, without),
        target=0.9,
        ours=bench.per_second(with_them, "events"),
        theirs=bench.per_second(without, "events"),
    )


def _owing(folder: Path, source: str, receiver: str, *, points: int, rows: int, hanging: int = 0) -> Mirror:
    """A mirror that owes the first sight of so many rows to each point."""
    processes.order(source, f"/_control/rows?number={rows}")
    own = [_POINT.format(code=f"P{n}", url=f"{receiver}/point/{n}") for n in range(points)]
    own += [_POINT.format(code=f"H{n}", url=f"{receiver}/hang/{n}") for n in range(hanging)]
    mirror = Mirror(folder, source, more="\n".join([*own, _ROUTE]))
    mirror.sync("products")
    return mirror


def _start(folder: Path, source: str, receiver: str) -> Run:
    """What `deliver` costs where nothing is owed."""
    processes.order(source, "/_control/rows?number=0")
    mirror = _owing(folder, source, receiver, points=1, rows=0)
    return measuring.several(3, lambda: mirror.run("deliver"))


def _deliver(mirror: Mirror, receiver: str, number: int) -> Run:
    processes.order(receiver, "/_control/forget")
    took = mirror.run("deliver")
    _check(receiver, number, mirror)
    return took


def _check(receiver: str, number: int, mirror: Mirror) -> None:
    """All have arrived, each once."""
    arrived = processes.ask(receiver, "/_control/summary")["count"]
    if arrived != number:
        raise measuring.Failed(f"{arrived} of {number} events arrived:\n{mirror.said}")


def _bare(mirror: Mirror, receiver: str, number: int) -> float:
    """Seconds, without the start."""

    def loop(count: int) -> Run:
        words = (f"{receiver}/bare", str(mirror.folder / "mirror.db"), str(count), str(CONNECTIONS), SECRET)
        return scripted("benchmarks.bare_loop", *words, folder=mirror.folder)

    start = measuring.several(3, lambda: loop(0))
    processes.order(receiver, "/_control/forget")
    took = loop(number)
    _check(receiver, number, mirror)
    return took.less(start).seconds


def _arriving(mirror: Mirror, receiver: str, number: int) -> float:
    """Events a second until all to fast points have arrived; then the process is ended."""
    processes.order(receiver, "/_control/forget")
    with processes.running(mirror.command("deliver"), folder=mirror.folder):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (seen := processes.ask(receiver, "/_control/summary"))["count"] < number:
            if time.monotonic() > deadline:
                raise measuring.Failed(f"{seen['count']} of {number} events arrived within {PATIENCE_SECONDS} s")
            time.sleep(0.2)
    return float((number - 1) / (seen["last"] - seen["first"]))
