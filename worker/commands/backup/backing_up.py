"""What `backup` and `restore` do, and how a seal key is replaced: whatever is done to a database as a whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from worker import output
from worker.commands import times
from worker.commands.acting import acting

if TYPE_CHECKING:
    from storage.backups import Progress
    from storage.engine import Database
    from worker.settings import Settings


def backup(settings: Settings, file: Path, *, wants_json: bool) -> None:
    """An action: its intent is in the backup, its outcome is not."""
    from storage import backup_postgresql, backup_sqlite, backups
    from worker import bootstrap

    file = file.expanduser().absolute()
    bootstrap.open_reading(settings).dispose()  # nothing is made where there is nothing to back up
    backups.refuse_existing(file)
    database = bootstrap.open_database(settings, prepare=False)
    try:
        with acting(database, "backup", target=str(file)) as action, _bar("backup", wants_json) as on_progress:
            if database.dialect == "sqlite":
                backup_sqlite.write(_file(database), file, on_progress=on_progress)
            else:
                backup_postgresql.write(database, file, on_progress=on_progress)
            size = file.stat().st_size
            action.outcome = f"done: {size} bytes"
    finally:
        database.dispose()
    if wants_json:
        output.document({"file": str(file), "bytes": size})
    else:
        output.say(f"wrote {file} ({size:,} bytes)")
        output.note(f"the seal key is not in it ({settings.storage.seal_key.reference}): keep it too, elsewhere")


def restore(settings: Settings, file: Path, *, wants_json: bool) -> None:
    """Looked through before and after; the action is written into the database that was restored."""
    from storage import backup_postgresql, backup_sqlite, backups, processes
    from storage.engine import Database
    from worker import at_work, bootstrap

    file = file.expanduser().absolute()
    catalogues, check_value = bootstrap.load_catalogues(settings), bootstrap.seal_key_check(settings)
    dated = times.now().strftime("before-%Y%m%dT%H%M%SZ")
    with at_work.run_kept_out(settings):
        _refuse_while_running(settings)
        database = Database(settings.storage.url)
        try:
            with _bar("restore", wants_json) as on_progress:
                if database.dialect == "sqlite":
                    place = _file(database)
                    kept = _free(place.with_name(f"{place.name}.{dated}"))
                    backups.check(file, backup_sqlite.facts(file), check_value=check_value)
                    has_kept = backup_sqlite.exchange(file, place, kept, on_progress=on_progress)
                else:
                    kept = _free(file.with_name(f"{database.url.database}.{dated}"))
                    backups.check(file, backup_postgresql.facts(database, file), check_value=check_value)
                    has_kept = backup_postgresql.exchange(file, database, kept, on_progress=on_progress)
        finally:
            database.dispose()
        database = bootstrap.open_database(settings, catalogues=catalogues)
        try:
            with database.write() as session:  # who was at work when it was backed up is not at work on it now
                processes.forget_silent(session, before=times.now())
            with acting(database, "restore", target=str(file)) as action:
                action.outcome = f"done: what was there is {kept}" if has_kept else "done: nothing was there"
        finally:
            database.dispose()
    if wants_json:
        output.document({"restored": str(file), "kept": str(kept) if has_kept else None})
        return
    output.say(f"restored {file}")
    if has_kept:
        output.say(f"what was there before is kept as {kept}")
    output.note("deliveries that were due then are due again; see the runbook on what receivers notice")


def accept_seal_key(settings: Settings) -> None:
    """The key that the configuration points to is the database's from now on."""
    from storage import former_rules, history, prepare
    from storage.engine import Database
    from worker import at_work, bootstrap

    bootstrap.open_vault(settings)
    with at_work.run_kept_out(settings):
        _refuse_while_running(settings)
        database = Database(settings.storage.url)
        try:
            prepare.prepare(database, {})  # an action needs its table
            with database.read() as session:
                last_seq = history.last_seq(session)
            target, arguments = "storage.seal_key", {"last_seq": last_seq}  # up to there secrets are sealed otherwise
            with acting(database, former_rules.SEAL_KEY, target=target, arguments=arguments):
                bootstrap.accept_seal_key(settings)
        finally:
            database.dispose()
    output.note('this seal key is the database\'s from now on; see the runbook, "Another seal key", on what it costs')


def _refuse_while_running(settings: Settings) -> None:
    """As far as the database can still be asked: a damaged one, or none, is what a restore is for."""
    from storage import errors
    from storage.engine import Database
    from storage.session import failures
    from worker import at_work

    database = Database(settings.storage.url, only_reads=True)
    try:
        at_work.refuse(database, now=times.now())
    except errors.DatabaseTrouble:
        if database.dialect != "sqlite":
            raise
    except failures():  # it has none of our tables
        return
    finally:
        database.dispose()


def _free(path: Path) -> Path:
    """That name, or the next one that nothing has."""
    names = itertools.chain([path], (path.with_name(f"{path.name}-{number}") for number in itertools.count(2)))
    return next(name for name in names if not name.exists())


def _file(database: Database) -> Path:
    return Path(str(database.url.database))


@contextmanager
def _bar(words: str, wants_json: bool) -> Iterator[Progress]:
    with output.progress(is_shown=not wants_json) as progress:
        bar = None if progress is None else progress.add_task(words, total=None)

        def show(done: int, whole: int) -> None:
            if progress is not None and bar is not None:
                progress.update(bar, completed=done, total=whole)

        yield show
