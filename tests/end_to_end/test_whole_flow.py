"""The main job with real processes: a Back Office mirrored while it changes, each change told once and in order."""

from __future__ import annotations

import base64
import re
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from sqlalchemy import select
from sqlmodel import col

from storage import outbox
from storage.tables import ScanRow
from tasks.services import Services
from tests import mirrored_world, postgres
from tests.end_to_end import journal
from tests.end_to_end.stage import Receiver, Stage
from tests.mirrored_world import World, last_seq, log, truth_of
from worker import embedded

OWN_SECRET, SHARED_SECRET = ("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
#: Lists with many lists below them: fewer rows make each round of scans quicker, and no less of a proof.
FEWER = ("--count=/api/v2/clients=10", "--count=/api/v2/products=12", "--count=/api/v2/currencies=10")

MORE = """
[broker]
url = "{broker}"

# Two cores read all lists within this time; asked for it more often, they read some twice while others wait.
[sources.backoffice.schedule]
"*" = "5s"
[sources.platform.schedule]
"*" = "5s"

[[points]]
code = "LEDGER"
url = "{receiver}/ledger"
token_remote = "ledger's token"
secret = "{own_secret}"

[[routes]]
points = ["LEDGER"]

[[routes]]
points = ["CRM"]
resources = ["product*", "accounts", "clients"]

[delivery]
secret = "{shared_secret}"
allow_networks = ["127.0.0.0/8"]
"""


class Flow:
    """The processes at work, seen from outside: the sandbox, the database, the receiver."""

    def __init__(self, stage: Stage, services: Services, world: World, receiver: Receiver) -> None:
        self.services, self.world, self.receiver = services, world, receiver
        self._stage = stage
        self._all = {
            (source.name, resource.name): resource
            for source in services.sources.values()
            for resource in source.catalogue.resources.values()
        }

    def wait_for_first_sight(self) -> None:
        self._wait_for_scans(1, since=None)

    def wait_until_quiet(self, *, scans: int = 1) -> None:
        """All that was done is in the mirror, each list was read so often since, and every event is delivered."""
        self._wait_for_scans(scans, since=self.services.now())
        # What hangs together needs more: children of a record that has arrived, deletions that two scans must confirm.
        self._stage.until(self._is_mirrored, "what is in the sandbox is in the mirror")
        self._stage.until(lambda: not self._owed(), "everything is delivered")

    def journal(self, *, after: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.world.ask("journal", after=str(after))
        return found

    def _wait_for_scans(self, times: int, *, since: datetime | None) -> None:
        """Until each resource has had so many complete scans that began after that moment."""
        left: set[tuple[str, str]] = set()

        def is_done() -> bool:
            nonlocal left
            scans = self._complete_scans(since)
            left = {name for name in self._all if scans[name] < times}
            return not left

        self._stage.until(is_done, lambda: f"complete scans, of {sorted(left)} too")

    def _complete_scans(self, since: datetime | None) -> Counter[tuple[str, str]]:
        statement = select(col(ScanRow.source), col(ScanRow.resource)).where(col(ScanRow.state) == "complete")
        if since is not None:
            statement = statement.where(col(ScanRow.started_at) > since)
        with self.services.database.read() as session:
            return Counter((source, resource) for source, resource in session.objects.execute(statement))

    def _is_mirrored(self) -> bool:
        try:
            mirrored_world.assert_equal(self.services, self.world)
        except AssertionError:
            return False
        return True

    def _owed(self) -> bool:
        with self.services.database.read() as session:
            return outbox.next_due_at(session) is not None


@contextmanager
def flow_on(stage: Stage, *, database: str, broker: str) -> Iterator[Flow]:
    """A configuration with all that there is to scan and two points, and our own look at its database."""
    receiver = stage.receiver("--secret", SHARED_SECRET)
    world = stage.api("--receiver-url", receiver.url, *FEWER)
    more = MORE.format(broker=broker, receiver=receiver.url, own_secret=OWN_SECRET, shared_secret=SHARED_SECRET)
    file = mirrored_world.configure(stage.folder, database=database, sandbox=world.url, more=more)
    receiver.expect("/ledger", secret=OWN_SECRET, token="ledger's token")
    for row in world.ask("rows", path="/rest/v1/service/integration_points")["rows"]:
        receiver.expect(f"/hooks/{row['document']['code']}", token=row["document"]["token_remote"])
    services = mirrored_world.services(file)
    try:
        yield Flow(stage, services, world, receiver)
    finally:
        for source in services.sources.values():
            source.client.close()
        services.database.dispose()


def test_everything_is_mirrored_and_told_by_run_on_sqlite(stage: Stage) -> None:
    with flow_on(stage, database=f"sqlite:///{stage.folder / 'mirror.db'}", broker="embedded") as flow:
        run = stage.start("run")
        _play(flow)
        run.terminate()
        assert run.wait(45) == 0
    assert stage.complaints() == []


def test_everything_is_mirrored_and_told_by_separate_processes_on_postgresql(
    stage: Stage, postgres_server: postgres.Server
) -> None:
    url = postgres_server.create()
    place = embedded.place(stage.folder / "state")
    with (
        embedded.Broker(place),
        flow_on(stage, database=url.replace("postgresql:", "postgresql+psycopg:"), broker=place.url) as flow,
    ):
        processes = [stage.start("clock"), stage.start("worker"), stage.start("worker")]
        _play(flow)
        for process in processes:
            process.terminate()
        assert [process.wait(45) for process in processes] == [0, 0, 0]
    assert stage.complaints() == []
    postgres_server.drop(url)


def _play(flow: Flow) -> None:
    """First sight, changes while scans go on, changes all at once; then everything is compared."""
    flow.wait_for_first_sight()
    for source in flow.services.sources:
        mirrored_world.assert_equal(flow.services, flow.world, source=source)
    assert {"snapshot"} == {change.kind for change in log(flow.services)}
    assert flow.receiver.received() == []

    ever = truth_of(flow.services, flow.world)
    _change_while_scans_go_on(flow)
    for name, rows in truth_of(flow.services, flow.world).items():
        ever[name] |= rows
    _change_all_at_once(flow, ever=ever)

    for source in flow.services.sources:
        mirrored_world.assert_equal(flow.services, flow.world, source=source)
    journal.check_versions(log(flow.services))
    _check_received(flow)


def _change_while_scans_go_on(flow: Flow) -> None:
    """One change after the other: each record's log is a reading of the journal, which may have left states out."""
    before, seq, place = truth_of(flow.services, flow.world), last_seq(flow.services), len(flow.journal())
    for seed in range(150):
        flow.world.tell("random", {"count": 1, "seed": seed})
    flow.wait_until_quiet()

    changes = log(flow.services, after=seq)
    known = {(change.resource, journal.Id(change.parent_key, change.key)) for change in log(flow.services)[:seq]}
    tales = journal.Tales(flow.services, start=before, effects=flow.journal(after=place))
    tales.check(changes, ever=known)
    times = Counter((change.resource, journal.Id(change.parent_key, change.key)) for change in changes)
    assert dict.fromkeys(tales.touched_once(), 1) == {name: times[name] for name in tales.touched_once()}
    assert len(changes) > 100


def _change_all_at_once(flow: Flow, *, ever: mirrored_world.Truth) -> None:
    """All changes in one request: no scan sees a part of them, so the log has the net differences and nothing else."""
    before, seq = truth_of(flow.services, flow.world), last_seq(flow.services)
    flow.world.tell("random", {"count": 200, "seed": 7, "kinds": ["create", "update", "delete", "restore"]})
    after = truth_of(flow.services, flow.world)
    flow.wait_until_quiet(scans=2)  # the second finds nothing, neither in what changed before nor in what changed now

    told = mirrored_world.told_changes(log(flow.services, after=seq))
    expected = mirrored_world.expected_changes(before, after, ever=ever)
    assert expected == set(told)
    assert len(told) == len(expected)
    assert {"created", "updated", "deleted", "restored"} == {kind for _, _, kind in told}


def _check_received(flow: Flow) -> None:
    """Each routed change once at each of its points, valid, parsed by the published library, in order per record."""
    changes = {change.id: change for change in log(flow.services) if change.kind != "snapshot"}
    routed = {id_ for id_, change in changes.items() if re.match(r"product|accounts$|clients$", change.resource)}
    for path, expected in (("/ledger", set(changes)), ("/hooks/CRM", routed)):
        received = flow.receiver.received(path)
        assert [] == [problem for one in received for problem in one["problems"]]
        times = Counter(one["event"]["id"] for one in received)
        assert expected == set(times)
        assert {1} == set(times.values())
        versions: dict[str, list[int]] = defaultdict(list)
        for one in received:
            event: Any = from_http_event(HTTPMessage(one["headers"], one["text"].encode()))
            change, data = changes[event.get_id()], event.get_data()
            assert f"{change.resource}.{change.kind}" == event.get_type()
            assert (change.key, change.parent_key, change.version) == (data["key"], data["parent_key"], data["version"])
            assert (change.changed, change.previous, change.document) == (
                data["changed"], data["previous"], data["document"]
            )  # fmt: skip
            assert change.observed_at == event.get_time()
            assert f"{change.seq:020d}" == event.get_extension("sequence")
            versions[event.get_extension("partitionkey")].append(change.version)
        assert {} == {name: found for name, found in versions.items() if found != sorted(found)}
        assert len(versions) > 10
    assert {"/ledger", "/hooks/CRM"} == {one["path"] for one in flow.receiver.received()}
