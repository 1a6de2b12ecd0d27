"""Brings a database to what the program expects: bookkeeping tables by migration, mirrored tables by the catalogue.

Called once when a process starts, by worker/bootstrap.py; several at once do no harm.
"""

# ruff: noqa: S608  # no values in the texts
from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from changes import fingerprint
from changes.resources import ColumnType, Resource
from storage import existing, locks, mirror_columns, sql, views
from storage.engine import Database
from storage.errors import DatabaseEmpty, DatabaseNewer, DatabaseOlder
from storage.locks import Lock
from storage.session import Session, unfit

if TYPE_CHECKING:
    from storage.from_log import Stamp, Stamps

#: The newest migration; here as well so that a start needs not import Alembic to learn that nothing is to do.
HEAD = "0013"
VERSION_TABLE = "mirrorpoint_version"
#: Raised when mirrored tables get other columns, indexes or triggers than before, so that all are looked at again.
_TABLES_RULE = 2
#: Raised when more values convert than before, so that the columns of rows that stay as they are get theirs too.
_COLUMNS_RULE = 1
#: A table that somebody else is using is mended later.
MEND_SECONDS = 3
_MIGRATIONS = Path(__file__).parent / "migrations"

_START_ONCE = "reading commands change nothing: `mirrorpoint sync` or `check` brings it up, or the next start of `run`"

_STATE = f"SELECT '{VERSION_TABLE}', version_num, NULL FROM {VERSION_TABLE} UNION ALL SELECT p.name, p.digest, "
_STATES = {
    # Joined with the tables that are there and counted, so that one that somebody has dropped, or that has lost columns
    # or triggers, is brought up again. The last column says how many columns it has.
    "sqlite": _STATE
    + """CASE WHEN p.name = m.name AND m.type = 'table' THEN (SELECT count(*) FROM pragma_table_info(m.name)) END
        FROM mirrorpoint_prepared p JOIN sqlite_master m
        ON m.type IN ('table', 'view') AND m.name = substr(p.name, 1, instr(p.name || '/', '/') - 1)
        WHERE m.type = 'view' OR m.name IN (
            SELECT tbl_name FROM sqlite_master
            WHERE type = 'trigger' AND name IN ('mirrorpoint_update_' || tbl_name, 'mirrorpoint_delete_' || tbl_name)
            GROUP BY tbl_name HAVING count(*) = 2)
    """,
    "postgresql": _STATE
    + """CASE WHEN p.name = c.relname AND c.relkind <> 'v' THEN (
            SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) END
        FROM mirrorpoint_prepared p JOIN pg_class c
        ON c.relname = split_part(p.name, '/', 1) AND c.relkind IN ('r', 'p', 'v') AND pg_table_is_visible(c.oid)
        WHERE c.relkind = 'v' OR 3 = (
            SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled <> 'D'
                AND t.tgname IN ('mirrorpoint_update', 'mirrorpoint_delete', 'mirrorpoint_truncate'))
    """,
}


def prepare(database: Database, resources: Mapping[str, Sequence[Resource]], *, stamps: Stamps | None = None) -> None:
    """Whatever is missing is made: tables of both kinds, views, and columns, filled from the stored documents.

    `resources` by their source: each fills its own rows of a table that several share. `stamps`: the fingerprints of
    records whose table is made anew; without them the next scan makes them. One query where nothing is missing.
    `DatabaseNewer` for a database of a later Mirrorpoint, `ColumnMismatch` where a table is not what the catalogue
    says; nothing is changed then.
    """
    united = mirror_columns.united_columns(each for of_source in resources.values() for each in of_source)
    wanted = {name: _digest(name, columns) for name, columns in united.items()}
    filled = {
        f"{each.name}/{source}": (source, each, _filled_digest(each))
        for source, of_source in resources.items()
        for each in of_source
    }
    wanted_views = _view_digests(database.dialect)
    try:
        with database.read() as session:
            state = _state(session, united)
    except unfit():
        state = {}  # no such tables: a new database
    if _is_ready(state, wanted | {name: digest for name, (_, _, digest) in filled.items()} | wanted_views):
        return
    from storage import mirror_upkeep  # a start that finds all there does not load it

    with database.write() as session:
        locks.wait_at_most(session, None)  # another process may fill columns of large tables
        locks.take(session, Lock.PREPARE)
        # Asked again: another process may have done it all while this one waited.
        has_version = existing.has_table(session, VERSION_TABLE)
        state = _state(session, united) if has_version else {}
        if state.get(VERSION_TABLE) != HEAD:
            views.drop_all(session)
            _migrate(session, database, state.get(VERSION_TABLE))
            state = {name: digest for name, digest in state.items() if name not in wanted_views}
        stale = {name: united[name] for name, digest in wanted.items() if state.get(name) != digest}
        if stale:
            made = mirror_upkeep.bring_up(session, stale)
            _note_prepared(session, {name: wanted[name] for name in stale})
            for name in made:
                _refill(session, name, resources, stamps)
        # One that has lost columns has them again, empty.
        unfilled = {name: each for name, each in filled.items() if state.get(name) != each[2] or each[1].name in stale}
        for source, resource, _ in unfilled.values():
            mirror_upkeep.fill(session, source, resource)
        if unfilled:
            _note_prepared(session, {name: digest for name, (_, _, digest) in unfilled.items()})
        stale_views = {name: digest for name, digest in wanted_views.items() if state.get(name) != digest}
        if stale_views:
            views.make(session, stale_views)
            _note_prepared(session, stale_views)


class Mended(NamedTuple):
    """Mirrored tables that somebody had dropped or damaged."""

    made: Mapping[str, int]  #: those that were gone, and how many records they have
    completed: Sequence[str]  #: those that had lost columns or triggers


def mend(database: Database, resources: Mapping[str, Sequence[Resource]], *, stamps: Stamps) -> Mended:
    """Mirrored tables that somebody has dropped or damaged since the start are whole again, from log and documents.

    Three queries where nothing is missing. `DatabaseTrouble` where such a table is in use: it is to be tried again.
    What another process has brought up for another configuration stays as it is.
    """
    united = mirror_columns.united_columns(each for of_source in resources.values() for each in of_source)
    with database.read() as session:
        if not _damaged(session, united):
            return Mended({}, ())
    from storage import mirror_upkeep

    with database.write() as session:
        locks.wait_at_most(session, MEND_SECONDS)  # whoever waits to change a table keeps all others from reading it
        locks.take(session, Lock.PREPARE)
        damaged = {name: united[name] for name in _damaged(session, united)}
        made = mirror_upkeep.bring_up(session, damaged)
        digests = {name: _digest(name, united[name]) for name in made}
        completed = [name for name in damaged if name not in made]
        for source, of_source in resources.items():
            digests |= {f"{each.name}/{source}": _filled_digest(each) for each in of_source if each.name in made}
            for each in of_source:
                if each.name in completed:
                    mirror_upkeep.fill(session, source, each)
        _note_prepared(session, digests)
        return Mended({name: _refill(session, name, resources, stamps) for name in made}, completed)


def _damaged(session: Session, united: Mapping[str, Mapping[str, ColumnType]]) -> list[str]:
    """Those that are gone, and those that were once as they are wanted and are no more."""
    there, state = existing.tables(session), _state(session, united)
    rows = session.execute("SELECT name, digest FROM mirrorpoint_prepared")
    were = {name for name, digest in rows if name in united and digest == _digest(name, united[name])}
    return [name for name in united if name not in there or (name in were and name not in state)]


def _refill(session: Session, made: str, resources: Mapping[str, Sequence[Resource]], stamps: Stamps | None) -> int:
    """The table that was just made holds what the log has of its records; how many they are."""
    from storage import made_anew

    return made_anew.refill(session, made, resources, stamps=stamps or _no_stamps, now=datetime.now(UTC))


def _no_stamps(_session: Session, _source: str, _resource: Resource) -> Stamp:
    """The next scan compares such rows with the log once more."""
    return lambda _seq, _document, _form: ""


def check_readable(database: Database, resources: Sequence[Resource]) -> None:
    """Everything that is to be read is there; nothing is made. `DatabaseEmpty`, `DatabaseOlder` or `DatabaseNewer`."""
    united = mirror_columns.united_columns(resources)
    wanted = {name: _digest(name, columns) for name, columns in united.items()}
    try:
        with database.read() as session:
            state = _state(session, united)
            stale = {name: united[name] for name, digest in wanted.items() if state.get(name) != digest}
            lacking = _lacking(session, stale)
    except unfit():
        raise DatabaseEmpty(database.name) from None
    revision = state.get(VERSION_TABLE)
    if revision != HEAD:
        if revision is None or revision > HEAD:
            raise _newer(database, revision)
        raise DatabaseOlder(
            f"{database.name} was made by an older Mirrorpoint (revision {revision}, this one reads {HEAD})",
            _START_ONCE,
        )
    if lacking:
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        raise DatabaseOlder(
            f"{database.name} does not have what the catalogues name: {', '.join(lacking[:3])}{more}", _START_ONCE
        )


def filled(session: Session, resources: Mapping[str, Mapping[str, Resource]]) -> set[tuple[str, str]]:
    """(source, resource) of those whose rows have their columns as the catalogue says; by the resource's name."""
    state = _state(session, {})
    return {
        (source, name)
        for source, of_source in resources.items()
        for name, each in of_source.items()
        if state.get(f"{name}/{source}") == _filled_digest(each)
    }


def _lacking(session: Session, stale: Mapping[str, Mapping[str, ColumnType]]) -> list[str]:
    if not stale:
        return []
    from storage import mirror_upkeep

    return mirror_upkeep.lacking(session, stale)


def _state(session: Session, united: Mapping[str, Mapping[str, ColumnType]]) -> dict[str, str]:
    """The version table's revision and each mirrored table's digest, by table; without those that have lost columns."""
    widths = {name: len(mirror_columns.all_columns(typed)) for name, typed in united.items()}
    rows = session.execute(_STATES[session.dialect])
    return {name: value for name, value, width in rows if width is None or width >= widths.get(name, 0)}


def _is_ready(state: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return state.get(VERSION_TABLE) == HEAD and wanted.items() <= state.items()


def _digest(name: str, columns: Mapping[str, ColumnType]) -> str:
    return hashlib.sha256(fingerprint.canonical([_TABLES_RULE, name, dict(columns)])).hexdigest()[:32]


def _filled_digest(resource: Resource) -> str:
    """From which members a source's rows have their columns."""
    return hashlib.sha256(fingerprint.canonical([_COLUMNS_RULE, dict(resource.columns)])).hexdigest()[:32]


def _view_digests(dialect: str) -> dict[str, str]:
    return {name: hashlib.sha256(texts[dialect].encode()).hexdigest()[:32] for name, texts in views.VIEWS.items()}


def _note_prepared(session: Session, digests: Mapping[str, str]) -> None:
    mark = sql.mark(session.dialect)
    text = f"""
        INSERT INTO mirrorpoint_prepared (name, digest) VALUES ({mark}, {mark})
        ON CONFLICT (name) DO UPDATE SET digest = excluded.digest
    """
    session.execute(text, list(digests.items()))


def _newer(database: Database, revision: str | None) -> DatabaseNewer:
    return DatabaseNewer(
        f"{database.name} was made by a newer Mirrorpoint (revision {revision}, this one knows {HEAD})",
        "upgrade the program, or give storage.url another database",
    )


def _migrate(session: Session, database: Database, revision: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    if revision is not None:
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if revision not in known:
            raise _newer(database, revision)
    config.attributes["connection"] = session.sqlalchemy()
    command.upgrade(config, "head")
