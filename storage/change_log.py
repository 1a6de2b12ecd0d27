"""The change log as it is written: numbered without gaps in the order of the commits, each row with its digest.

Called by the scan step inside its transaction; `history.py` reads the log.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime

from changes import digests, fingerprint
from changes.records import Change, Id
from storage import driver_values, history, locks, sql
from storage.locks import Lock
from storage.session import Session

#: What PostgreSQL calls the types of the columns.
_TYPES = {
    "seq": "bigint",
    "id": "text",
    "source": "text",
    "resource": "text",
    "parent_key": "text",
    "key": "text",
    "version": "integer",
    "kind": "text",
    "changed": "jsonb",
    "previous": "jsonb",
    "document": "jsonb",
    "observed_after": "timestamptz",
    "observed_at": "timestamptz",
    "scan_id": "text",
    "salt": "text",
    "document_digest": "text",
    "previous_digest": "text",
    "digest": "text",
}
COLUMNS = tuple(_TYPES)


def lock(session: Session) -> None:
    """Keep the log to oneself until the transaction ends; needed by who touches the outbox before appending."""
    locks.take(session, Lock.LOG)


def append(
    session: Session,
    changes: Sequence[Change],
    *,
    canonical: Mapping[Id, bytes] | None = None,
    entropy: digests.Entropy = os.urandom,
) -> list[int]:
    """Append the changes; returns their numbers, ascending. `canonical`: documents that need not be encoded again."""
    if not changes:
        return []
    lock(session)
    # Numbered by what is there, so that a number which a transaction took back with it is given again: the log has no
    # gaps. Their order is that of the commits, so a reader who has seen a number never finds a lower one later.
    first = history.last_seq(session) + 1
    at_hand = canonical or {}
    of_time = driver_values.driver_time(session.dialect)
    # Most times of a page are the same, and so are the lists of what changed.
    times = dict[datetime | None, tuple[str | None, datetime | str | None]]()
    texts = dict[tuple[str, ...], str]()
    rows = []
    new_ids = digests.ids([change.observed_at for change in changes], entropy=entropy)
    new_salts = digests.salts(len(changes), entropy=entropy)
    for seq, (change, id_, salt) in enumerate(zip(changes, new_ids, new_salts, strict=True), first):
        source, resource, of_record, version, kind, changed, old, document, after, at, scan_id = change
        for moment in (after, at):
            if moment not in times:
                times[moment] = (digests.stamp(moment), of_time(moment))
        if changed not in texts:
            texts[changed] = driver_values.part_text(changed)
        form = None if document is None else at_hand.get(of_record) or fingerprint.canonical(document)
        # Only old values may be written in another form than the canonical one.
        previous = fingerprint.canonical(dict(old)) if old else b"{}"
        identity = (seq, id_, source, resource, *of_record, version, str(kind))
        document_digest = None if form is None else digests.salted(salt, form)
        previous_digest = digests.salted(salt, previous)
        (after_stamp, after_time), (at_stamp, at_time) = times[after], times[at]
        digest = digests.of_array(
            (*identity, changed, previous_digest, document_digest, after_stamp, at_stamp, scan_id)
        )
        rows.append(
            (
                *identity,
                texts[changed],
                previous.decode(),
                None if form is None else form.decode(),
                after_time,
                at_time,
                scan_id,
                salt.hex(),
                document_digest,
                previous_digest,
                digest,
            )
        )
    sql.add_rows(session, "mirrorpoint_change", _TYPES, rows)
    return list(range(first, first + len(changes)))
