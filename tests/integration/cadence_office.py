"""A source without a server: its scans are written down as if they had been made; clocks have a time of our own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import col, select

from changes.cadence.terms import Budget
from changes.records import Kind
from changes.resources import Class, Resource
from changes.routes import Route
from changes.sealing import Vault
from storage import cadence, scans, tally
from storage.cadence import Stored
from storage.engine import Database
from storage.mirror_tables import table_for
from storage.states import ScanState
from storage.tables import NoticeRow, ResourceRow, ScanRow, SlotRow
from tasks.services import DeliveryPolicy, Services, Source
from upstream.catalogue import Catalogue, Paging, Sorting
from worker.clock import Clock

START = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
RESOURCES = (
    Resource("products", "Products", "/products", item_path="/products/{key}", class_=Class.SET_UP, schedule="auto"),
    Resource("rights", "Rights", "/rights", class_=Class.SET_UP, schedule="auto"),
    Resource(
        "clients",
        "Clients",
        "/clients",
        item_path="/clients/{key}",
        created="createTime",
        class_=Class.TRAFFIC,
        schedule="auto",
    ),
    Resource(
        "client_notes",
        "Notes",
        "/clients/{parent}/notes",
        ancestors=("clients",),
        class_=Class.TRAFFIC,
        schedule="off",
    ),
)
SORTING = Sorting(by="sort_by", order="sort_order")


class Office:
    """Services of one source, "backoffice"."""

    def __init__(self, database: Database, *resources: Resource, budget: Budget | None = None) -> None:
        self.moment = START
        self.woken: list[tuple[str, ...]] = []
        by_name = {resource.name: resource for resource in resources or RESOURCES}
        with database.write() as session:
            for resource in by_name.values():
                table_for(resource).create(session.sqlalchemy(), checkfirst=True)
        catalogue = Catalogue("office", "office.toml", "Office", Paging(), SORTING, None, by_name)
        nothing: Any = None
        source = Source(
            "backoffice",
            catalogue,
            client=nothing,
            budget=nothing,
            page_size=100,
            schedule={},
            plan_budget=budget or Budget(20.0),
        )
        self.services = Services(
            database=database,
            sources={"backoffice": source},
            vault=Vault(b"k" * 32),
            routes=(),
            delivery=DeliveryPolicy(15, (), 8, None, ()),
            wake=lambda task, **arguments: self.woken.append((task, *arguments.values())),
            now=lambda: self.moment,
        )
        self._scans = 0

    @property
    def source(self) -> Source:
        return self.services.sources["backoffice"]

    def configure(self, **values: Any) -> None:
        """Other settings of the source, as after a restart."""
        source = replace(self.source, **values)
        self.services = replace(self.services, sources={"backoffice": source})

    def route(self, *names: str) -> None:
        self.services = replace(self.services, routes=(Route(points=("OPS",), resources=names),))

    def clock(self) -> Clock:
        return Clock(lambda: self.services)

    def wait(self, **lasting: float) -> None:
        self.moment += timedelta(**lasting)

    def take_woken(self) -> list[tuple[str, ...]]:
        woken, self.woken = self.woken, []
        return woken

    def scan(
        self,
        resource: str,
        *,
        requests: int = 2,
        rows: int = 100,
        seconds: float = 1,
        changes: int = 0,
        created: int = 0,
    ) -> None:
        """A complete full scan that has ended now, and what it has found."""
        self._scans += 1
        id_, started_at = scans.new_scan_id(self.moment, self.services.rng), self.moment - timedelta(seconds=seconds)
        at = {"source": "backoffice", "resource": resource}
        with self.services.database.write() as session:
            scans.begin(session, **at, kind="full", fence=1, now=started_at, id=id_)
            counters = {"requests": requests, "rows": rows}
            assert scans.advance(session, id_, fence=1, position={}, counters=counters, now=self.moment)
            assert scans.finish(session, id_, fence=1, state=ScanState.COMPLETE, now=self.moment)
            counted = {(Kind.UPDATED, changes), (Kind.CREATED, created)}
            tally.add(
                session,
                {tally.Key(tally.Counted.CHANGES, ("backoffice", resource, kind.value)): n for kind, n in counted},
                now=self.moment,
            )

    def pause_last(self, resource: str, *, seconds: float) -> None:
        """Its last scan has only waited for so long."""
        with self.services.database.write() as session:
            last = select(func.max(col(ScanRow.id))).where(col(ScanRow.resource) == resource)
            id_ = session.objects.execute(last).scalar()
            session.sqlalchemy().execute(update(ScanRow).where(col(ScanRow.id) == id_).values(paused_seconds=seconds))

    def stored(self, resource: str) -> Stored:
        with self.services.database.read() as session:
            return cadence.read(session, ["backoffice"])["backoffice", resource]

    def made_at(self) -> datetime | None:
        with self.services.database.read() as session:
            return cadence.made(session)["backoffice"].planned_at

    def slots(self, resource: str, kind: str = "full") -> list[datetime]:
        with self.services.database.read() as session:
            which = (col(SlotRow.resource) == resource, col(SlotRow.kind) == kind)
            return list(
                session.objects.execute(select(col(SlotRow.slot_at)).where(*which).order_by("slot_at")).scalars()
            )

    def next_at(self, resource: str) -> datetime | None:
        with self.services.database.read() as session:
            return session.objects.execute(
                select(col(ResourceRow.next_at)).where(col(ResourceRow.resource) == resource)
            ).scalar()

    def notices(self) -> list[NoticeRow]:
        with self.services.database.read() as session:
            return list(session.objects.execute(select(NoticeRow).order_by("number")).scalars())

    def put(self, resource: str, **values: Any) -> None:
        """Columns of the resource's row."""
        row = {"source": "backoffice", "resource": resource, **values}
        with self.services.database.write() as session:
            inserts: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
            statement = inserts[session.dialect](ResourceRow).values(**row)
            session.sqlalchemy().execute(
                statement.on_conflict_do_update(index_elements=["source", "resource"], set_=values)
            )
