"""The generated part of docs/events.md: an event as the code makes it, and what each kind of change puts into it.

Called by `docs.generator`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from changes import diff, events, fingerprint
from changes.records import Change, Id, Json, Kind, Known, Record, Stored
from changes.resources import Resource
from docs.generator import markdown

_PRODUCTS = Resource(name="products", title="Products", path="/api/v2/products")
#: As such ids look; of the same moment as the event.
_EVENT_ID = "01a2008d-7400-7c3a-9d2e-6f1b8a4e5d70"
_ID = Id("", "42")
_SEEN, _NOW = datetime(2026, 11, 21, 23, 55, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)
_BEFORE: Json = {"id": 42, "name": "gold", "status": "enabled"}
_AFTER: Json = {"id": 42, "name": "gold", "status": "disabled"}

_MEMBERS: Mapping[str, str] = {
    "specversion": "The version of CloudEvents.",
    "id": "A UUIDv7, made when the change was written. The same on every attempt; only `replay --as-new` gives others.",
    "source": "The source of the configuration.",
    "type": "The resource and the kind.",
    "subject": "The record: resource, its parents' keys, its key. A `/` inside a key is written `%2F`.",
    "time": "`observed_at`.",
    "datacontenttype": "What `data` is.",
    "sequence": "The number of the change in the log, in 20 digits so that it sorts as text.",
    "partitionkey": "Source and subject: the record over all sources. Events of one are sent in order.",
    "method": "`DELETE`, in the events of deletions only.",
    "data": "The change.",
    "data.resource": "The resource.",
    "data.key": "The record's key, always text.",
    "data.parent_key": "Its parents' keys from the outermost, joined by `/`; empty where there is no parent.",
    "data.kind": "What happened.",
    "data.version": "1, 2, … per record.",
    "data.observed_after": "The last moment at which the old state is known to have been there; null: never seen.",
    "data.observed_at": "When the new state was seen. The change happened between the two.",
    "data.changed": "JSON Pointers of the fields that differ. Objects are walked, lists are compared whole.",
    "data.previous": "Pointer -> old value. A field that appeared is in `changed` and not here.",
    "data.document": "The record afterwards, secrets sealed; null where it is deleted.",
}

_KINDS: Mapping[Kind, str] = {
    Kind.SNAPSHOT: "Seen while the resource had not had a complete scan yet. Sent only where a route names the kind.",
    Kind.CREATED: "Seen for the first time later on.",
    Kind.UPDATED: "Something in it differs, volatile fields apart.",
    Kind.DELETED: "Absent, and confirmed to be.",
    Kind.RESTORED: "There again after it was deleted; compared with the last document that was known.",
}


def part() -> str:
    """An example, its members, and the kinds."""
    event = example()
    return "\n\n".join(
        [
            markdown.block("json", json.dumps(event, indent=2)),
            markdown.table(
                ("member", "example", "meaning"),
                [(markdown.code(name), _shown(value), _MEMBERS[name]) for name, value in _flat(event).items()],
            ),
            "### Kinds",
            markdown.table(
                ("`kind`", "what happened", "`changed`", "`previous`", "`document`", "`observed_after`"),
                [_kind(change) for change in samples().values()],
            ),
        ]
    )


def example() -> dict[str, Any]:
    """An update as it is sent."""
    return events.cloud_event(samples()[Kind.UPDATED], seq=1234, id=_EVENT_ID)


def samples() -> dict[Kind, Change]:
    """A change of each kind, of one record."""
    live = Stored(_ID, 2, _fingerprint(_BEFORE), _BEFORE, _SEEN, _SEEN, None)
    gone = replace(live, version=3, deleted_at=_SEEN)
    found = [
        _seen(_BEFORE, None, is_first=True),
        _seen(_BEFORE, None),
        _seen(_AFTER, live),
        diff.deletion(
            live, source="backoffice", resource=_PRODUCTS, observed_after=_SEEN, observed_at=_NOW, scan_id="1"
        ),
        _seen(_AFTER, gone),
    ]
    return {change.kind: change for change in found}


def _seen(document: Json, stored: Stored | None, *, is_first: bool = False) -> Change:
    change = diff.compare(
        _PRODUCTS,
        source="backoffice",
        known=Known(stored.version, stored.fingerprint, stored.deleted_at) if stored else None,
        stored=stored,
        record=Record(_ID, _fingerprint(document), fingerprint.canonical(document)),
        document=document,
        is_first=is_first,
        observed_after=_SEEN,
        observed_at=_NOW,
        scan_id="1",
    )
    if change is None:
        raise ValueError("a sample must differ")
    return change


def _fingerprint(document: Json) -> str:
    return fingerprint.fingerprint(_PRODUCTS, document)


def _flat(event: Mapping[str, Any]) -> dict[str, Json]:
    """The members of an update, with the one that only deletions have."""
    deletion = events.cloud_event(samples()[Kind.DELETED], seq=1234, id=_EVENT_ID)
    members = {**deletion, **event}
    return {
        **{name: "…" if name == "data" else members[name] for name in deletion},
        **{f"data.{name}": value for name, value in event["data"].items()},
    }


def _shown(value: Json) -> str:
    return markdown.code(value if isinstance(value, str) and value else json.dumps(value))


def _kind(change: Change) -> tuple[str, ...]:
    previous = {pointer: "the last document" if pointer == "" else old for pointer, old in change.previous.items()}
    return (
        markdown.code(change.kind),
        _KINDS[change.kind],
        _shown(list(change.changed)),
        _shown(previous),
        "null" if change.document is None else "the record",
        "null" if change.observed_after is None else "a moment",
    )
