"""What a step needs, handed in; built once per process by worker/bootstrap.py and read by every task."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from tasks.source_slots import SourceSlots

if TYPE_CHECKING:
    from changes.cadence import terms
    from changes.routes import Route
    from changes.sealing import Vault
    from storage.engine import Database
    from tasks.signing import Signer
    from upstream.catalogue import Catalogue
    from upstream.client import SourceClient
    from upstream.throttle import Budget


class Wake(Protocol):
    """Sends a wake-up: "scan" (source=, resource=), "deliver", "housekeeping". Never fails: a lost one is made good."""

    def __call__(self, task: str, **arguments: str) -> None: ...


def no_wake(task: str, **arguments: str) -> None:
    """For commands that do the work themselves."""


def none_queued(task: str) -> int:  # noqa: ARG001  # every kind
    """The same, for how many wake-ups wait."""
    return 0


@dataclass(frozen=True, slots=True)
class Source:
    """One API installation that is mirrored."""

    name: str
    catalogue: Catalogue
    client: SourceClient
    budget: Budget
    page_size: int  #: rows asked for in one request
    schedule: Mapping[str, str]  #: the user's table: name, glob or "default" -> schedule
    plan_budget: terms.Budget  #: what its scheduled scans may plan with, and what is promised
    base_url: str = ""  #: where it is; holds no credentials


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """How events are sent."""

    timeout_seconds: float
    retries_seconds: tuple[float, ...]  #: pauses before the 2nd, 3rd, ... attempt
    concurrency: int  #: requests in flight per point
    secret: str | None  #: signs for points that have no secret of their own
    allow_networks: tuple[str, ...]  #: CIDRs that the address guard lets through
    final: frozenset[int] = frozenset({400, 405, 413, 414, 415, 422})  #: answers that end a delivery at once
    proxy: str | None = field(default=None, repr=False)  #: for points that have none of their own


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class RecordPolicy:
    """How the record is proved."""

    signer: Signer | None = None  #: None: roots are kept unsigned
    keep: tuple[str, ...] = ()  #: where heads are kept: file:PATH (absolute), point:CODE, witness:URL, timestamp:URL
    keep_every: timedelta = timedelta(days=1)
    verify_every: timedelta | None = timedelta(days=1)  #: None: never by itself
    retention: timedelta | None = None  #: None: content stays for ever


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that touches the world, in one place."""

    database: Database
    sources: Mapping[str, Source]
    vault: Vault
    routes: tuple[Route, ...]
    delivery: DeliveryPolicy
    record: RecordPolicy = field(default_factory=RecordPolicy)
    wake: Wake = no_wake
    queued: Callable[[str], int | None] = none_queued  #: how many wake-ups of a kind wait; None: nobody takes any
    now: Callable[[], datetime] = utc_now
    source_slots: SourceSlots = field(default_factory=SourceSlots)  #: of this process's threads
    rng: random.Random = field(default_factory=random.Random)
    stopping: threading.Event = field(default_factory=threading.Event)  #: set: end at the next page or batch

    def close(self) -> None:
        """Close this process's connections; a later use opens new ones."""
        for source in self.sources.values():
            source.client.close()
        self.database.dispose()


class _Holder:
    """The services of this process; made again after a fork, since engines and clients must not cross one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.factory: Callable[[], Services] | None = None
        self.built: tuple[int, Services] | None = None


_holder = _Holder()


def install(factory: Callable[[], Services]) -> None:
    """Say how this process builds its services; nothing is opened yet."""
    with _holder.lock:
        _holder.factory, _holder.built = factory, None


def current() -> Services:
    """The services of this process, built at the first call."""
    with _holder.lock:
        if _holder.built is None or _holder.built[0] != os.getpid():
            if _holder.factory is None:
                raise RuntimeError("tasks.services.install() has not been called in this process")
            _holder.built = (os.getpid(), _holder.factory())
        return _holder.built[1]
