"""The digests of stored rows, computed again from what the driver gives; the same rules as `changes/digests.py`.

Called with many rows at a time by whoever verifies the record. A row may hold anything: it is named, and nothing
fails. On SQLite documents are stored in their canonical form, so their text is hashed as it is: one that was written in
another form is noticed as well. PostgreSQL keeps values, which are put into that form again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from changes import digests, fingerprint
from storage import driver_values
from storage.log_rows import Row

#: Most times of many rows are the same.
_STAMPS_KEPT = 10_000
NEVER_WRITTEN = "it holds what Mirrorpoint never writes"
_OF_DOCUMENT = "its document does not match its digest"
_OF_PREVIOUS = "its previous values do not match their digest"
_OF_BOTH = "its salt, or both its document and its previous values, do not match their digests"
_OF_ROW = "what it says does not match its digest"
_NO_DOCUMENT = "its document is missing"
_NO_SALT = "its salt is missing, though its content is there"

_ODD = (TypeError, ValueError, AttributeError, LookupError, OverflowError)


class Looked(NamedTuple):
    """What many rows came to."""

    leaves: list[bytes]  #: hashes of the leaves, by the digests that the rows say
    bad: list[tuple[int, str]]  #: place among the rows, and what differs
    erased: list[int]  #: places of rows without content


def of_changes(rows: Sequence[Row], dialect: str) -> Looked:
    """Rows of the change log, as `log_rows` gives them."""
    stamp = _stamps(dialect)
    form = _text_form if dialect == "sqlite" else fingerprint.canonical
    part = orjson.Fragment if dialect == "sqlite" else _itself
    sha256, from_hex, written = hashlib.sha256, bytes.fromhex, fingerprint.part
    found = Looked([], [], [])
    leaves = found.leaves
    for place, row in enumerate(rows):
        (*identity, changed, previous, document, after, at, scan_id, salt, of_document, of_previous, digest) = row
        try:
            if salt is None:
                found.erased.append(place)
                is_right = document is None and _is_empty(previous)
                document_digest, previous_digest = of_document, of_previous
            else:
                grains = from_hex(salt)
                previous_digest = sha256(grains + form(previous)).hexdigest()
                document_digest = None if document is None else sha256(grains + form(document)).hexdigest()
                is_right = previous_digest == of_previous and document_digest == of_document and grains.hex() == salt
            values = [*identity, part(changed), previous_digest, document_digest, stamp(after), stamp(at), scan_id]
            if not is_right or sha256(written(values)).hexdigest() != digest:
                found.bad.append((place, _what(row, document_digest, previous_digest)))
        except _ODD:
            found.bad.append((place, NEVER_WRITTEN))
        leaves.append(_leaf(digest))
    return found


def of_actions(rows: Sequence[Row], dialect: str) -> Looked:
    """Rows of `mirrorpoint_action`."""
    stamp = _stamps(dialect)
    found = Looked([], [], [])
    for place, (number, of, at, who, how, what, target, arguments, outcome, digest) in enumerate(rows):
        try:
            if dialect == "sqlite":
                value = driver_values.parse(arguments)
                if fingerprint.canonical(value) != arguments.encode():
                    raise ValueError(arguments)
                arguments = value  # noqa: PLW2901
            computed = digests.of_action(
                id=number,
                of=of,
                at=stamp(at),
                who=who,
                how=how,
                what=what,
                target=target,
                arguments=arguments,
                outcome=outcome,
            )
            if computed != digest:
                found.bad.append((place, _OF_ROW))
        except _ODD:
            found.bad.append((place, NEVER_WRITTEN))
        found.leaves.append(_leaf(digest))
    return found


def _leaf(digest: Any) -> bytes:
    return hashlib.sha256(b"\x00" + str(digest).encode("utf-8", "surrogatepass")).digest()


def _text_form(text: str) -> bytes:
    return text.encode()


def _itself(value: Any) -> Any:
    return value


def _is_empty(previous: Any) -> bool:
    return previous in ("{}", {})


def _stamps(dialect: str) -> Callable[[Any], str | None]:
    """Makes of the driver's times what digests hold."""
    known: dict[Any, str | None] = {None: None}

    def stamp(moment: Any) -> str | None:
        if moment not in known:
            if len(known) > _STAMPS_KEPT:
                known.clear()
                known[None] = None
            known[moment] = digests.stamp(moment) if dialect != "sqlite" else _stamp_of_text(moment)
        return known[moment]

    return stamp


def _stamp_of_text(text: str) -> str:
    """ValueError for a time that is written otherwise than SQLite is given it."""
    parsed = datetime.fromisoformat(text)
    if parsed.isoformat(sep=" ", timespec="microseconds") != text:
        raise ValueError(text)
    return parsed.isoformat(timespec="microseconds") + "Z"


def _what(row: Row, document_digest: str | None, previous_digest: str | None) -> str:
    document, salt, of_document, of_previous = row[10], *row[14:17]
    if salt is None:
        is_whole = document is None and _is_empty(row[9])
        return _OF_ROW if is_whole else _NO_SALT
    is_document, is_previous = document_digest == of_document, previous_digest == of_previous
    if not is_document and not is_previous:
        return _OF_BOTH
    if not is_document:
        return _NO_DOCUMENT if document is None else _OF_DOCUMENT
    return _OF_ROW if is_previous else _OF_PREVIOUS
