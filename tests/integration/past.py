"""A mirror whose log a test writes itself, change by change with both looks; no source is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from changes import diff, fingerprint, sealing
from changes.records import Change, Id, Kind
from storage import change_log, mirror, outbox, prepare, scans, sql
from storage.engine import Database
from upstream import catalogue

CONFIGURATION = """
[storage]
url = "{url}"

[sources.shop]
catalogue = "shop.toml"
base_url = "http://127.0.0.1:9"
"""
CATALOGUE = """
[resources.things]
path = "/things"
columns = { name = "text" }
secrets = ["/secret"]
volatile = ["/seen"]

[resources.parts]
path = "/things/{parent}/parts"
parent = "things"

[resources.drafts]
path = "/drafts"
"""
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
#: The moment at which a test asks.
LATER = NOON + timedelta(days=6)


def at(minutes: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def said(minutes: float) -> str:
    """The same as it is written on a command line."""
    return at(minutes).isoformat()


class Past:
    """The log, and the mirror that belongs to it."""

    def __init__(self, database: Database, url: str, folder: Path) -> None:
        (folder / "shop.toml").write_text(CATALOGUE)
        (folder / "mirrorpoint.key").write_text(sealing.new_key())
        self.config = folder / "mirrorpoint.toml"
        self.config.write_text(CONFIGURATION.format(url=url))
        self.database = database
        self.resources = dict(catalogue.load("shop.toml", base=folder).resources)
        prepare.prepare(database, {"shop": list(self.resources.values())})

    def note(
        self,
        key: str,
        document: Any,
        *,
        seen: float,
        after: float | None = None,
        resource: str = "things",
        parent_key: str = "",
        scan_id: str = "scan",
    ) -> int:
        """The document was seen at that minute, and the one before at `after`; None: it was gone. The change's number.

        Without `after` what is new is a first sight.
        """
        what, id_ = self.resources[resource], Id(parent_key, key)
        with self.database.write() as session:
            known = mirror.stored(session, what, "shop", [id_]).get(id_)
            changed, previous = ("",), dict[str, Any]()
            if known is None or (known.deleted_at is not None and after is None):
                kind = Kind.SNAPSHOT if after is None else Kind.CREATED
            elif document is None:
                kind, previous = Kind.DELETED, {"": known.document}
            else:
                kind = Kind.UPDATED if known.deleted_at is None else Kind.RESTORED
                changed, previous = diff.differences(known.document, document)
            change = Change(
                source="shop",
                resource=resource,
                id=id_,
                version=1 if known is None else known.version + 1,
                kind=kind,
                changed=changed,
                previous=previous,
                document=document,
                observed_after=None if after is None else at(after),
                observed_at=at(seen),
                scan_id=scan_id,
            )
            (seq,) = change_log.append(session, [change])
            if document is None:
                mirror.mark_deleted(session, what, "shop", [change])
            else:
                columns, _ = mirror.columns_of(what, session.dialect)(document)
                canonical, first = fingerprint.canonical(document), known.first_seen_at if known else at(seen)
                row = mirror.MirrorRow(id_, canonical, "f", change.version, columns, first, at(seen))
                mirror.put(session, what, "shop", [row])
            return seq

    def erase(self, key: str, *versions: int) -> None:
        """The log has no content of these versions any more."""
        marks = ", ".join(map(str, versions))
        text = (
            f"UPDATE mirrorpoint_change SET document = NULL, previous = '{{}}', salt = NULL WHERE version IN ({marks})"
        )
        with self.database.write() as session:
            session.execute(f"{text} AND key = {sql.mark(session.dialect)}", (key,))

    def owe(self, seq: int, *points: str) -> None:
        with self.database.write() as session:
            outbox.owe(session, [outbox.Owed(seq, code, f"record {seq}") for code in points], now=NOON)

    def read_whole(self, resource: str, *, start: float, end: float) -> None:
        """A complete scan of its list began and ended then."""
        with self.database.write() as session:
            id_ = f"scan {resource} {start}"
            scan = scans.begin(session, source="shop", resource=resource, kind="full", fence=1, now=at(start), id=id_)
            scans.finish(session, scan.id, fence=1, state="complete", reason=None, now=at(end), counters={})
