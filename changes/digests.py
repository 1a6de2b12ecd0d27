"""The digests of the record: what one change, or one action, comes to, in a form that an outsider can compute.

A change's digest covers its documents by digests of their own, each with the change's salt: content can be erased
and every digest stays, and a small document that was erased cannot be guessed. Called by storage when rows are written,
and by whoever computes them again from the rows.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from changes import fingerprint

#: Gives so many random bytes.
Entropy = Callable[[int], bytes]

SALT_BYTES = 16
_RANDOM_OF_AN_ID = 10
#: Two bits of a digit are the variant of RFC 9562, the other two are random.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def salts(number: int, *, entropy: Entropy = os.urandom) -> list[bytes]:
    """So many salts; one call of `entropy` for all of them."""
    drawn = entropy(SALT_BYTES * number)
    return [drawn[start : start + SALT_BYTES] for start in range(0, len(drawn), SALT_BYTES)]


def ids(moments: Sequence[datetime], *, entropy: Entropy = os.urandom) -> list[str]:
    """A UUIDv7 (RFC 9562) for each moment, which never fall: its milliseconds, the rest random; they ascend."""
    drawn = entropy(_RANDOM_OF_AN_ID * len(moments)).hex()
    heads: dict[datetime, str] = {}  # most moments of a page are the same
    found = []
    for number, moment in enumerate(moments):
        head = heads.get(moment)
        if head is None:
            stamped = f"{int(moment.timestamp() * 1000):012x}"
            head = heads[moment] = f"{stamped[:8]}-{stamped[8:]}-7"
        at = 2 * _RANDOM_OF_AN_ID * number
        found.append(
            f"{head}{drawn[at : at + 3]}-{_VARIANT[drawn[at + 3]]}{drawn[at + 4 : at + 7]}-{drawn[at + 7 : at + 19]}"
        )
    # In order, so that the index of ids grows at its end.
    return sorted(found)


def first_id(moment: datetime) -> str:
    """Every id of `ids` that is of an earlier moment is lower."""
    text = f"{int(moment.timestamp() * 1000):012x}"
    return f"{text[:8]}-{text[8:]}"


def salted(salt: bytes, form: bytes) -> str:
    """The digest of a value by its canonical form: SHA-256 over salt and form, as hexadecimal text."""
    return hashlib.sha256(salt + form).hexdigest()


def of_change(
    seq: int,
    id: str,  # noqa: A002  # the column's name
    source: str,
    resource: str,
    parent_key: str,
    key: str,
    version: int,
    kind: str,
    changed: Sequence[str],
    previous_digest: str | None,
    document_digest: str | None,
    observed_after: str | None,
    observed_at: str | None,
    scan_id: str,
) -> str:
    """The digest of a row of the change log, in the order of the array that is hashed; times as `stamp` writes them."""
    identity = (seq, id, source, resource, parent_key, key, version, kind)
    return of_array((*identity, changed, previous_digest, document_digest, observed_after, observed_at, scan_id))


def of_array(values: Sequence[Any]) -> str:
    """The same of the array that `of_change` makes of its arguments."""
    return hashlib.sha256(fingerprint.part(values)).hexdigest()


def of_action(
    *,
    id: int,  # noqa: A002  # the column's name
    of: int | None,
    at: str | None,
    who: str,
    how: str,
    what: str,
    target: str,
    arguments: Mapping[str, Any],
    outcome: str | None,
) -> str:
    """The digest of a row of `mirrorpoint_action`."""
    return hashlib.sha256(
        fingerprint.canonical([id, of, at, who, how, what, target, dict(arguments), outcome])
    ).hexdigest()


def stamp(moment: datetime | None) -> str | None:
    """`2026-11-03T09:55:00.123456Z`: always UTC, always six digits of the second."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
