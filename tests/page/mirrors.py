"""Mirrors as scans and deliveries would have left them, for the pages to show; no source is asked."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from changes import diff, fingerprint, sealing
from changes.records import Change, Id, Kind
from changes.resources import Resource
from storage import change_log, mirror, outbox, points, prepare, processes, scans, suspects
from storage.engine import Database
from storage.tables import AttemptRow, DeliveryRow
from tests.integration import web_server
from upstream import catalogue

#: Beside the 102 of the built-in catalogues: 117 in all.
_SHOP = "".join(
    f'[resources.{name}]\ntitle = "{title}"\npath = "/{name}"\n'
    for name, title in [
        ("things", "Dinge 東西 أشياء вещи"),
        *((f"list_{number}", f"List {number}") for number in range(14)),
    ]
)
_SOURCES = """
[storage]
seal_key = "file:mirrorpoint.key"

[sources.backoffice]
catalogue = "backoffice"
base_url = "http://127.0.0.1:9"
auth = { method = "sign-in", email = "mirror@example.com", password = "of the sandbox" }

[sources.platform]
catalogue = "integration-platform"
base_url = "http://127.0.0.1:9"
auth = { method = "basic", username = "mirror", password = "of the sandbox" }
"""
_SMALL = """
[storage]
seal_key = "file:mirrorpoint.key"
"""
_ONE_SOURCE = """
[sources.shop]
catalogue = "shop.toml"
base_url = "http://127.0.0.1:9"
schedule = { drafts = "off" }

[[routes]]
points = ["*"]
resources = ["things"]
"""
_SMALL_SHOP = _SHOP[: _SHOP.index("[resources.list_3]")] + '[resources.drafts]\npath = "/drafts"\n'


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Mirror:
    """A database with its configuration; what is written is committed at once."""

    config: Path
    database: Database
    resources: Mapping[str, Mapping[str, Resource]]
    known: dict[tuple[str, str, str], tuple[int, Any]] = field(default_factory=dict)  #: record -> version, document
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def see(
        self, name: str, documents: Iterable[tuple[str, Any]], *, at: datetime, source: str = "shop"
    ) -> list[tuple[int, str]]:
        """The source has these documents under these keys; None: it is gone. Number and key of each change."""
        resource = self.resources[source][name]
        changes = [self._change(resource, source, key, document, at) for key, document in documents]
        with self.database.write() as session:
            seqs = change_log.append(session, changes)
            put = [self._row(resource, change) for change in changes if change.document is not None]
            mirror.put(session, resource, source, put)
            mirror.mark_deleted(session, resource, source, [each for each in changes if each.document is None])
        return [(seq, change.id.key) for seq, change in zip(seqs, changes, strict=True)]

    def _change(self, resource: Resource, source: str, key: str, document: Any, at: datetime) -> Change:
        record = (source, resource.name, key)
        version, before = self.known.get(record, (0, None))
        kind, changed, previous = Kind.CREATED, ("",), {}
        if document is None:
            kind, previous = Kind.DELETED, {"": before}
        elif before is not None:
            kind = Kind.UPDATED
            changed, previous = diff.differences(before, document)
        self.known[record] = (version + 1, document)
        return Change(
            source=source, resource=resource.name, id=Id("", key), version=version + 1, kind=kind, changed=changed,
            previous=previous, document=document, observed_after=at - timedelta(seconds=20), observed_at=at,
            scan_id="s",
        )  # fmt: skip

    def _row(self, resource: Resource, change: Change) -> mirror.MirrorRow:
        return mirror.MirrorRow(
            id=change.id, canonical=fingerprint.canonical(change.document), fingerprint="f", version=change.version,
            columns=mirror.columns_of(resource, self.database.dialect)(change.document)[0],
            first_seen_at=change.observed_at, changed_at=change.observed_at,
        )  # fmt: skip

    def scan(
        self,
        name: str,
        *,
        at: datetime,
        source: str = "shop",
        state: str = "complete",
        reason: str | None = None,
        **counted: int,
    ) -> str:
        """One that began then, and counted this; its id."""
        scan_id = scans.new_scan_id(at, self.chance)
        with self.database.write() as session:
            scans.begin(session, source=source, resource=name, kind="full", fence=1, now=at, id=scan_id)
            scans.finish(
                session, scan_id, fence=1, state=state, reason=reason, now=at + timedelta(seconds=2),
                counters={"requests": 3, "rows": 40, **counted},
            )  # fmt: skip
            scans.note_next(session, {(source, name): at + timedelta(minutes=5)})
        return scan_id

    def work(self) -> None:
        """Clock and workers are there."""
        with self.database.write() as session:
            for kind in ("clock", "scan", "deliver"):
                processes.note_beat(session, f"{kind}@here", kind=kind, host="here", now=now())

    def hold(self, name: str, keys: Iterable[str], *, at: datetime, source: str = "shop") -> None:
        """A scan did not have these, and they are too many to be believed."""
        scan_id = self.scan(name, at=at, source=source)
        ids = [Id("", key) for key in keys]
        with self.database.write() as session:
            suspects.note_suspects(session, source, name, scan_id=scan_id, ids=ids, since=at)
            suspects.confirm_suspects(session, source, name, ids)
            suspects.hold_suspects(session, source, name, scan_id=scan_id)

    def add_point(self, code: str, url: str = "https://hooks.example.com/mirror") -> None:
        with self.database.write() as session:
            points.add(session, code=code, url=url, now=now())

    def owe(self, code: str, changes: Iterable[tuple[int, str]], *, dead: str = "") -> None:
        """These changes to this point; with `dead` each was refused for good, in these words."""
        at = now() - timedelta(minutes=30)
        with self.database.write() as session:
            owed = [outbox.Owed(seq, code, f"shop/things/{key}") for seq, key in changes]
            outbox.owe(session, owed, now=at)
            if dead:
                rows = session.objects.execute(select(DeliveryRow).where(col(DeliveryRow.point) == code))
                for row in rows.scalars():
                    row.state, row.attempts, row.last_status, row.due_at = "dead", 1, 422, None
                    session.objects.add(
                        AttemptRow(
                            delivery_id=row.id or 0, change_seq=row.change_seq, point=code, attempted_at=at,
                            duration_ms=40, status=422, answer=dead,
                        )
                    )  # fmt: skip

    def close(self) -> None:
        self.database.dispose()


def open_small(folder: Path) -> Mirror:
    """Five resources, one of them off; nothing was seen yet."""
    return _open(folder, _SMALL + _ONE_SOURCE, _SMALL_SHOP)


def open_large(folder: Path) -> Mirror:
    """117 resources of three sources."""
    return _open(folder, _SOURCES + _ONE_SOURCE.replace('schedule = { drafts = "off" }\n', ""), _SHOP)


def _open(folder: Path, configuration: str, shop: str) -> Mirror:
    config = folder / "mirrorpoint.toml"
    config.write_text(configuration + web_server.TOKENS, "utf-8")
    (folder / "shop.toml").write_text(shop, "utf-8")
    (folder / "mirrorpoint.key").write_text(sealing.new_key())
    used = {"shop": "shop.toml"}
    if "[sources.backoffice]" in configuration:
        used |= {"backoffice": "backoffice", "platform": "integration-platform"}
    resources = {source: dict(catalogue.load(name, base=folder).resources) for source, name in used.items()}
    database = Database(f"sqlite:///{folder / 'mirrorpoint.db'}")
    prepare.prepare(database, {source: list(each.values()) for source, each in resources.items()})
    return Mirror(config, database, resources)


def fill_small(made: Mirror) -> None:
    """A day's work: changes of each kind, a held deletion, points in trouble, a resource that is broken."""
    at = now()
    made.work()
    first = made.see("things", ((str(key), _thing(key)) for key in range(1, 25)), at=at - timedelta(hours=20))
    later = made.see("things", ((str(key), {**_thing(key), "status": "disabled", "limit": key * 1.5})
                                for key in range(1, 6)), at=at - timedelta(minutes=40))  # fmt: skip
    gone = made.see("things", [("9", None)], at=at - timedelta(minutes=5))
    for name in ("things", "list_0", "list_1"):
        made.scan(name, at=at - timedelta(minutes=1))
    made.scan("list_2", at=at - timedelta(hours=3))
    made.scan("list_2", at=at - timedelta(minutes=2), state="failed", reason="the source answers 503")
    made.hold("things", [str(key) for key in range(10, 24)], at=at - timedelta(minutes=1))
    for code in ("AUDIT", "CRM", "WAREHOUSE"):
        made.add_point(code, f"https://{code.lower()}.example.com/hook")
    made.owe("AUDIT", later)
    made.owe("CRM", [*first[:3], *gone], dead='{"error": "I do not know this currency"}')


def fill_large(made: Mirror) -> None:
    """Each resource was read just now, but one is late; 200 points, of which some wait; 2,400 changes."""
    at = now()
    made.work()
    for source, resources in made.resources.items():
        for number, name in enumerate(resources):
            late = timedelta(hours=9) if (source, number) == ("backoffice", 3) else timedelta(seconds=30)
            made.scan(name, source=source, at=at - late)
    found = []
    for number in range(6):
        documents = [(str(key), {**_thing(key), "balance": f"{key * number}.00"}) for key in range(400)]
        found += made.see("things", documents, at=at - timedelta(hours=6 - number))
    for number in range(200):
        made.add_point(f"POINT_{number:03}", f"https://p{number:03}.hooks.example.com/mirror")
    for number in range(0, 40, 2):
        made.owe(f"POINT_{number:03}", found[-number - 1 :])
    made.owe("POINT_041", found[:2], dead="no")


def _thing(key: int) -> dict[str, Any]:
    return {
        "id": key, "name": f"Thing {key}", "caption": f"The thing number {key}", "status": "enabled",
        "currency": "EUR", "limit": key, "groups": [1, 2, 3],
    }  # fmt: skip
