"""Makes what is sent of a change and what is sealed: its id, its CloudEvent, its digest.

Called by storage for ids and digests, and by the delivery step for the event's body.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import orjson

from changes import fingerprint, resources
from changes.records import Change, Id, Json, Kind


def event_id(*, source: str, resource: str, id: Id, version: int) -> str:  # noqa: A002  # the word of the glossary
    """32 hexadecimal digits, the same at every call; hashing a JSON list keeps ("a", "bc") and ("ab", "c") apart."""
    return fingerprint.hashed(fingerprint.part([source, resource, id.parent_key, id.key, version]))


def subject(resource: str, id: Id) -> str:  # noqa: A002
    """`products/42`, `product_currencies/42/7`; the record's key is escaped like those of its parents."""
    return "/".join(part for part in (resource, id.parent_key, resources.join_keys((id.key,))) if part)


def partition_key(*, source: str, resource: str, id: Id) -> str:  # noqa: A002
    """Names a record over all sources; events of one record are sent in order."""
    return f"{source}/{subject(resource, id)}"


def digest(change: Change, *, id: str | None = None, form: bytes | None = None) -> str:  # noqa: A002
    """SHA-256 over all columns of the change but `seq` and `digest`; the same if the change is read from a database.

    `id` is the event's id, and `form` the document's canonical form, if they are at hand.
    """
    head = [
        id or event_id(source=change.source, resource=change.resource, id=change.id, version=change.version),
        change.source,
        change.resource,
        change.id.parent_key,
        change.id.key,
        change.version,
        change.kind.value,
        list(change.changed),
    ]
    # Only old values may be written in another form than the canonical one.
    previous = fingerprint.canonical(dict(change.previous)) if change.previous else b"{}"
    # The canonical form of a list is made of those of its elements, so the long document need not be written twice.
    document = fingerprint.canonical(change.document) if form is None else form
    sight = _sight(change.observed_after, change.observed_at, change.scan_id)
    return hashlib.sha256(b",".join((fingerprint.part(head)[:-1], previous, document, sight))).hexdigest()


def cloud_event(change: Change, *, seq: int) -> dict[str, Any]:
    """The CloudEvents 1.0 object that is sent to a point, as JSON."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id(source=change.source, resource=change.resource, id=change.id, version=change.version),
        "source": f"/mirrorpoint/{quote(change.source)}",
        "type": f"{change.resource}.{change.kind.value}",
        "subject": subject(change.resource, change.id),
        "time": _zulu(change.observed_at),
        "datacontenttype": "application/json",
        "sequence": f"{seq:020d}",
        "partitionkey": partition_key(source=change.source, resource=change.resource, id=change.id),
    }
    if change.kind is Kind.DELETED:
        event["method"] = "DELETE"  # the way in which a feed says that its subject is gone
    event["data"] = {
        "resource": change.resource,
        "key": change.id.key,
        "parent_key": change.id.parent_key,
        "kind": change.kind.value,
        "version": change.version,
        "observed_after": None if change.observed_after is None else _zulu(change.observed_after),
        "observed_at": _zulu(change.observed_at),
        "changed": list(change.changed),
        "previous": dict(change.previous),
        "document": change.document,
    }
    return event


def body(event: dict[str, Json]) -> bytes:
    """The event as it is posted and signed."""
    try:
        return orjson.dumps(event)
    except TypeError:  # a number that is longer than usual, or a document nested as deep as is allowed
        return fingerprint.compact(event)


@lru_cache(maxsize=64)
def _sight(after: datetime | None, at: datetime, scan_id: str) -> bytes:
    """The last columns of a digest; they are the same for all changes of a page."""
    return fingerprint.canonical([_microseconds(after), _microseconds(at), scan_id])[1:]


def _microseconds(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")


def _zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
