"""Brings a database to what the program expects: bookkeeping tables by migration, mirrored tables by the catalogue.

Called once when a process starts, by worker/bootstrap.py; several at once do no harm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from changes.resources import ColumnType, Resource
from storage import existing, locks, mirror_columns, prepared, views
from storage.engine import Database
from storage.errors import DatabaseEmpty, DatabaseNewer, DatabaseOlder
from storage.locks import Lock
from storage.session import Session, unfit

if TYPE_CHECKING:
    from storage.from_log import Stamp, Stamps

#: The newest migration; here as well so that a start needs not import Alembic to learn that nothing is to do.
HEAD = "0014"
_MIGRATIONS = Path(__file__).parent / "migrations"

_START_ONCE = "reading commands change nothing: `mirrorpoint sync` or `check` brings it up, or the next start of `run`"


def no_stamps(_session: Session, _source: str, _resource: Resource) -> Stamp:
    """The next scan compares such rows with the log once more."""
    return lambda _seq, _document, _form: ""


def prepare(database: Database, resources: Mapping[str, Sequence[Resource]], *, stamps: Stamps = no_stamps) -> None:
    """Whatever is missing is made: tables of both kinds, views, and columns, filled from the stored documents.

    `resources` by their source: each fills its own rows of a table that several share. `stamps`: the fingerprints of
    records whose table is made anew; without them the next scan makes them. One query where nothing is missing.
    `DatabaseNewer` for a database of a later Mirrorpoint, `ColumnMismatch` where a table is not what the catalogue
    says; nothing is changed then.
    """
    united = mirror_columns.united_columns(each for of_source in resources.values() for each in of_source)
    wanted = {name: prepared.digest(name, columns) for name, columns in united.items()}
    to_fill = prepared.filled(resources)
    wanted_views = _view_digests(database.dialect)
    try:
        with database.read() as session:
            state = prepared.state(session, united)
    except unfit():
        state = {}  # no such tables: a new database
    if _is_ready(state, wanted | {name: each.digest for name, each in to_fill.items()} | wanted_views):
        return
    from storage import made_anew, mirror_upkeep  # a start that finds all there does not load them

    with database.write() as session:
        locks.wait_at_most(session, None)  # another process may fill columns of large tables
        locks.take(session, Lock.PREPARE)
        # Asked again: another process may have done it all while this one waited.
        has_version = existing.has_table(session, prepared.VERSION_TABLE)
        state = prepared.state(session, united) if has_version else {}
        if state.get(prepared.VERSION_TABLE) != HEAD:
            views.drop_all(session)
            _migrate(session, database, state.get(prepared.VERSION_TABLE))
            state = {name: digest for name, digest in state.items() if name not in wanted_views}
        stale = {name: united[name] for name, digest in wanted.items() if state.get(name) != digest}
        if stale:
            made = mirror_upkeep.bring_up(session, stale)
            prepared.note(session, {name: wanted[name] for name in stale})
            for name in made:
                made_anew.refill(session, name, resources, stamps=stamps)
        # One that has lost columns has them again, empty.
        unfilled = {
            name: each
            for name, each in to_fill.items()
            if state.get(name) != each.digest or each.resource.name in stale
        }
        for each in unfilled.values():
            mirror_upkeep.fill(session, each.source, each.resource)
        if unfilled:
            prepared.note(session, {name: each.digest for name, each in unfilled.items()})
        stale_views = {name: digest for name, digest in wanted_views.items() if state.get(name) != digest}
        if stale_views:
            views.make(session, stale_views)
            prepared.note(session, stale_views)


def check_readable(database: Database, resources: Sequence[Resource]) -> None:
    """Everything that is to be read is there; nothing is made. `DatabaseEmpty`, `DatabaseOlder` or `DatabaseNewer`."""
    united = mirror_columns.united_columns(resources)
    wanted = {name: prepared.digest(name, columns) for name, columns in united.items()}
    try:
        with database.read() as session:
            state = prepared.state(session, united)
            stale = {name: united[name] for name, digest in wanted.items() if state.get(name) != digest}
            lacking = _lacking(session, stale)
    except unfit():
        raise DatabaseEmpty(database.name) from None
    revision = state.get(prepared.VERSION_TABLE)
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
            f"{database.name} does not have what the catalogues name: {', '.join(lacking[:3])}{more}",
            f"{_START_ONCE}; a `run` that is up with these catalogues does so within seconds",
        )


def filled(session: Session, resources: Mapping[str, Mapping[str, Resource]]) -> set[tuple[str, str]]:
    """(source, resource) of those whose rows have their columns as the catalogue says; by the resource's name."""
    state = prepared.state(session, {})
    every = prepared.filled({source: of_source.values() for source, of_source in resources.items()})
    return {(each.source, each.resource.name) for name, each in every.items() if state.get(name) == each.digest}


def _lacking(session: Session, stale: Mapping[str, Mapping[str, ColumnType]]) -> list[str]:
    if not stale:
        return []
    from storage import mirror_upkeep

    return mirror_upkeep.lacking(session, stale)


def _is_ready(state: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return state.get(prepared.VERSION_TABLE) == HEAD and wanted.items() <= state.items()


def _view_digests(dialect: str) -> dict[str, str]:
    return {name: hashlib.sha256(texts[dialect].encode()).hexdigest()[:32] for name, texts in views.VIEWS.items()}


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
