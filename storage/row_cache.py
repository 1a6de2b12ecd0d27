"""Remembers the rows of a list's pages by their bytes: a row that comes again unchanged need not be read again.

Called by the scan step. It is a memory only: if it is lost, or a part of it, some rows have to be read.
"""

# ruff: noqa: S608  # placeholders; values are parameters
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from storage import sql
from storage.session import Session

_COLUMNS = ("source", "resource", "place", "rule", "whole", "seen", "keys", "marks", "fingerprints")
_WHERE = "WHERE source = {0} AND resource = {0} AND place = {0} AND rule = {0}"
_GENERATION = "(SELECT generation FROM mirrorpoint_generation WHERE source = {0} AND resource = {0})"


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of rows."""

    keys: Mapping[bytes, str]  #: mark of the row's bytes -> its key
    fingerprints: Mapping[str, str]  #: key -> fingerprint
    whole: bytes = b""  #: mark of the bytes of all rows of the page, if all of them are remembered
    generation: int = 0  #: of the mirror (`generations.py`) when this was read


@dataclass(frozen=True, slots=True)
class WholePage:
    """What is needed of a page that came as it was."""

    keys: Sequence[str]  #: of its rows, in order
    seen: bytes  #: what `seen_ids.packed` makes of them
    generation: int


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page."""

    place: int  #: rows before the first of them
    size: int  #: rows on the page, remembered or not
    memory: Memory
    seen: bytes = b""  #: of all rows, where the page is remembered as a whole


@dataclass(frozen=True, slots=True)
class Compared:
    """The pages of the last complete scan of a list, whose rows the mirror had just so then."""

    rule: str
    generation: int  #: of the mirror at its end
    pages: bytes  #: what the scan step knows them by


NOTHING = Memory({}, {})


def load_whole(
    session: Session, source: str, resource: str, *, place: int, rule: str, whole: bytes
) -> WholePage | None:
    """The page that began at `place`, if all its rows had these bytes."""
    mark = sql.mark(session.dialect)
    text = f"SELECT seen, keys, {_GENERATION} FROM mirrorpoint_page {_WHERE} AND whole = {{0}}".format(mark)
    rows = sql.fetch(session, text, (source, resource, source, resource, place, rule, whole))
    return WholePage(orjson.loads(rows[0][1]), rows[0][0], rows[0][2] or 0) if rows else None


def load(session: Session, source: str, resource: str, *, place: int, rule: str, mark_bytes: int) -> Memory:
    """What is remembered of the page that began at `place`; nothing if it was made by another rule."""
    mark = sql.mark(session.dialect)
    text = f"SELECT whole, {_GENERATION}, keys, marks, fingerprints FROM mirrorpoint_page {_WHERE}".format(mark)
    rows = sql.fetch(session, text, (source, resource, source, resource, place, rule))
    if not rows:
        return NOTHING
    whole, generation, keys, marks, fingerprints = rows[0]
    keys, fingerprints = orjson.loads(keys), orjson.loads(fingerprints)
    cut = [marks[start : start + mark_bytes] for start in range(0, len(marks), mark_bytes)]
    by_mark, by_key = dict(zip(cut, keys, strict=True)), dict(zip(keys, fingerprints, strict=True))
    return Memory(by_mark, by_key, whole or b"", generation or 0)


def keep(session: Session, source: str, resource: str, *, rule: str, pages: Sequence[Page]) -> None:
    """Remember these pages, and forget those that they replace."""
    mark = sql.mark(session.dialect)
    text = (
        f"INSERT INTO mirrorpoint_page ({', '.join(_COLUMNS)}) VALUES ({', '.join([mark] * len(_COLUMNS))}) "
        "ON CONFLICT (source, resource, place) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[3:])
    )
    for page in pages:
        forget(session, source, resource, after=page.place, before=page.place + page.size - 1)
        keys = list(page.memory.keys.values())
        values = (
            source,
            resource,
            page.place,
            rule,
            page.memory.whole or None,
            page.seen,
            orjson.dumps(keys).decode(),
            b"".join(page.memory.keys),
            orjson.dumps([page.memory.fingerprints[key] for key in keys]).decode(),
        )
        session.execute(text, values)


def forget(session: Session, source: str, resource: str, *, after: int, before: int = 2**62) -> None:
    """Forget the pages that begin between the two places."""
    mark = sql.mark(session.dialect)
    text = (
        f"DELETE FROM mirrorpoint_page WHERE source = {mark} AND resource = {mark} "
        f"AND place > {mark} AND place < {mark}"
    )
    session.execute(text, (source, resource, after, before))


def last_compared(session: Session, source: str, resource: str) -> Compared | None:
    """What the last complete scan has left, if any."""
    text = "SELECT rule, generation, pages FROM mirrorpoint_compared WHERE source = :source AND resource = :resource"
    row = sql.first(session, text, source=source, resource=resource)
    return None if row is None else Compared(*row)


def note_compared(session: Session, source: str, resource: str, new: Compared) -> None:
    """Leave it for the next scan."""
    text = """
        INSERT INTO mirrorpoint_compared (source, resource, rule, generation, pages)
        VALUES (:source, :resource, :rule, :generation, :pages)
        ON CONFLICT (source, resource) DO UPDATE
        SET rule = excluded.rule, generation = excluded.generation, pages = excluded.pages
    """
    values = {"rule": new.rule, "generation": new.generation, "pages": new.pages}
    sql.change(session, text, source=source, resource=resource, **values)


def forget_all(session: Session, source: str, resource: str) -> None:
    """Forget all pages of the list."""
    forget(session, source, resource, after=-1)
    text = "DELETE FROM mirrorpoint_compared WHERE source = :source AND resource = :resource"
    sql.change(session, text, source=source, resource=resource)
