"""Compares what the mirror holds with what was seen, and says what changed.

Called by the scan for every record whose fingerprint is not the known one, and for every record found absent.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from changes import fingerprint, pointers, sealing
from changes import unordered as orders
from changes.records import Change, Id, Json, Kind, Known, Record, Stored
from changes.resources import Resource

WHOLE = ("",)  #: the pointer to the whole document


def differences(
    before: Json, after: Json, *, volatile: tuple[str, ...] = (), unordered: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], dict[str, Json]]:
    """The pointers to what differs, sorted, and the old value of each that had one.

    Objects are walked, lists are compared whole. 1 and 1.0 are equal; 1, "1" and true are not.
    """
    paths, passes = pointers.compiled(volatile), orders.passes(unordered)
    stable_before, stable_after = (
        orders.settled(pointers.parted(document, paths)[0], passes, fingerprint.canonical)
        for document in (before, after)
    )
    changed = _differing(stable_before, stable_after)
    # Old values come from the document itself, so that a member that vanishes is told whole, with its volatile parts.
    return tuple(sorted(changed)), {
        pointer: pointers.resolved(before, pointer) for pointer in changed if changed[pointer]
    }


def _differing(before: Json, after: Json) -> dict[str, bool]:
    """The pointers that differ -> whether there was a value before."""
    found: dict[str, bool] = {}

    def walk(old: dict[str, Json], new: dict[str, Json], here: str) -> None:
        for name, value in old.items():
            if name not in new:
                found[f"{here}/{pointers.escape(name)}"] = True
            elif isinstance(value, dict) and isinstance(new[name], dict):
                walk(value, new[name], f"{here}/{pointers.escape(name)}")
            elif not _are_equal(value, new[name]):
                found[f"{here}/{pointers.escape(name)}"] = True
        for name in new.keys() - old.keys():
            found[f"{here}/{pointers.escape(name)}"] = False

    if isinstance(before, dict) and isinstance(after, dict):
        walk(before, after, "")
    elif not _are_equal(before, after):
        found[""] = True
    return found


def _are_equal(a: Json, b: Json) -> bool:
    if type(a) is type(b) and not isinstance(a, list):
        return bool(a == b)
    # Python's == takes true for 1, also deep inside a list.
    return bool(a == b) and (repr(a) == repr(b) or fingerprint.canonical(a) == fingerprint.canonical(b))


def compare(
    resource: Resource,
    *,
    source: str,
    known: Known | None,
    stored: Stored | None,
    record: Record,
    document: Json,
    is_first: bool,
    observed_after: datetime | None,
    observed_at: datetime,
    scan_id: str,
) -> Change | None:
    """The change that a seen record makes, or None; `document` is the record's canonical form parsed.

    `stored` is needed if the record is known and its fingerprint means something else. `is_first`: the resource has
    had no complete scan. None with another fingerprint means: refresh the row, and tell nobody.
    """
    if known is None:
        first = firsts(resource, source, is_first=is_first, observed_at=observed_at, scan_id=scan_id)
        return first(record.id, document, observed_after)
    if known.deleted_at is None and fingerprint.same_meaning(known.fingerprint, record.fingerprint):
        return None
    if stored is None:
        raise ValueError(f"{resource.name} {record.id}: the stored document is needed to compare")
    changed: tuple[str, ...] = WHOLE
    previous: dict[str, Json] = {}
    if stored.document is None:  # erased: nobody knows what it was, so nobody can say what has changed
        kind = Kind.RESTORED
    else:
        same_rule = fingerprint.same_rule(known.fingerprint, record.fingerprint)
        changed, previous = _told(resource, stored.document, document, same_rule=same_rule)
        if known.deleted_at is None and not changed:
            return None
        kind = Kind.UPDATED if known.deleted_at is None else Kind.RESTORED
    if kind is Kind.RESTORED and is_first:  # the resource has begun anew: nobody was told of the record yet
        kind, changed, previous = Kind.SNAPSHOT, WHOLE, {}
    return Change(
        source=source,
        resource=resource.name,
        id=record.id,
        version=known.version + 1,
        kind=kind,
        changed=changed,
        previous=previous,
        document=document,
        observed_after=None if kind is Kind.SNAPSHOT else observed_after,
        observed_at=observed_at,
        scan_id=scan_id,
    )


def firsts(
    resource: Resource, source: str, *, is_first: bool, observed_at: datetime, scan_id: str
) -> Callable[[Id, Json, datetime | None], Change]:
    """Makes the changes of records that the mirror has never had: of an id, its document and `observed_after`."""
    kind, name = (Kind.SNAPSHOT if is_first else Kind.CREATED), resource.name

    def change_of(of_record: Id, document: Json, observed_after: datetime | None) -> Change:
        after = None if is_first else observed_after
        return Change(source, name, of_record, 1, kind, WHOLE, {}, document, after, observed_at, scan_id)

    return change_of


def is_same(resource: Resource, stored: Stored, record: Record, document: Json) -> bool:
    """Whether a seen record is as it is stored, even if the two fingerprints were made by different rules."""
    if fingerprint.same_rule(stored.fingerprint, record.fingerprint):
        return fingerprint.same_meaning(stored.fingerprint, record.fingerprint)
    return not _told(resource, stored.document, document, same_rule=False)[0]


def fields(resource: Resource, before: Json, after: Json, *, same_rule: bool = True) -> tuple[str, ...]:
    """Which fields a change from one document to the other would name; `same_rule`: of their fingerprints."""
    return _told(resource, before, after, same_rule=same_rule)[0]


def _told(resource: Resource, before: Json, after: Json, *, same_rule: bool) -> tuple[tuple[str, ...], dict[str, Json]]:
    if same_rule:
        return differences(before, after, volatile=resource.volatile, unordered=resource.unordered)
    # A document stored under another list of secrets may hold one in clear that is sealed now, or the reverse. To tell
    # that as a change would leak it to the log and send an event for every record: secrets are left out this once.
    secrets = pointers.compiled(resource.secrets)
    before, _ = pointers.parted(before, secrets, is_strict=True)
    after, _ = pointers.parted(after, secrets, is_strict=True)
    changed, previous = differences(before, after, volatile=resource.volatile, unordered=resource.unordered)
    unsealed = {pointer for pointer, old in previous.items() if sealing.is_sealed(old)}
    return (
        tuple(pointer for pointer in changed if pointer not in unsealed),
        {pointer: old for pointer, old in previous.items() if pointer not in unsealed},
    )


def deletion(
    stored: Stored,
    *,
    source: str,
    resource: Resource,
    observed_after: datetime | None,
    observed_at: datetime,
    scan_id: str,
) -> Change:
    """The change that the confirmed absence of a record makes."""
    last = stored.document
    if not fingerprint.same_rule(stored.fingerprint, fingerprint.prefix(resource)):
        # It was stored under another list of secrets: what is a secret now may not have been sealed then.
        last = pointers.rewritten(last, pointers.compiled(resource.secrets), _only_sealed)
    return Change(
        source=source,
        resource=resource.name,
        id=stored.id,
        version=stored.version + 1,
        kind=Kind.DELETED,
        changed=WHOLE,
        previous={} if last is None else {"": last},  # None: it was erased
        document=None,
        observed_after=observed_after,
        observed_at=observed_at,
        scan_id=scan_id,
    )


def _only_sealed(_: str, secret: Json) -> Json:
    return secret if secret is None or secret == "" or sealing.is_sealed(secret) else pointers.LEFT_OUT
