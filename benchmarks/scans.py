"""First load, unchanged and 1 % changed, beside the hand-written lines, reading alone and dlt; on both databases."""

from __future__ import annotations

import statistics
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import bench, measuring, processes
from benchmarks.bench import Bench, Row
from benchmarks.measuring import Run
from benchmarks.mirror import Mirror, scripted

STAGES = ("first load", "unchanged", "1 % changed")
#: Which row of the source changes: every so many.
EVERY = 100
#: dlt takes a minute for what the others do in seconds.
PEER_ROUNDS = 3
_SCD2 = Path(__file__).parent / "peers" / "dlt_scd2.py"


@dataclass(frozen=True, slots=True)
class Contender:
    """`read(resource)` brings one resource up to date; `empty` has no rows, so that it costs the start alone."""

    name: str
    read: Callable[[str], Run]


def on_sqlite(given: Bench) -> list[Row]:
    """Beside the hand-written lines, reading alone, and dlt on SQLite."""
    number = given.size(100_000, 50_000)
    with processes.telling("benchmarks.server", "--rows", str(number)) as source:
        rounds = _Rounds(given, source, number)

        def ours_and_plain(folder: Path) -> list[Contender]:
            mirror = Mirror(folder / "mirror", source)
            return [
                Contender("Mirrorpoint", mirror.sync),
                Contender("plain", lambda what: scripted("benchmarks.plain", source, "plain.db", what, folder=folder)),
                Contender("reading", lambda what: scripted("benchmarks.reading", source, what, folder=folder)),
            ]

        rounds.run(ours_and_plain, number=given.size(5, 2), what="SQLite")
        rows = rounds.rows(
            "SQLite", "plain", "the hand-written lines", {"first load": 0.55, "unchanged": 4.0, "1 % changed": 1.7}
        )
        rows += rounds.rows("SQLite", "reading", "reading alone", {"unchanged": 0.8})
        rows.append(rounds.peaks("SQLite", "plain", "the hand-written lines"))
        rows += _beside_dlt(given, source, number, "sqlite", "dlt scd2 on SQLite", (5.0, 12.0, 10.0))
    return rows


def on_duckdb(given: Bench) -> list[Row]:
    """dlt on DuckDB beside ours on SQLite."""
    number = given.size(100_000, 50_000)
    with processes.telling("benchmarks.server", "--rows", str(number)) as source:
        against = "dlt scd2 on DuckDB, ours on SQLite"
        return _beside_dlt(given, source, number, "duckdb", against, (None, None, None))


def _beside_dlt(
    given: Bench, source: str, number: int, kind: str, against: str, targets: tuple[float | None, ...]
) -> list[Row]:
    if given.peers is None:
        return []
    rounds = _Rounds(given, source, number)
    rounds.run(partial(_ours_and_dlt, given.peers, source, kind), number=PEER_ROUNDS, what=f"dlt on {kind}")
    rows = rounds.rows("SQLite", "dlt", against, dict(zip(STAGES, targets, strict=True)))
    return [*rows, rounds.peaks("SQLite", "dlt", against)]


def on_postgresql(given: Bench) -> list[Row]:
    """The same beside dlt on the same server."""
    number = given.size(100_000, 50_000)
    with (
        processes.telling("benchmarks.server", "--rows", str(number)) as source,
        processes.telling("benchmarks.postgres") as server,
    ):
        rounds = _Rounds(given, source, number)

        def contenders(folder: Path) -> list[Contender]:
            def made() -> str:
                name = f"bench_{uuid.uuid4().hex}"
                scripted("benchmarks.new_database", server, name, folder=folder)
                return named(server, name)

            mirror = Mirror(folder / "mirror", source, database=made())
            found = [Contender("Mirrorpoint", mirror.sync)]
            if given.peers is not None:
                found.append(Contender("dlt", _dlt(given.peers, source, "postgres", _complete(made()), folder)))
            return found

        rounds.run(contenders, number=PEER_ROUNDS if given.peers else given.size(5, 2), what="PostgreSQL")
        if given.peers is None:
            return rounds.alone("PostgreSQL")
        targets: dict[str, float | None] = dict.fromkeys(STAGES, 3.0)
        rows = rounds.rows("PostgreSQL", "dlt", "dlt scd2 on PostgreSQL", targets)
        rows.append(rounds.peaks("PostgreSQL", "dlt", "dlt scd2 on PostgreSQL"))
        return rows


class _Rounds:
    """A round is all stages, each contender in turn; what is compared is compared within its round."""

    def __init__(self, given: Bench, source: str, number: int) -> None:
        self._given, self._source, self._number = given, source, number
        self._starts: dict[str, list[Run]] = defaultdict(list)
        self._runs: dict[tuple[str, str], list[Run]] = defaultdict(list)

    def run(self, contenders: Callable[[Path], list[Contender]], *, number: int, what: str) -> None:
        for count in range(1, number + 1):
            with self._given.folder() as folder:
                ready = contenders(folder)
                # The first start makes the tables; it counts for nobody.
                for each in ready:
                    each.read("empty")
                with self._given.quiet():
                    for stage in STAGES:
                        if stage == "1 % changed":
                            processes.order(self._source, f"/_control/change?every={EVERY}")
                        # Whoever comes first in one round comes last in the next.
                        for each in ready if count % 2 else reversed(ready):
                            self._given.tell(f"{what}: round {count} of {number}, {stage}, {each.name}")
                            self._starts[each.name].append(each.read("empty"))
                            self._runs[each.name, stage].append(each.read("products"))

    def rows(self, database: str, other: str, against: str, targets: dict[str, float | None]) -> list[Row]:
        return [
            Row(
                work=f"{stage}, {self._number:,} rows, {database}",
                measure=f"of {against}",
                value=measuring.median_ratio(self._rates("Mirrorpoint", stage), self._rates(other, stage)),
                by_cpu=measuring.median_ratio(
                    self._rates("Mirrorpoint", stage, "cpu"), self._rates(other, stage, "cpu")
                ),
                target=targets.get(stage),
                ours=bench.per_second(self._rates("Mirrorpoint", stage)),
                theirs=bench.per_second(self._rates(other, stage)),
            )
            for stage in STAGES
        ]

    def alone(self, database: str) -> list[Row]:
        """Without anything beside it."""
        return [
            Row(
                work=f"{stage}, {self._number:,} rows, {database}",
                measure="",
                value=statistics.median(self._rates("Mirrorpoint", stage)),
                unit="rows/s",
            )
            for stage in STAGES
        ]

    def peaks(self, database: str, other: str, against: str) -> Row:
        """The highest of all stages; for orientation."""
        mine, theirs = self._peak("Mirrorpoint"), self._peak(other)
        return Row(
            work=f"peak memory over these, {self._number:,} rows, {database}",
            measure=f"of {against}",
            value=mine / theirs,
            ours=f"{mine / 1e6:.0f} MB",
            theirs=f"{theirs / 1e6:.0f} MB",
        )

    def _peak(self, name: str) -> int:
        return max(run.peak_bytes for stage in STAGES for run in self._runs[name, stage])

    def _rates(self, name: str, stage: str, clock: str = "wall") -> list[float]:
        """Rows a second of each round, without the start."""
        start = measuring.median_run(self._starts[name])
        return [
            self._number / (left.cpu_seconds if clock == "cpu" else left.seconds)
            for left in (run.less(start) for run in self._runs[name, stage])
        ]


def _ours_and_dlt(python: Path, source: str, kind: str, folder: Path) -> list[Contender]:
    return [
        Contender("Mirrorpoint", Mirror(folder / "mirror", source).sync),
        Contender("dlt", _dlt(python, source, kind, str(folder / f"dlt.{kind}"), folder)),
    ]


def _dlt(python: Path, source: str, kind: str, place: str, folder: Path) -> Callable[[str], Run]:
    def read(resource: str) -> Run:
        command = [str(python), str(_SCD2), source, resource, kind, place]
        return measuring.run(command, folder=folder, environ=processes.environment())

    return read


def _complete(url: str) -> str:
    """With host, port and password, which dlt insists on; the socket that the query names is what counts."""
    return url.replace("postgres:@/", "postgres:unused@localhost:5432/")


def named(server: str, database: str) -> str:
    """The URL with another database."""
    head, _, query = server.partition("?")
    base = head.rsplit("/", 1)[0]
    return f"{base}/{database}" + (f"?{query}" if query else "")
