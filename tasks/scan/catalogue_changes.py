"""Whether the catalogue still means the records that the mirror has; asked before a scan reads anything.

Where that is not certain, the resource is held until a person says what is meant. Else the scan might tell every old
record as deleted, and every record of the list as created.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from changes import bodies, diff, fingerprint, keys, members, normalise
from changes.records import Id, Json
from changes.resources import Resource, Shape
from storage import former_rules, mirror, points, scans, seen_ids
from storage.session import Session
from tasks.log_lines import Logger
from tasks.scan import read_as, retiring
from tasks.scan.apply import Applied
from tasks.scan.learned import Learned
from tasks.scan.lease import ScanLease
from tasks.scan.read_as import PLACE, WHO, ReadAs
from tasks.services import Services, Source
from upstream.errors import GiveUp

log = Logger("mirrorpoint.scan")

#: Records whose keys are looked at together.
AT_A_TIME = 500
#: Said where nothing can be compared.
_THERE_WERE_NONE = "the mirror has no row of it that those that are there could be compared with"
#: Lists of a nested resource that are compared with the mirror at the most.
LISTS = 3


class CatalogueChangedError(Exception):
    """The records that the mirror has may be others than those that the catalogue means now."""


@dataclass(slots=True)
class _Alike:
    """What a look at the list has brought."""

    rows: int = 0
    known: int = 0  #: of them, those with the key of a record that is in the mirror
    same: int = 0  #: of those, the ones that are the same record: by their document, or by when they were created

    def is_enough(self) -> bool:
        return self.rows > 0 and 2 * self.known >= self.rows and 2 * self.same >= self.known

    def told(self) -> str:
        """For people."""
        if not self.rows:
            return "no row is there that could be looked at"
        rows = "the 1 row that was looked at" if self.rows == 1 else f"the {self.rows:,} rows that were looked at"
        return f"of {rows} {self.same:,} {'is' if self.same == 1 else 'are'} the same"


def settle(lease: ScanLease, source: Source) -> bool:
    """Do what follows where the catalogue has changed. True: scans that wait for this resource may go on.

    `CatalogueChangedError` if a person has to decide, an UpstreamError if the source does not answer.
    """
    before, now = lease.read_as, read_as.of(lease.scope.resource, source.base_url)
    if before == now or before is None:
        return False
    scope, resource = lease.scope, lease.scope.resource
    with scope.services.database.read() as session:
        rows = mirror.live_count(session, resource, scope.source)
    others = read_as.differing(before, now, WHO) if rows else []
    if others == ["key"] and has_same_keys(scope.services, scope.source, resource):
        others = []
    if others and scope.has_baseline:
        is_same_possible = "key" not in others and read_as.can_be_same(before, now)
        told = read_as.told(before, now, others)
        raise CatalogueChangedError(_held(lease, source, told, others, is_same_possible=is_same_possible))
    places = read_as.differing(before, now, PLACE) if not others and (rows or scope.has_baseline) else []
    if places:
        alike, requests = _look(lease, source, before)
        is_known = alike.is_enough() if rows else alike.rows == 0
        if not is_known and scope.has_baseline:
            told = f"{read_as.told(before, now, places)}, and {alike.told() if rows else _THERE_WERE_NONE}"
            raise CatalogueChangedError(_held(lease, source, told, places, is_same_possible=True))
        others = [] if is_known else places
        lease.commit(_nothing, requests=requests)
    if others:  # there was no baseline yet, so no receiver was told of anything
        retiring.retire_all(scope, lease.commit)
    _adopt(lease, before, now)
    return read_as.may_be_others(before, now)


def _held(lease: ScanLease, source: Source, told: str, names: Sequence[str], *, is_same_possible: bool) -> str:
    resource, catalogue = lease.scope.resource.name, source.catalogue.origin
    name, back = (
        f"{source.name}:{resource}",
        read_as.fields(names, source=source.name, resource=resource, catalogue=catalogue),
    )
    cure = f"`mirrorpoint rebase {name}` takes what is there now as a new base line"
    same = ", with --same if the records are the same" if is_same_possible else ""
    return f"{scans.HELD}{told}; {cure}{same}; or put back {back}"


def has_same_keys(services: Services, source: str, resource: Resource) -> bool:
    """Whether the catalogue's key makes of each document in the mirror the key that its record has."""
    if resource.shape is Shape.OBJECT:  # its key is its parent's
        return True
    key_of = keys.reader(resource.key)
    after: Id | None = None
    while True:
        with services.database.read() as session:
            ids = mirror.live_ids(session, resource, source, limit=AT_A_TIME, after=after)
            stored = mirror.stored(session, resource, source, ids)
        if not ids:
            return True
        try:
            is_same = all(
                fingerprint.repaired_key(key_of(row.document, row.fingerprint)) == key
                for (_, key), row in stored.items()
                if row.document is not None  # erased: it says nothing of its key
            )
        except ValueError:
            is_same = False
        if not is_same:
            return False
        after = ids[-1]


def _look(lease: ScanLease, source: Source, before: ReadAs) -> tuple[_Alike, int]:
    """Compare the first page of the list, or of some lists below parents, with what the mirror has.

    Nested lists without a record need no look: their parents were looked at before.
    """
    scope, resource = lease.scope, lease.scope.resource
    with scope.services.database.read() as session:
        ids = mirror.live_ids(session, resource, scope.source, limit=AT_A_TIME)
    parents = list(dict.fromkeys(id_.parent_key for id_ in ids))[:LISTS]
    if not ids and resource.parent is None:
        parents = [""]
    alike, limit = _Alike(), resource.page_size or source.page_size
    for parent_key in parents:
        try:
            rows = source.client.fetch_page(resource, parent_key=parent_key, limit=limit).rows
        except GiveUp:
            continue  # there is no such list: nothing of it is known
        _compare(lease, parent_key, [_as_before(row, before, source.base_url) for row in rows], alike)
    return alike, len(parents)


def _compare(lease: ScanLease, parent_key: str, rows: list[Json], alike: _Alike) -> None:
    scope, resource = lease.scope, lease.scope.resource
    batch = normalise.read(resource, rows, parent_key=parent_key, seal=scope.services.vault.seal)
    with scope.services.database.read() as session:
        stored = mirror.stored(session, resource, scope.source, [record.id for record in batch.records])
    alike.rows += len(batch.records)
    for record in batch.records:
        was = stored.get(record.id)
        if was is not None and was.deleted_at is None and was.document is not None:
            alike.known += 1
            now = normalise.document_of(record)
            alike.same += diff.is_same(resource, was, record, now) or _is_as_old(resource.created, was.document, now)


def _is_as_old(created: str | None, before: Json, now: Json) -> bool:
    if created is None:
        return False
    stamp = members.value(now, created)
    return stamp is not None and stamp == members.value(before, created)


def _as_before(row: Json, before: ReadAs, base_url: str) -> Json:
    """The row with its links changed to the source's former address: at another host name all links differ."""
    try:
        form = fingerprint.canonical(row)
    except ValueError:
        return row
    was, now = str(before.get("base_url", "")), base_url.rstrip("/")
    for old, new in ((was, now), (read_as.origin(was), read_as.origin(now))):
        if was and old != new:
            form = form.replace(orjson.dumps(new)[1:-1], orjson.dumps(old)[1:-1])
    return bodies.parse(form)


def _nothing(_session: Session, _now: datetime) -> Applied:
    return Applied()


def adopt(session: Session, source: str, resource: str, now: ReadAs) -> None:
    """The records are those that the catalogue means now, at another address or by another key."""
    scans.note_read_as(session, source, resource, read_as=now)
    scans.note_path_proven(session, source, resource, at=None)
    scans.note_learned(session, source, resource, learned=Learned().to_json())


def _adopt(lease: ScanLease, before: ReadAs, now: Mapping[str, Json]) -> None:
    """From here on the records are kept by the catalogue's present values.

    What own paths have proved, and what was learned of the server, holds for the former address alone. Points are
    adopted only when all their records have been read by the new mapping: see `ScanLease.end`.
    """
    source, resource = lease.scope.source, lease.scope.resource
    name = resource.name
    is_elsewhere = bool(read_as.differing(before, now, (*PLACE, *WHO)))
    is_anew = is_elsewhere or bool(read_as.differing(before, now, ("deleted",)))
    kept = now if now["points"] is None else {**now, "points": before.get("points")}

    def write(session: Session, moment: datetime) -> Applied:
        if before.get("points") and now["points"] is None:
            ids, encrypt = list(mirror.walk_live(session, resource, source)), lease.scope.services.vault.encrypt
            points.apply_mirrored(session, source, seen=(), deleted=ids, encrypt=encrypt, now=moment)
        former_rules.note(session, source, name, now=kept, at=moment)
        if is_anew:
            seen_ids.forget(session, lease.scope.scan_id)
        if is_elsewhere:
            adopt(session, source, name, kept)
        else:
            scans.note_read_as(session, source, name, read_as=kept)
            if read_as.differing(before, now, ("item_path",)):
                scans.note_path_proven(session, source, name, at=None)
        return Applied()

    if kept == before:  # but for the points
        return
    if is_anew and lease.position.parts:
        log.info("catalogue_changed_during_scan", source=source, resource=name)
    if is_anew:
        lease.begin_anew()
    lease.commit(write)
    changed = read_as.differing(before, now, tuple(now))
    log.info("catalogue_adopted", source=source, resource=name, changed=changed)
