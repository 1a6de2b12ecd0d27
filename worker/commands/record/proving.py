"""What `prove` does: writes the folder by which an outsider can check one entry of the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from worker import output
from worker.commands import times
from worker.problems import NotFound, RecordAltered, UsageError

if TYPE_CHECKING:
    from storage.engine import Database
    from storage.session import Session
    from tasks.record.proving import Evidence
    from tasks.signing import Signer
    from worker.settings import Settings

_VERIFY = "`mirrorpoint verify` looks at the whole record"


def prove(settings: Settings, seq: int, *, out: Path, wants_json: bool) -> None:
    """An entry that no signed checkpoint covers yet is sealed first; else nothing is written to the database."""
    from record import proof_folder
    from worker import record_policy

    signer = record_policy.of(settings).signer
    if signer is None:
        raise UsageError(
            "there is no signing key, and a checkpoint without a signature proves nothing to an outsider",
            _how_to_sign(settings),
        )
    folder = out.expanduser().absolute()
    _check_folder(folder)
    evidence = _evidence(settings, signer, seq)
    try:
        proof_folder.write(folder, files := proof_folder.texts(evidence.change, evidence.proof, evidence.keys))
    except OSError as error:
        hint = "look at the rights of the folder and at the disk; nothing was left there"
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}", hint) from None
    change = evidence.change
    if wants_json:
        output.document(
            {
                "seq": seq,
                "folder": str(folder),
                "files": sorted(files),
                "origin": evidence.keys[0].name,
                "size": evidence.size,
                "verifiers": [str(key) for key in evidence.keys],
                "erased": evidence.is_erased,
            }
        )
        return
    parent = f"{change['parent_key']}/" if change["parent_key"] else ""
    output.say(f"wrote {folder}: change {seq:,}, {change['resource']}/{parent}{change['key']} {change['kind']}")
    if evidence.is_erased:
        output.say("its content was erased: the folder has its digests, and the proof of them", style="yellow")
    output.note(f"`python {folder / 'check.py'}` checks it; tell whoever gets it your verifier key by another way")


def _how_to_sign(settings: Settings) -> str:
    if settings.record.name is None:
        return (
            "give [record] a name and signing_key, as `mirrorpoint init` proposes them for a new configuration; "
            "then `mirrorpoint init` writes the key"
        )
    return 'write signing_key = "file:mirrorpoint.sign" under [record]; then `mirrorpoint init` writes the key'


def _check_folder(folder: Path) -> None:
    """Before anything is computed; it is looked at again when it is written."""
    try:
        if folder.is_dir():
            if any(folder.iterdir()):
                raise UsageError(f"{folder} is there already, and not empty", "name a new folder with --out")
        elif folder.exists() or folder.is_symlink():
            raise UsageError(f"{folder} is there already, and no folder", "name a new folder with --out")
        elif not folder.parent.is_dir():
            raise UsageError(f"the folder {folder.parent} does not exist", "create it first")
    except OSError as error:
        raise UsageError(f"{folder} cannot be looked at: {error.strerror}", "name another folder with --out") from None


def _evidence(settings: Settings, signer: Signer, seq: int) -> Evidence:
    from tasks.record import proving
    from worker import bootstrap

    database = bootstrap.open_reading(settings)
    try:
        with database.read() as session:
            _check_seq(session, seq)
            if proving.is_sealed(session, seq):
                return _told(session, signer, seq)
    finally:
        database.dispose()
    database = bootstrap.open_database(settings, prepare=False)
    try:
        _seal(database, signer)
        with database.read() as session:
            return _told(session, signer, seq)
    finally:
        database.dispose()


def _check_seq(session: Session, seq: int) -> None:
    from storage import history

    if history.entry(session, seq) is not None:
        return
    last = history.last_seq(session)
    if seq <= last:
        raise RecordAltered(f"change {seq:,} is missing in the log, which goes on to {last:,}", _VERIFY)
    hint = f"its last one is {last:,}; `mirrorpoint changes` shows the numbers" if last else "it is empty"
    raise NotFound(f"there is no change {seq:,} in the log", hint)


def _seal(database: Database, signer: Signer) -> None:
    from tasks.record import sealing
    from tasks.record.log_hashes import LogBrokenError

    try:
        sealing.seal_all(database, signer, now=times.now())
    except LogBrokenError as error:
        raise RecordAltered(str(error), _VERIFY) from None


def _told(session: Session, signer: Signer, seq: int) -> Evidence:
    """The evidence; RecordAltered where the log does not hold what it was."""
    from record.notes import NoteError
    from tasks.record import proving
    from tasks.record.log_hashes import LogBrokenError

    try:
        return proving.of_entry(session, signer, seq)
    except (proving.EntryAlteredError, LogBrokenError) as error:
        raise RecordAltered(str(error), _VERIFY) from None
    except NoteError as error:
        raise RecordAltered(f"the newest checkpoint {error}", _VERIFY) from None
