"""A small mirror as scans would have left it, for tests of the commands that read it; no source is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from changes import diff, fingerprint, sealing
from changes.records import Change, Id, Kind
from changes.resources import Resource
from storage import change_log, mirror, prepare, scans
from storage.engine import Database
from upstream import catalogue

CONFIGURATION = """
[sources.shop]
catalogue = "shop.toml"
base_url = "http://127.0.0.1:9"
schedule = { drafts = "off" }
"""
CATALOGUE = """
[resources.things]
title = "Things"
path = "/things"
item_path = "/things/{key}"
columns = { name = "text", groupId = "integer" }

[resources.parts]
path = "/things/{parent}/parts"
parent = "things"
schedule = "1h"
documented = false

[resources.drafts]
path = "/drafts"
"""
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Shop:
    """A mirror as scans would have left it."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder / 'mirrorpoint.db'}")
        self.resources = dict(catalogue.load("shop.toml", base=folder).resources)
        prepare.prepare(self.database, {"shop": list(self.resources.values())})

    def note(self, name: str, key: str, document: Any, *, at: datetime, parent_key: str = "") -> None:
        """The source had this document at that moment; None: it was gone."""
        resource, id_ = self.resources[name], Id(parent_key, key)
        with self.database.write() as session:
            known = mirror.stored(session, resource, "shop", [id_]).get(id_)
            if document is None:
                assert known is not None
                gone = diff.deletion(
                    known, source="shop", resource=resource, observed_after=None, observed_at=at, scan_id="s"
                )
                change_log.append(session, [gone])
                mirror.mark_deleted(session, resource, "shop", [gone])
            else:
                change = self._change(resource, id_, document, known and known.document, at)
                change_log.append(session, [change])
                mirror.put(session, resource, "shop", [self._row(resource, id_, document, change, at)])

    @staticmethod
    def _change(resource: Resource, id_: Id, document: Any, before: Any, at: datetime) -> Change:
        changed: tuple[str, ...] = ("",)
        previous: dict[str, Any] = {}
        if before is not None:
            changed, previous = diff.differences(before, document)
        return Change(
            source="shop",
            resource=resource.name,
            id=id_,
            version=1 if before is None else 2,
            kind=Kind.SNAPSHOT if before is None else Kind.UPDATED,
            changed=changed,
            previous=previous,
            document=document,
            observed_after=None,
            observed_at=at,
            scan_id="s",
        )

    @staticmethod
    def _row(resource: Resource, id_: Id, document: Any, change: Change, at: datetime) -> mirror.MirrorRow:
        return mirror.MirrorRow(
            id=id_,
            canonical=fingerprint.canonical(document),
            fingerprint="f",
            version=change.version,
            columns=mirror.columns_of(resource, "sqlite")(document)[0],
            first_seen_at=at,
            changed_at=at,
        )

    def mirror_row(self, change: Change) -> None:
        """What the mirror has after a change that a test has logged itself."""
        resource = self.resources[change.resource]
        with self.database.write() as session:
            row = self._row(resource, change.id, change.document, change, change.observed_at)
            mirror.put(session, resource, "shop", [row])

    def scan(self, name: str, *, state: str, reason: str | None = None, skipped: int = 0) -> None:
        with self.database.write() as session:
            scan = scans.begin(
                session, source="shop", resource=name, kind="full", fence=1, now=NOON, id=f"scan-{name}-{state}"
            )
            scans.finish(
                session,
                scan.id,
                fence=1,
                state=state,
                reason=reason,
                now=NOON + timedelta(seconds=5),
                counters={"skipped": skipped},
            )


def configure(folder: Path) -> Path:
    """The configuration with its catalogue and key."""
    (folder / "shop.toml").write_text(CATALOGUE)
    (folder / "mirrorpoint.key").write_text(sealing.new_key())
    file = folder / "mirrorpoint.toml"
    file.write_text(CONFIGURATION)
    return file


def open_shop(folder: Path) -> Shop:
    """Two things, of which one was changed and one deleted, and three parts, two of them with one key."""
    configure(folder)
    made = Shop(folder)
    made.note("things", "1", {"id": 1, "name": "bolt", "groupId": 4}, at=NOON - 3 * HOUR)
    made.note("things", "2", {"id": 2, "name": "nut"}, at=NOON - 3 * HOUR)
    made.note("things", "1", {"id": 1, "name": "screw", "groupId": 4, "size": 2**70}, at=NOON - HOUR)
    made.note("things", "2", None, at=NOON)
    for parent, key in (("1", "7"), ("2", "7"), ("1", "8")):
        made.note("parts", key, {"id": int(key)}, at=NOON, parent_key=parent)
    made.database.dispose()
    return made


def prepared(folder: Path, url: str) -> Database:
    """The shop's tables in another database, with nothing in them."""
    database = Database(url)
    prepare.prepare(database, {"shop": list(catalogue.load("shop.toml", base=folder).resources.values())})
    return database
