"""One campaign on one database: trouble of all kinds for some minutes, then calm, then everything is compared.

Called by `python -m tests.soak`.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from storage import deliveries_again, outbox, point_pauses, suspects
from storage.errors import DatabaseTrouble as DatabaseTroubled
from storage.tables import BudgetRow, DeliveryRow, ResourceRow, ScanRow
from tasks.services import Services
from tests import mirrored_world
from tests.end_to_end import journal
from tests.end_to_end.stage import Receiver, Stage
from tests.mirrored_world import World, last_seq, log, truth_of
from tests.soak.trouble import Crew, DatabaseTrouble, Downstream, Upstream
from worker import embedded
from worker.commands.sync import jobs
from worker.problems import UsageError

#: Lists with many lists below them: fewer rows, more rounds.
FEWER = ("--count=/api/v2/clients=10", "--count=/api/v2/products=12", "--count=/api/v2/currencies=10")
REQUESTS_PER_SECOND = 150
#: More than the dead can hold: each keeps what it had until its lease is over.
CONCURRENCY = 40
#: How long the calm may take; leases of the last dead and the last pauses of the source are over by then.
CALM_SECONDS = 900

MORE = """
[broker]
url = "{broker}"

[sources.backoffice.budget]
share = 1.0
promise = {{ set-up = "20s", traffic = "30s" }}
[sources.backoffice.schedule]
"*" = {{ full = "auto", head = "3s" }}
[sources.platform.budget]
promise = {{ set-up = "15s", traffic = "15s" }}
[sources.platform.schedule]
"*" = "auto"

[[points]]
code = "LEDGER"
url = "{receiver}/ledger"
headers = {{ X-Ledger = "soak" }}
timeout = "4s"
requests_per_second = 40

[[routes]]
points = ["LEDGER"]

[delivery]
timeout = "3s"
retries = [{retries}]
allow_networks = ["127.0.0.0/8"]
"""


class DiscrepancyError(AssertionError):
    """What is not as it was promised."""


@dataclass(slots=True)
class Report:
    """What was survived."""

    seconds: float = 0.0
    troubles: Counter[str] = field(default_factory=Counter)
    figures: Counter[str] = field(default_factory=Counter)

    def lines(self) -> Iterator[str]:
        for title, counts in (("survived", self.troubles), ("done", self.figures)):
            yield f"  {title}"
            yield from (f"    {number:>7,}  {what}" for what, number in sorted(counts.items()) if number)


class Campaign:
    """The processes at work, trouble for them, and a look from outside."""

    def __init__(
        self, *, services: Services, world: World, receiver: Receiver, crew: Crew, database: str, rng: Random
    ) -> None:
        self.report = Report()
        self._services, self._world, self._receiver, self._crew, self._rng = services, world, receiver, crew, rng
        resources = list(services.sources["backoffice"].catalogue.resources.values())
        self._upstream, self._downstream = Upstream(world, resources, rng), Downstream(receiver, rng)
        self._database = DatabaseTrouble(database, rng)
        self._is_paused = False
        self._resources = {
            (source.name, resource) for source in services.sources.values() for resource in source.catalogue.resources
        }

    def run(self, seconds: float) -> None:
        self._wait_for_quiet(rounds=1, is_delivered=False)
        mirrored_world.assert_equal(self._services, self._world)
        start, seq, place = truth_of(self._services, self._world), last_seq(self._services), self._journal_length()
        known = {(change.resource, journal.Id(change.parent_key, change.key)) for change in log(self._services)}

        self._make_trouble(time.monotonic() + seconds)
        self._calm_down()
        self._wait_for_quiet(rounds=3, is_delivered=True)

        for source in self._services.sources:
            mirrored_world.assert_equal(self._services, self._world, source=source)
        effects = self._world.ask("journal", after=str(place))
        mirrored = mirrored_world.resource_by_path(self._services)
        effects = [effect for effect in effects if journal.PLACEHOLDER.sub("{}", effect["path"]) in mirrored]
        tales = journal.Tales(self._services, start=start, effects=effects)
        changes = [change for change in log(self._services, after=seq) if change.source == "backoffice"]
        tales.check(changes, ever=known)
        journal.check_versions(log(self._services))
        self._check_deliveries()
        self._check_budget()
        self.report.figures += Counter(f"changes of the source: {effect['op']}" for effect in effects)
        self.report.figures += Counter(f"changes told: {change.kind}" for change in changes)

    # ---- trouble -----------------------------------------------------------------------------------------------------

    def _make_trouble(self, until: float) -> None:
        crew, database = self._crew, self._database
        #: What, and how often it comes about, in seconds.
        kinds = [
            (self._change, 1),
            (self._upstream.strike, 3),
            (self._upstream.lie, 5),
            (self._upstream.expire_tokens, 40),
            (self._downstream.strike, 6),
            (self._pause, 30),
            (self._hurry, 20),
            (crew.kill, 9),
            (crew.pause, 45),
            (crew.kill_broker, 60),
            (crew.empty_broker, 90),
            (database.lock, 60),
            (database.drop_connections, 60),
        ]
        next_at = {number: time.monotonic() + self._rng.expovariate(1 / rare) for number, (_, rare) in enumerate(kinds)}
        while time.monotonic() < until:
            number = min(next_at, key=lambda each: next_at[each])
            time.sleep(max(0.0, min(next_at[number] - time.monotonic(), 0.5)))
            crew.look_after()
            if time.monotonic() >= next_at[number]:
                strike, rare = kinds[number]
                next_at[number] = time.monotonic() + self._rng.expovariate(1 / rare)
                what = strike()
                # Faults are counted by their hits, at the end.
                if what and strike not in (self._upstream.strike, self._upstream.lie, self._upstream.expire_tokens):
                    self.report.troubles[what] += 1

    def _change(self) -> str:
        rng = self._rng
        self._world.tell("random", {"count": rng.randint(1, 4), "seed": rng.randrange(10**9)})
        return ""

    def _pause(self) -> str:
        """By hand, as `points pause` and `points resume` do."""
        self._is_paused = not self._is_paused
        with suppress(DatabaseTroubled), self._services.database.write() as session:
            if self._is_paused:
                point_pauses.begin(session, "LEDGER", now=self._services.now())
            else:
                point_pauses.end(session, "LEDGER")
        return "point paused by hand" if self._is_paused else "point resumed by hand"

    def _hurry(self) -> str:
        """As `deliveries retry --state due` does."""
        with suppress(DatabaseTroubled), self._services.database.write() as session:
            deliveries_again.retry(session, now=self._services.now(), points=["LEDGER"], states=["due"])
        return "deliveries hurried by hand"

    def _calm_down(self) -> None:
        self.report.troubles += Counter({f"source: {kind}": n for kind, n in self._upstream.survived().items()})
        self._world.no_faults()
        self._receiver.behave_well()
        self._database.wait()
        self._crew.wake_all()
        with self._services.database.write() as session:
            point_pauses.end(session, "LEDGER")

    # ---- calm --------------------------------------------------------------------------------------------------------

    def _wait_for_quiet(self, *, rounds: int, is_delivered: bool) -> None:
        """Each list was read so many times since, what is in the sandbox is in the mirror, and nothing is owed."""
        since, deadline = self._services.now(), time.monotonic() + CALM_SECONDS
        while True:
            self._crew.look_after()
            if is_delivered:
                self._end_rests()
                self._approve()
            left = self._unread(since, rounds)
            if not left and self._is_mirrored() and not (is_delivered and self._owed()):
                return
            if time.monotonic() > deadline:
                mirrored_world.assert_equal(self._services, self._world)
                owed = self._owed()
                raise DiscrepancyError(f"no calm within {CALM_SECONDS} s: not read {sorted(left)}; owed since {owed}")
            time.sleep(1)

    def _end_rests(self) -> None:
        """They last up to an hour, and grow: not waited for here. A scan that was begun in time may still bring one."""
        with self._services.database.write() as session:
            for row in (ResourceRow, BudgetRow):
                session.objects.execute(update(row).where(col(row.rests_until).is_not(None)).values(rests_until=None))

    def _approve(self) -> None:
        """As a person would who has looked: a list that has become empty, or short, is held until somebody does."""
        with self._services.database.read() as session:
            held = suspects.holders(session)
        for (source, name), scan_id in held.items():
            resource = self._services.sources[source].catalogue.resources[name]
            with self._services.database.read() as session:
                ids = {each.id for each in suspects.suspects(session, source, name, state="held", limit=10**6)}
            if ids and ids.isdisjoint(self._world.truth(resource)):
                with suppress(UsageError):  # a scan has settled it just now
                    _, approved = jobs.approve(self._services, scan_id)
                    self.report.figures["deletions that were held and approved"] += approved

    def _unread(self, since: datetime, rounds: int) -> set[tuple[str, str]]:
        statement = select(col(ScanRow.source), col(ScanRow.resource)).where(
            col(ScanRow.state) == "complete", col(ScanRow.kind) == "full", col(ScanRow.started_at) > since
        )
        with self._services.database.read() as session:
            scans = Counter((source, resource) for source, resource in session.objects.execute(statement))
        return {name for name in self._resources if scans[name] < rounds}

    def _is_mirrored(self) -> bool:
        try:
            mirrored_world.assert_equal(self._services, self._world)
        except AssertionError:
            return False
        return True

    def _owed(self) -> datetime | None:
        with self._services.database.read() as session:
            return outbox.next_due_at(session)

    def _journal_length(self) -> int:
        return len(self._world.ask("journal"))

    # ---- what must be true -------------------------------------------------------------------------------------------

    def _check_deliveries(self) -> None:
        changes = {change.seq: change for change in log(self._services) if change.kind != "snapshot"}
        with self._services.database.read() as session:
            rows = session.objects.execute(select(col(DeliveryRow.change_seq), col(DeliveryRow.state))).all()
        _same(dict.fromkeys(changes, 1), dict(Counter(seq for seq, _ in rows)), "each change is owed once")
        _same({"delivered"}, {state for _, state in rows}, "all that was owed has arrived")
        events = [one["event"] for one in self._receiver.received("/ledger") if one["event"]]
        _same({change.id for change in changes.values()}, {event["id"] for event in events}, "received is owed")
        versions: dict[str, list[int]] = defaultdict(list)
        for event in events:
            versions[event["partitionkey"]].append(event["data"]["version"])
        _same({}, {name: found for name, found in versions.items() if found != sorted(found)}, "order per record")
        self.report.figures["events that arrived"] = len(changes)
        self.report.figures["events that arrived more than once"] = len(events) - len(changes)

    def _check_budget(self) -> None:
        told: dict[str, Any] = self._world.ask("requests", path="/api/v2/*")
        self.report.figures["requests to the source"] = told["total"]
        self.report.figures["most requests in a second"] = told["most_in_a_second"]
        if told["most_in_a_second"] > REQUESTS_PER_SECOND:
            raise DiscrepancyError(
                f"{told['most_in_a_second']} requests in a second, allowed are {REQUESTS_PER_SECOND}"
            )


def _same(expected: Any, actual: Any, what: str) -> None:
    if expected != actual:
        raise DiscrepancyError(f"{what}: {_difference(expected, actual)}")


def _difference(expected: Any, actual: Any) -> str:
    if isinstance(expected, dict):
        expected, actual = set(expected.items()) if expected else set(), set(map(str, actual.items())) or set()
    return f"missing {sorted(map(str, expected - actual))[:5]}, too much {sorted(map(str, actual - expected))[:5]}"


@contextmanager
def campaign(folder: Path, *, database: str, seed: int) -> Iterator[Campaign]:
    """Everything started in the folder, ended by process id at the end."""
    rng = Random(seed)
    place = embedded.place(folder / ".mirrorpoint")
    with Stage(folder) as stage, embedded.Broker(place) as broker:
        receiver = stage.receiver()
        world = stage.api(f"--seed={seed}", *FEWER)
        more = MORE.format(
            broker=place.url, receiver=receiver.url, retries=", ".join(['"1s"', '"2s"'] + ['"4s"'] * 200)
        )
        file = mirrored_world.configure(folder, database=database, sandbox=world.url, more=more)
        text = file.read_text().replace("requests_per_second = 10000", f"requests_per_second = {REQUESTS_PER_SECOND}")
        file.write_text(text.replace("concurrency = 8", f"concurrency = {CONCURRENCY}"))
        services = mirrored_world.services(file)
        crew = Crew(stage, broker, rng)
        try:
            yield Campaign(services=services, world=world, receiver=receiver, crew=crew, database=database, rng=rng)
        finally:
            crew.wake_all()
            services.close()
