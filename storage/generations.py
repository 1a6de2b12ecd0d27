"""The generation of a source's rows in a mirrored table: how often some of them were changed or removed, by whomever.

The database counts it itself, by triggers. Rows that are added do not count: nothing that was known of others is wrong
by them. Used by the scan step, which need not compare rows that nobody has touched since it compared them.
"""

# ruff: noqa: S608  # names come from the catalogue and are quoted; values are parameters
from __future__ import annotations

from storage import sql
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


def begin(session: Session, source: str, resource: str) -> int:
    """Have it counted from now on, if it is not yet; what it is."""
    text = """
        INSERT INTO mirrorpoint_generation (source, resource, generation) VALUES (:source, :resource, 1)
        ON CONFLICT (source, resource) DO NOTHING
    """
    sql.change(session, text, source=source, resource=resource)
    return now(session, source, resource)


def now(session: Session, source: str, resource: str, *, holds: bool = False) -> int:
    """What it is; 0 where it is not counted. `holds`: nobody else can change it until this transaction ends."""
    text = "SELECT generation FROM mirrorpoint_generation WHERE source = :source AND resource = :resource"
    if holds and session.dialect == "postgresql":  # SQLite has one writer, and this session is it
        # The table first, as all others take them: its triggers, and `watch`.
        session.execute(f"LOCK TABLE {quoted(resource, 'postgresql')} IN ROW EXCLUSIVE MODE")
        text += " FOR UPDATE"
    found = sql.first(session, text, source=source, resource=resource)
    return 0 if found is None else int(found[0])


def watch(session: Session, table: str) -> None:
    """Have the mirrored table counted from now on, for all sources; what was known of its rows before is not known."""
    if session.dialect == "sqlite":
        literal = "'" + table.replace("'", "''") + "'"
        for event in ("UPDATE", "DELETE"):
            name = quoted(f"mirrorpoint_{event.lower()}_{table}", "sqlite")
            session.execute(
                f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON {quoted(table, 'sqlite')} BEGIN"
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
