"""Makes what is sent of a change or a notice: its subject, its partition key, its CloudEvent.

Called by the scan for what is owed, and by the delivery step for the event's body.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson

from changes import fingerprint, resources
from changes.records import Change, Id, Json, Kind

#: Who tells a notice.
_OURSELVES = "mirrorpoint"


def subject(resource: str, id: Id) -> str:  # noqa: A002
    """`products/42`, `product_currencies/42/7`; the record's key is escaped like those of its parents."""
    return "/".join(part for part in (resource, id.parent_key, resources.join_keys((id.key,))) if part)


def partition_key(*, source: str, resource: str, id: Id) -> str:  # noqa: A002
    """Names a record over all sources; events of one record are sent in order."""
    return f"{source}/{subject(resource, id)}"


def cloud_event(change: Change, *, seq: int, id: str) -> dict[str, Any]:  # noqa: A002  # the member's name
    """The CloudEvents 1.0 object that is sent to a point, as JSON; `id` is the change's, or that of a new telling."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": id,
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


def notice_partition_key(subject: str) -> str:
    """Notices about one subject are sent in order."""
    return f"{_OURSELVES}/{subject}"


def is_of_notice(partition_key: str) -> bool:
    """Whether notices have such partition keys; no source may be called like this program, so no record has one."""
    return partition_key.startswith(f"{_OURSELVES}/")


def notice_event(*, id: str, type: str, subject: str, at: datetime, data: Mapping[str, Json]) -> dict[str, Any]:  # noqa: A002
    """The same for a notice. It is in no log, so it has no `sequence`."""
    return {
        "specversion": "1.0",
        "id": id,
        "source": f"/{_OURSELVES}",
        "type": type,
        "subject": subject,
        "time": _zulu(at),
        "datacontenttype": "application/json",
        "partitionkey": notice_partition_key(subject),
        "data": dict(data),
    }


def body(event: dict[str, Json]) -> bytes:
    """The event as it is posted and signed."""
    try:
        return orjson.dumps(event)
    except TypeError:  # a number that is longer than usual, or a document nested as deep as is allowed
        return fingerprint.compact(event)


def _zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
