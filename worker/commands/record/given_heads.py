"""Reads the heads that a person gives to `verify`; what is none of this record is a wrong call, and no alteration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from worker import output
from worker.problems import UsageError

if TYPE_CHECKING:
    from tasks.record.checks.heads import Head
    from tasks.signing import Signer

_NO_KEY = "put name and signing_key of this record into [record]; `mirrorpoint init` writes a key"
_FORM = "a head is a signed note as `keep` files it, and `mirrorpoint verify` prints it"


def read(files: Iterable[Path], signer: Signer | None) -> list[Head]:
    """The heads of these files, all signed by this record; UsageError says which is not, and why."""
    found: list[Head] = []
    for file in files:
        if signer is None:
            raise UsageError(f"the heads of {file} cannot be judged: this record has no name or no key", _NO_KEY)
        found += _of_file(file, signer)
    return found


def _of_file(file: Path, signer: Signer) -> list[Head]:
    from record import checkpoints, note_files
    from record.notes import NoteError
    from tasks.record.checks import heads
    from tasks.record.checks.heads import Head

    try:
        several = note_files.read(file)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {(error.strerror or str(error)).lower()}") from None
    broken = [text for text in several.broken if not several.notes or _is_part_of_a_head(text, signer)]
    if not broken and several.broken:
        output.note(f"{file}: what is no head was passed over; heads read: {len(several.notes):,}")
    if broken:
        begin = broken[0].splitlines()[0][:60]
        raise UsageError(f'{file} holds a note that is cut off or damaged, which begins with "{begin}"', _FORM)
    if not several.notes:
        raise UsageError(f"{file} holds no head", _FORM)
    found = []
    for number, note in enumerate(several.notes, 1):
        which = f"note {number} of {file}" if len(several.notes) > 1 else str(file)
        try:
            checkpoint = checkpoints.parse(note.text)
        except NoteError as error:
            raise UsageError(f"{which} is no head: it {error}", _FORM) from None
        log = heads.log_of(signer, note, checkpoint.origin)
        if log is None:
            hint = f"this one's begin with {signer.name}; give the head to the record that it is of"
            raise UsageError(f'{which} is of another record, "{checkpoint.origin}"', hint)
        if not heads.is_ours(signer, note, checkpoint.origin):
            if heads.claims_ours(signer, note, checkpoint.origin):
                raise UsageError(f"{which} is not what was signed: its signature is wrong, so it was edited", _FORM)
            hint = "if that was a key of yours, put it into record.signing_key beside the present one"
            raise UsageError(f"{which} is signed with a key that this record does not know", hint)
        found.append(Head.of(log, checkpoint, where=f"in {file.name}"))
    return found


def _is_part_of_a_head(text: str, signer: Signer) -> bool:
    """Other text may stand around heads, as in what `verify` has printed; a head that is cut off is no such text."""
    from storage.seals import Log

    first, *others = text.splitlines()
    is_named = any(signer.origin(log).startswith(first) for log in Log)  # it may be cut within its first line
    return is_named or any(line.startswith("—") for line in others) or (bool(others) and others[0].strip().isdecimal())
