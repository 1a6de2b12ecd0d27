"""What a fault makes of a page that has been cut, and the envelopes that pages travel in, odd ones too;
the three APIs use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from sandbox.exchange import Answer
from sandbox.faults import Fault
from sandbox.fields import Json
from sandbox.records import Table, verbatim


@dataclass(slots=True)
class Page:
    """Encoded rows, and how many the source says there are."""

    rows: list[bytes]
    total: Json
    offset: int = 0  #: of the first row, as it was asked for
    is_empty_list: bool = False  #: no row stands elsewhere either


@dataclass(frozen=True, slots=True)
class Envelope:
    """Steps from the top of an answer to its rows and to its total; no steps to the rows: a bare array."""

    rows: tuple[str, ...] = ("data",)
    total: tuple[str, ...] = ("total",)


BARE = Envelope((), ())


def spoil(fault: Fault, table: Table, page: Page) -> None:
    settings = fault.settings
    match fault.kind:
        case "repeat":
            page.rows += page.rows[: int(settings.get("rows", 2))]
        case "hide":
            hidden = {str(key) for key in settings.get("keys", ())}
            page.rows = [row for row in page.rows if table.key_of(verbatim(row)) not in hidden]
        case "total" if settings.get("value") == "page":
            page.total = len(page.rows)


def answer(page: Page, faults: Sequence[Fault], envelope: Envelope = BARE) -> Answer:
    """The page in its envelope, or as an odd server would have it."""
    rows = b"[" + b",".join(page.rows) + b"]"
    for fault in faults:
        if fault.kind == "nothing_here" and not page.rows and (page.is_empty_list or fault.settings.get("behind")):
            return _nothing(fault, page.total, envelope)
        if fault.kind == "numbered" and page.offset >= int(fault.settings.get("from", 1)):
            rows = b"{" + b",".join(b'"%d":%s' % (page.offset + n, row) for n, row in enumerate(page.rows)) + b"}"
    return Answer(body=_enveloped(rows, page.total, envelope))


def _nothing(fault: Fault, total: Json, envelope: Envelope) -> Answer:
    """An empty list in other words: `null`, `object`, `missing`, `nothing`, or a status such as 204 or 404."""
    form = fault.settings.get("form", "null")
    if isinstance(form, int):
        return Answer(form, b"" if form == 204 else b'{"error":"nothing here"}')
    match form:
        case "null":
            return Answer(body=_enveloped(b"null", total, envelope))
        case "object":
            return Answer(body=_enveloped(b"{}", total, Envelope(envelope.rows, ())))
        case "missing":
            return Answer(body=_enveloped(None, total, envelope))
        case "nothing":
            return Answer(body=b"{}")
    raise ValueError(f"form: null, object, missing, nothing or a status is wanted, not {form!r}")


def _enveloped(rows: bytes | None, total: Json, envelope: Envelope) -> bytes:
    """`rows` are JSON, or something like it; None leaves them out, as no steps do with the total."""
    if not envelope.rows:
        return b"{}" if rows is None else rows
    document: dict[str, Json] = {}
    for steps, value in ((envelope.total, total), (envelope.rows, None if rows is None else orjson.Fragment(rows))):
        if not steps or (steps == envelope.rows and rows is None):
            continue
        inner = document
        for step in steps[:-1]:
            inner = inner.setdefault(step, {})
        inner[steps[-1]] = value
    return orjson.dumps(document)
