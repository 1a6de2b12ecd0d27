"""A mirror of two sources that share a table with a column of each kind, for tests of exports; no source is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from changes import diff, fingerprint, sealing
from changes.records import Change, Id, Kind
from storage import change_log, mirror, prepare
from storage.engine import Database
from upstream import catalogue

CATALOGUE = """
[resources.things]
path = "/things"
[resources.things.columns]
name = "text"
number = "integer"
price = "number"
active = "boolean"
at = "time"
tags = "json"

[resources.parts]
path = "/things/{parent}/parts"
parent = "things"

"""
DRAFTS = """
[resources.drafts]
path = "/drafts"
"""
SOURCE = """
[sources.{name}]
catalogue = "{catalogue}"
base_url = "http://127.0.0.1:9"
"""
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class ExportedMirror:
    """Written as scans would have left it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        (folder / "mirrorpoint.key").write_text(sealing.new_key())
        self.configure(url, CATALOGUE + DRAFTS)
        self.database = Database(url)
        self.resources = dict(catalogue.load("things.toml", base=folder).resources)
        prepare.prepare(self.database, {name: list(self.resources.values()) for name in ("north", "south")})

    @property
    def config(self) -> Path:
        return self.folder / "mirrorpoint.toml"

    def configure(self, url: str, text: str) -> None:
        """Let the catalogue of both sources be this."""
        (self.folder / "things.toml").write_text(text)
        sources = "".join(SOURCE.format(name=name, catalogue="things.toml") for name in ("north", "south"))
        self.config.write_text(f'[storage]\nurl = "{url}"\n{sources}')

    def note(
        self,
        name: str,
        key: str,
        document: Any,
        *,
        at: datetime,
        after: datetime | None = None,
        source: str = "north",
        parent_key: str = "",
    ) -> None:
        """The source had this document at that moment (None: it was gone), and not yet `after`."""
        resource, id_ = self.resources[name], Id(parent_key, key)
        with self.database.write() as session:
            known = mirror.stored(session, resource, source, [id_]).get(id_)
            if document is None:
                assert known is not None
                gone = diff.deletion(
                    known, source=source, resource=resource, observed_after=after, observed_at=at, scan_id="s"
                )
                change_log.append(session, [gone])
                mirror.mark_deleted(session, resource, source, [gone])
                return
            before = known and known.document
            changed, previous = ((("",), {})) if before is None else diff.differences(before, document)
            version = known.version + 1 if known else 1
            kind = Kind.UPDATED if known else Kind.CREATED if after else Kind.SNAPSHOT
            change = Change(
                source, resource.name, id_, version, kind, changed, previous, document, after, at, scan_id="s"
            )
            change_log.append(session, [change])
            row = mirror.MirrorRow(
                id=id_,
                canonical=fingerprint.canonical(document),
                fingerprint="f",
                version=version,
                columns=mirror.columns_of(resource, "sqlite")(document)[0],
                first_seen_at=at,
                changed_at=at,
            )
            mirror.put(session, resource, source, [row])

    def run(self, text: str) -> None:
        """A statement."""
        with self.database.write() as session:
            session.execute(text)
