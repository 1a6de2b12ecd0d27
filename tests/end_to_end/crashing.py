"""Four lists of a sandbox, a point that is told of every change, and steps in child processes that do not come far.

Used by the tests of crashes and of slow processes. A step is killed at its n-th commit, or stands still before it; no
line of the product knows of that: the child's database is one that kills.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select, update
from sqlmodel import col

from changes.sealing import new_key
from record import tree
from sandbox import serving
from sandbox.api import Api
from sandbox.receiver import Receiver
from storage.engine import Database
from storage.session import Session
from storage.tables import ChangeRow, DeliveryRow, LeaseRow, PermitRow, SealRow
from tasks import housekeeping
from tasks.delivery import deliver, store
from tasks.delivery.deliver import DeliverEnd
from tasks.scan import head, lease, slice  # noqa: A004  # a slice of a scan
from tasks.scan.slice_end import Outcome
from tasks.services import Services
from tests import mirrored_world, waiting
from tests.end_to_end import journal
from tests.mirrored_world import Truth, World, log, scan, truth_of
from worker import bootstrap, clock

#: One confirms by an item path, one has none, one is below another and one is a tree.
CATALOGUE = """
[source]
paging = { style = "offset", limit = "limit", offset = "offset" }
sorting = { by = "sort_by", order = "sort_order" }
envelope = { rows = ["data", "$"], total = ["total"] }

[resources.products]
path = "/api/v2/products"
item_path = "/api/v2/products/{key}"
sort = "id"
columns = { name = "text", status = "text", createTime = "time" }

[resources.product_currencies]
path = "/api/v2/products/{parent}/currencies"
parent = "products"
sort = "createTime"
created = "createTime"

[resources.tags]
path = "/api/v2/tags"
sort = "createTime"
created = "createTime"

[resources.folders]
path = "/api/v2/folders"
item_path = "/api/v2/folders/{key}"
shape = "tree"
children = "children"
paged = false
"""
CONFIGURATION = """
[storage]
url = "{database}"
seal_key = "file:mirrorpoint.key"

[broker]
url = "{broker}"

[sources.backoffice]
catalogue = "few.toml"
base_url = "{sandbox}"
auth = {{ method = "bearer", token = "file:token" }}
limits = {{ requests_per_second = 10000, concurrency = 8, page_size = 7 }}
schedule = {{ default = "{schedule}" }}

[[points]]
code = "LEDGER"
url = "{receiver}/ledger"

[[routes]]
points = ["LEDGER"]

[delivery]
concurrency = {at_once}
retries = ["1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s", "1s"]
allow_networks = ["127.0.0.0/8"]
"""
RESOURCES = ("products", "product_currencies", "tags", "folders")
WITHOUT_PATH = ("product_currencies", "tags")
PATHS = ("/api/v2/products", "/api/v2/products/{productId}/currencies", "/api/v2/tags", "/api/v2/folders")
COUNTS = {"/api/v2/products": 8, "/api/v2/tags": 15, "/api/v2/folders": 8}
#: Requests that the point may have under way.
AT_ONCE = 2
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class Office:
    """The sandbox and the receiver in this process, a configuration, and our own services for it."""

    def __init__(self, folder: Path, *, database: str, broker: str = "embedded", schedule: str = "1h") -> None:
        from sandbox.world import World as SandboxWorld

        self.receiver = Receiver()
        self._servers = [serving.start(self.receiver), serving.start(Api(SandboxWorld(counts=COUNTS)))]
        receiver_url, sandbox_url = (server.url for server in self._servers)
        self.world = World(sandbox_url)
        answer = httpx.post(f"{sandbox_url}/api/v2/signin", json={"email": "mirror@example.com", "password": "sandbox"})
        self.file = folder / "mirrorpoint.toml"
        self.file.write_text(
            CONFIGURATION.format(
                database=database,
                broker=broker,
                sandbox=sandbox_url,
                receiver=receiver_url,
                schedule=schedule,
                at_once=AT_ONCE,
            )
        )
        (folder / "few.toml").write_text(CATALOGUE)
        (folder / "mirrorpoint.key").write_text(new_key())
        (folder / "token").write_text(answer.json()["accessToken"]["token"])
        self.services = mirrored_world.services(self.file)

    def close(self) -> None:
        self.services.close()
        self.world.close()
        for server in self._servers:
            server.stop()

    @property
    def database(self) -> Database:
        return self.services.database

    def change(self, seed: int, *, count: int = 8) -> None:
        """Creations, updates, deletions and returns, all at once."""
        self.world.tell("random", {"count": count, "seed": seed, "paths": PATHS})

    def truth(self) -> Truth:
        return truth_of(self.services, self.world)

    def journal(self, *, after: int = 0) -> list[dict[str, Any]]:
        """What has changed in the lists that are mirrored."""
        return [effect for effect in self.world.ask("journal", after=str(after)) if effect["path"] in PATHS]

    def scan(self) -> None:
        """All lists, some twice: without a path of its own a record is gone when two scans did not have it."""
        for resource in (*RESOURCES, *WITHOUT_PATH):
            scan(self.services, resource)

    def deliver(self) -> DeliverEnd:
        """Until nothing is owed."""
        return deliver.deliver(self.services, until=self.services.now().replace(year=9999), wait=True)

    def received(self) -> list[dict[str, Any]]:
        """The events, in the order of their arrival; a request that was cut off by a kill has none."""
        return [one.event for one in list(self.receiver.received) if isinstance(one.event, dict)]

    def let_leases_run_out(self, *, holders: Collection[int] | None = None) -> None:
        """As if the minute had passed that others wait for the dead; of these process ids only, if any are named."""
        with self.database.write() as session:
            for row in (LeaseRow, PermitRow):
                for holder in session.objects.execute(
                    select(col(row.holder)).where(col(row.expires_at).is_not(None))
                ).scalars():
                    if holders is None or int((holder or "::").split(":")[1] or 0) in holders:
                        _expire(session, row, holder)
            leased = update(DeliveryRow).where(col(DeliveryRow.state) == "leased")
            session.objects.execute(leased.values(leased_until=LONG_AGO))


def _expire(session: Session, row: type[LeaseRow] | type[PermitRow], holder: str | None) -> None:
    session.objects.execute(update(row).where(col(row.holder) == holder).values(expires_at=LONG_AGO))


@contextmanager
def office(folder: Path, *, database: str, broker: str = "embedded", schedule: str = "1h") -> Iterator[Office]:
    opened = Office(folder, database=database, broker=broker, schedule=schedule)
    try:
        yield opened
    finally:
        opened.close()


# ---- children that die -----------------------------------------------------------------------------------------------

Step = Callable[[Services], object]


def scan_everything(services: Services) -> None:
    for resource in RESOURCES:
        scan(services, resource)


def look_and_scan(services: Services) -> None:
    """Head scans before, between the slices of, and after each full scan."""
    for resource in RESOURCES:
        head.scan_head(services, "backoffice", resource)
        while slice.scan_slice(services, "backoffice", resource, seconds=0.2).outcome is Outcome.AGAIN:
            head.scan_head(services, "backoffice", resource)
        head.scan_head(services, "backoffice", resource)


def deliver_everything(services: Services) -> None:
    deliver.deliver(services)


def keep_house(services: Services) -> None:
    """What the clock and its housekeeping do."""
    clock.Clock(lambda: services).tick()
    housekeeping.housekeep(services)


def scan_products_on_short_leases(services: Services) -> None:
    setattr(lease, "LEASE_SECONDS", 0.3)  # noqa: B010  # this process's own copy
    scan(services, "products")


def deliver_and_stop_before_the_first_outcome(services: Services) -> None:
    """It stands still when answers have come and none is written."""
    write = store.DeliveryStore.settle_and_lease

    def settle_and_lease(desk: store.DeliveryStore, request: store.BatchRequest) -> store.BatchResult:
        if request.ended and not has_stood.is_set():
            has_stood.set()
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        return write(desk, request)

    has_stood = threading.Event()
    setattr(store, "LEASE_SECONDS", 2)  # noqa: B010  # this process's own copies
    setattr(store.DeliveryStore, "settle_and_lease", settle_and_lease)  # noqa: B010
    deliver.deliver(services)


def work_for_ever(services: Services) -> None:
    while True:
        scan_everything(services)
        deliver_everything(services)
        keep_house(services)


_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([__name__, "upstream.client", "upstream.auth", "webhooks.sender", "storage.prepare"])


class Where(Enum):
    """At which side of a commit, or of the whole transaction."""

    IN_FRONT = "in front"  #: what is to be written is known, nothing is written yet
    BEFORE = "before"  #: everything is written, but not committed
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Fate:
    """A signal that a process gives itself at one of its transactions."""

    number: signal.Signals
    at: int
    where: Where

    def strike(self, transaction: int, where: Where) -> None:
        if (transaction, where) == (self.at, self.where):
            signal.pthread_kill(threading.get_ident(), self.number)  # this thread at once: not a statement further


def begin(office: Office, step: Step, fate: Fate | None = None) -> Any:
    """A process that does this step."""
    child = _forks.Process(target=_live, args=(str(office.file), step, fate), daemon=True)
    child.start()
    return child


def has_died(office: Office, step: Step, *, at: int, where: Where) -> bool:
    """Do the step in a process that is killed at that transaction; False where it came to its end before."""
    child = begin(office, step, Fate(signal.SIGKILL, at, where))
    child.join(60)
    assert child.exitcode in (0, -signal.SIGKILL), child.exitcode
    return bool(child.exitcode)


@contextmanager
def standing(office: Office, step: Step, *, at: int = 0) -> Iterator[bool]:
    """Meanwhile the step's process stands still, in front of that transaction or by itself; then it goes on to its end.

    False where it came to its end before.
    """
    child = begin(office, step, Fate(signal.SIGSTOP, at, Where.IN_FRONT))
    try:
        waiting.until(lambda: child.exitcode is not None or waiting.is_stopped(child.pid), seconds=60)
        has_stood = child.exitcode is None
        yield has_stood
        if has_stood:
            os.kill(child.pid, signal.SIGCONT)
        child.join(60)
        assert child.exitcode == 0
    finally:
        child.kill()
        child.join()


def _live(file: str, step: Step, fate: Fate | None) -> None:
    transactions = itertools.count(1)
    # A process that stands still while another of its threads holds SQLite would hold up whoever is to take over.
    one_at_a_time = threading.RLock()

    class Mortal(Database):
        """Counts the transactions of all that this process writes, its ledgers included."""

        @contextmanager
        def write(self) -> Iterator[Session]:
            with one_at_a_time:
                number = next(transactions)
                _strike(number, Where.IN_FRONT)
                with super().write() as session:
                    yield session
                    _strike(number, Where.BEFORE)
                _strike(number, Where.AFTER)

    def _strike(number: int, where: Where) -> None:
        if fate is not None:
            fate.strike(number, where)

    setattr(bootstrap, "Database", Mortal)  # noqa: B010  # this process's own copy
    os.chdir(Path(file).parent)
    step(mirrored_world.services(Path(file)))


# ---- what must be true afterwards ------------------------------------------------------------------------------------


def check_log(office: Office) -> None:
    """No change twice, versions without a gap, and each change that is not a first sight owed exactly once."""
    changes = log(office.services)
    journal.check_versions(changes)
    with office.database.read() as session:
        owed = Counter(session.objects.execute(select(col(DeliveryRow.change_seq))).scalars())
    assert {change.seq: 1 for change in changes if change.kind != "snapshot"} == dict(owed)


def check_received(office: Office) -> None:
    """Every event at least once, with the one id of its change, in order per record."""
    changes = {change.id: change for change in log(office.services) if change.kind != "snapshot"}
    events = office.received()
    assert changes.keys() == {event["id"] for event in events}
    versions = defaultdict(list)
    for event in events:
        assert changes[event["id"]].version == event["data"]["version"]
        versions[event["partitionkey"]].append(event["data"]["version"])
    assert {} == {name: found for name, found in versions.items() if found != sorted(found)}
    with office.database.read() as session:
        states = set(session.objects.execute(select(col(DeliveryRow.state))).scalars())
    assert {"delivered"} == states


def check_seals(office: Office) -> None:
    """The log has no gap, and every checkpoint is the root of all changes until then; the last covers all of them."""
    with office.database.read() as session:
        rows = (
            session.objects.execute(select(SealRow).where(col(SealRow.log) == "changes").order_by(col(SealRow.size)))
            .scalars()
            .all()
        )
        changes = session.objects.execute(
            select(col(ChangeRow.seq), col(ChangeRow.digest)).order_by(col(ChangeRow.seq))
        ).all()
    assert [seq for seq, _ in changes] == list(range(1, len(changes) + 1))
    growing = tree.Growing()
    for row in rows:
        growing.add(tree.leaf_hash(digest.encode()) for _, digest in changes[growing.size : row.size])
        assert (growing.size, growing.root().hex()) == (row.size, row.root)
    assert growing.size == len(changes)
