"""The generation of a source's rows in a mirrored table: how often some of them were changed or removed, by whomever.

The database counts it itself, by triggers. Rows that are added do not count: nothing that was known of others is wrong
by them. What Mirrorpoint writes itself is counted once more, as its own; the rest was somebody else. Used by the scan
step, which need not compare rows that nobody has touched since it compared them.
"""

# ruff: noqa: S608  # names come from the catalogue and are quoted; values are parameters
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from changes.resources import Resource
from storage import mirror_sql, sql
from storage.mirror_sql import quoted
from storage.session import Session

#: PostgreSQL's function behind the triggers. It runs as who has made it, in the schema where it was made: whoever may
#: write to a mirrored table needs no rights on ours.
COUNTING = """
    CREATE OR REPLACE FUNCTION mirrorpoint_count_generation() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path FROM CURRENT AS $$
    BEGIN
        IF TG_OP = 'TRUNCATE' THEN
            UPDATE mirrorpoint_generation SET generation = generation + 1 WHERE resource = TG_TABLE_NAME;
        ELSE
            UPDATE mirrorpoint_generation SET generation = generation + 1
            WHERE resource = TG_TABLE_NAME AND source IN (SELECT source FROM former);
        END IF;
        RETURN NULL;
    END
    $$;
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted of a source's rows in a mirrored table."""

    generation: int
    strange: int  #: how much of it was written by others
    settled: int | None = None  #: the same when all rows were compared with the change log last; None: they never were
    settled_at: datetime | None = None  #: when that was


def begin(session: Session, source: str, resource: str) -> Counted:
    """Have it counted from now on, if it is not yet; what is counted."""
    text = """
        SELECT generation, generation - own, settled, settled_at AS "settled_at [utc]" FROM mirrorpoint_generation
        WHERE source = :source AND resource = :resource
    """
    found = sql.first(session, text, source=source, resource=resource)
    if found is not None:
        return Counted(*found)
    new = """
        INSERT INTO mirrorpoint_generation (source, resource, generation, own) VALUES (:source, :resource, 1, 1)
        ON CONFLICT (source, resource) DO NOTHING
    """
    sql.change(session, new, source=source, resource=resource)
    return begin(session, source, resource)


def note_settled(session: Session, source: str, resource: str, *, strange: int, at: datetime) -> None:
    """All rows were compared with the change log; `strange`: what others had written before that began."""
    text = """
        UPDATE mirrorpoint_generation SET settled = :strange, settled_at = :at
        WHERE source = :source AND resource = :resource
    """
    sql.change(session, text, source=source, resource=resource, strange=strange, at=at)


def note_doubtful(session: Session, source: str, resource: str) -> None:
    """Whatever was counted, all rows are to be compared again."""
    text = "UPDATE mirrorpoint_generation SET settled_at = NULL WHERE source = :source AND resource = :resource"
    sql.change(session, text, source=source, resource=resource)


@dataclass(slots=True)
class Own:
    """The generation around what Mirrorpoint writes itself; 0 where it is not counted."""

    before: int
    after: int = 0


@contextmanager
def own(session: Session, source: str, resource: str) -> Iterator[Own]:
    """What is written to the mirror within, Mirrorpoint writes itself; nobody else can until this transaction ends.

    On PostgreSQL rows of other mirrored tables that the transaction reads for update are to be read before.
    """
    counted = Own(hold(session, source, resource))
    yield counted
    counted.after = now(session, source, resource)
    if counted.after > counted.before:
        text = """
            UPDATE mirrorpoint_generation SET own = own + :written WHERE source = :source AND resource = :resource
        """
        sql.change(session, text, source=source, resource=resource, written=counted.after - counted.before)


def now(session: Session, source: str, resource: str) -> int:
    """What it is; 0 where it is not counted."""
    return _read(session, source, resource)


def hold(session: Session, source: str, resource: str) -> int:
    """The same; nobody else can change it until this transaction ends, and so change or remove none of the rows."""
    if session.dialect == "sqlite":  # it has one writer, and this session is it
        return now(session, source, resource)
    # The table first, as all others take them: its triggers, and `watch`.
    session.execute(f"LOCK TABLE {quoted(resource, 'postgresql')} IN ROW EXCLUSIVE MODE")
    return _read(session, source, resource, behind="FOR UPDATE")


def _read(session: Session, source: str, resource: str, *, behind: str = "") -> int:
    text = f"SELECT generation FROM mirrorpoint_generation WHERE source = :source AND resource = :resource {behind}"
    found = sql.first(session, text, source=source, resource=resource)
    return 0 if found is None else int(found[0])


def live_count(session: Session, resource: Resource, source: str) -> tuple[int, int]:
    """How many records exist, and how much others have written, both at one moment."""
    mark, count = sql.mark(session.dialect), mirror_sql.texts_for(resource, session.dialect).count
    strange = f"SELECT generation - own FROM mirrorpoint_generation WHERE source = {mark} AND resource = {mark}"
    ((rows, written),) = sql.fetch(session, f"{count}, ({strange})", (source, source, source, resource.name))
    return int(rows), int(written or 0)


def make_counting(session: Session) -> None:
    """What the triggers call is there."""
    if session.dialect == "sqlite":
        return
    if sql.value(session, "SELECT to_regproc('mirrorpoint_count_generation')") is None:
        session.execute(COUNTING)


def watch(session: Session, table: str) -> None:
    """Have the mirrored table counted from now on, for all sources; what was known of its rows before is not known."""
    if session.dialect == "sqlite":
        literal = "'" + table.replace("'", "''") + "'"
        for event in ("UPDATE", "DELETE"):
            name = quoted(f"mirrorpoint_{event.lower()}_{table}", "sqlite")
            session.execute(f"DROP TRIGGER IF EXISTS {name}")  # it may hang on a table that was renamed
            session.execute(
                f"CREATE TRIGGER {name} AFTER {event} ON {quoted(table, 'sqlite')} BEGIN"
                " UPDATE mirrorpoint_generation SET generation = generation + 1"
                f" WHERE source = OLD.source AND resource = {literal}; END"
            )
    else:
        on = f"ON {quoted(table, 'postgresql')}"
        for event, former in (("UPDATE", True), ("DELETE", True), ("TRUNCATE", False)):
            name = f"mirrorpoint_{event.lower()}"
            rows = "REFERENCING OLD TABLE AS former " if former else ""
            session.execute(f"DROP TRIGGER IF EXISTS {name} {on}")
            session.execute(
                f"CREATE TRIGGER {name} AFTER {event} {on} {rows}"
                "FOR EACH STATEMENT EXECUTE FUNCTION mirrorpoint_count_generation()"
            )
    sql.change(
        session,
        "UPDATE mirrorpoint_generation SET generation = generation + 1 WHERE resource = :resource",
        resource=table,
    )
