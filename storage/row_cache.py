"""Remembers the rows of a list's pages by their bytes: a row that comes again unchanged need not be read again.

Called by the scan step. It is a memory only: if it is lost, or a part of it, some rows have to be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from storage import sql
from storage.session import Session

_COLUMNS = "source, resource, place, rule, marks, keys, fingerprints"


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of rows."""

    keys: Mapping[bytes, str]  #: mark of the row's bytes -> its key
    fingerprints: Mapping[str, str]  #: key -> fingerprint


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page."""

    place: int  #: rows before the first of them
    size: int  #: rows on the page, remembered or not
    memory: Memory


NOTHING = Memory({}, {})


def load(session: Session, source: str, resource: str, *, place: int, rule: str, mark_bytes: int) -> Memory:
    """What is remembered of the page that began at `place`; nothing if it was made by another rule."""
    mark = sql.mark(session.dialect)
    text = (
        "SELECT marks, keys, fingerprints FROM mirrorpoint_page "  # noqa: S608  # a placeholder
        f"WHERE source = {mark} AND resource = {mark} AND place = {mark} AND rule = {mark}"
    )
    rows = sql.fetch(session, text, (source, resource, place, rule))
    if not rows:
        return NOTHING
    marks, keys, fingerprints = rows[0][0], orjson.loads(rows[0][1]), orjson.loads(rows[0][2])
    cut = [marks[start : start + mark_bytes] for start in range(0, len(marks), mark_bytes)]
    return Memory(dict(zip(cut, keys, strict=True)), dict(zip(keys, fingerprints, strict=True)))


def keep(session: Session, source: str, resource: str, *, rule: str, pages: Sequence[Page]) -> None:
    """Remember these pages, and forget those that they replace."""
    mark = sql.mark(session.dialect)
    for page in pages:
        forget(session, source, resource, after=page.place, before=page.place + page.size - 1)
        keys = list(page.memory.keys.values())
        values = (
            source,
            resource,
            page.place,
            rule,
            b"".join(page.memory.keys),
            orjson.dumps(keys).decode(),
            orjson.dumps([page.memory.fingerprints[key] for key in keys]).decode(),
        )
        text = (
            f"INSERT INTO mirrorpoint_page ({_COLUMNS}) VALUES ({', '.join([mark] * len(values))}) "  # noqa: S608
            "ON CONFLICT (source, resource, place) DO UPDATE SET rule = excluded.rule, marks = excluded.marks, "
            "keys = excluded.keys, fingerprints = excluded.fingerprints"
        )
        session.execute(text, values)


def forget(session: Session, source: str, resource: str, *, after: int, before: int = 2**62) -> None:
    """Forget the pages that begin between the two places."""
    mark = sql.mark(session.dialect)
    text = (
        f"DELETE FROM mirrorpoint_page WHERE source = {mark} AND resource = {mark} "  # noqa: S608
        f"AND place > {mark} AND place < {mark}"
    )
    session.execute(text, (source, resource, after, before))
