"""What `points test` sends: a bare test event, or one like a real one that no receiver can take for real."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from changes import written
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from changes.records import Change, Json
    from storage.session import Session
    from worker.commands.selecting import Catalogues


def bare(code: str, *, now: datetime) -> dict[str, Any]:
    """Of the type `mirrorpoint.test`; it belongs to no record."""
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/mirrorpoint",
        "type": "mirrorpoint.test",
        "subject": f"points/{code}",
        "time": written.stamp(now),
        "datacontenttype": "application/json",
        "data": {"point": code, "message": "a test of this point; nothing has changed"},
    }


def like(session: Session, catalogues: Catalogues, type_: str, *, now: datetime) -> tuple[dict[str, Any], str]:
    """The event, and where it is from in a person's words; UsageError where nothing of the kind can be made.

    A receiver that leaves out repetitions remembers ids, or the last version of a `partitionkey`, or the last
    `sequence`. The id is new, the key no record's and the sequence below all others: nothing real is missed for it.
    """
    from changes import events
    from storage import history

    resource, kind = _parsed(type_, catalogues)
    row = history.newest(session, resource, [kind])
    if row is not None:
        change, origin = history.change_of(row), f"change {row.seq:,} of the log"
    else:
        change = _believable(session, resource, kind, now=now)
        origin = f"made up from {resource}/{change.id.key}, since the log has no such change"
    event = events.cloud_event(change, seq=0, id=str(uuid.uuid4()))
    event["partitionkey"] = f"mirrorpoint.test/{event['partitionkey']}"
    event["data"]["test"] = True
    return event, origin


def _parsed(type_: str, catalogues: Catalogues) -> tuple[str, str]:
    from changes.records import Kind

    resource, _, kind = type_.rpartition(".")
    kinds = [each.value for each in Kind]
    if not resource or kind not in kinds:
        raise UsageError(f'--like "{type_}" is no type of an event', f"RESOURCE.KIND; kinds are {', '.join(kinds)}")
    known = {name for catalogue in catalogues.values() for name in catalogue.resources}
    if resource not in known:
        raise UsageError(f'there is no resource "{resource}"', did_you_mean(resource, known))
    return resource, kind


def _believable(session: Session, resource: str, kind: str, *, now: datetime) -> Change:
    """As if this had just happened to the record that was seen to change last."""
    from changes.records import Kind
    from storage import history

    row = history.newest(session, resource, [each for each in Kind if each != Kind.DELETED])
    if row is None:
        raise UsageError(
            f"there is no record of {resource} yet whose content is known", f"`mirrorpoint sync {resource}` reads them"
        )
    changed, previous = _differences(kind, row.document)
    return history.change_of(row)._replace(
        version=row.version + 1,
        kind=Kind(kind),
        changed=changed,
        previous=previous,
        document=None if kind == Kind.DELETED else row.document,
        observed_after=None if kind == Kind.SNAPSHOT else row.observed_at,
        observed_at=now,
    )


def _differences(kind: str, document: Json) -> tuple[tuple[str, ...], dict[str, Json]]:
    """`changed` and `previous` as a change of that kind has them; an update is one of the first member."""
    from changes import pointers
    from changes.records import Kind

    if kind == Kind.DELETED:
        return ("",), {"": document}
    if kind == Kind.UPDATED and isinstance(document, dict) and document:
        name = next((name for name, value in document.items() if isinstance(value, str) and name != "id"), None)
        name = name if name is not None else next(iter(document))
        pointer = f"/{pointers.escape(name)}"
        return (pointer,), {pointer: None}
    return ("",), {}
