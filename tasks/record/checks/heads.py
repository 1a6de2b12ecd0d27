"""Heads that are known outside the database: given by a person, kept in files, or witnessed; read and judged here.

Whether each is a beginning of our log, roots.py says. Used by whole.py and by the command, which reads given files.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from record import checkpoints, note_files, notes
from record.checkpoints import Checkpoint
from record.notes import Note, NoteError
from record.witnessing import WitnessKey
from storage import receipts
from storage.receipts import Receipt
from storage.seals import Log
from storage.session import Session
from tasks.record.checks.outcome import Check, Problem
from tasks.signing import Signer

_RECEIPTS_AT_A_TIME = 500


@dataclass(frozen=True, slots=True)
class Head:
    """What a log came to, as somebody else knows it."""

    log: Log
    size: int
    root: bytes
    what: str  #: `the head of 4,711 changes in heads.log`

    @classmethod
    def of(cls, log: Log, checkpoint: Checkpoint, *, where: str) -> Head:
        return cls(log, checkpoint.size, checkpoint.root, f"the head of {checkpoint.size:,} {log.value} {where}")


@dataclass(slots=True)
class Found:
    """All that were found."""

    heads: list[Head] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    is_outside: bool = False  #: some of them were kept where who can write to the database need not be able to

    def of_log(self, log: Log) -> list[Head]:
        """Those of one log, the smallest first; several that say the same count once."""
        ours = {(head.size, head.root): head for head in reversed(self.heads) if head.log is log}
        return sorted(ours.values(), key=lambda head: head.size)


def log_of(signer: Signer, note: Note, origin: str) -> Log | None:
    """The log whose checkpoint it is, also one of a former name that our key has signed; None: another record's."""
    for log in Log:
        if signer.origin(log) == origin:
            return log
    if not is_ours(signer, note, origin):
        return None
    return Log.ACTIONS if origin.endswith(f"/{Log.ACTIONS.value}") else Log.CHANGES


def is_ours(signer: Signer, note: Note, origin: str) -> bool:
    """Whether one of the configured keys has signed it, under the name that it begins with."""
    try:
        return any(key.under(origin).verifier.has_signed(note) for key in signer.keys)
    except NoteError:  # no key could be called that
        return False


def claims_ours(signer: Signer, note: Note, origin: str) -> bool:
    """Whether a signature in it says that it is of one of the configured keys."""
    try:
        ours = [key.under(origin).verifier for key in signer.keys]
    except NoteError:
        return False
    return any(key.signatures_in(note) for key in ours)


def find(session: Session, signer: Signer, *, given: Sequence[Head], keep: Iterable[str], check: Check) -> Found:
    """Those that were given, those in files, and those for which there is a receipt."""
    found = Found(list(given), is_outside=bool(given))
    for target in dict.fromkeys(keep):
        kind, _, path = target.partition(":")
        if kind == "file":
            _take_file(found, signer, Path(path))
    _take_receipts(session, found, signer, check)
    return found


def _take_file(found: Found, signer: Signer, path: Path) -> None:
    """What is no head of ours, or cannot be read, is told; it is no alteration of the record."""
    try:
        several = note_files.read(path)
    except FileNotFoundError:
        found.remarks.append(f"{path} is not there: no head of it could be compared")
        return
    except OSError as error:
        found.remarks.append(f"{path} cannot be read ({error.strerror}): no head of it could be compared")
        return
    others, unknown = 0, 0
    for note in several.notes:
        try:
            checkpoint = checkpoints.parse(note.text)
        except NoteError:
            others += 1
            continue
        log = log_of(signer, note, checkpoint.origin)
        if log is None:
            others += 1
            continue
        unknown += not is_ours(signer, note, checkpoint.origin)
        found.heads.append(Head.of(log, checkpoint, where=f"in {path.name}"))
        found.is_outside = True
    for number, what in (
        (others, f"in {path.name} {{}} of another record"),
        (unknown, f"in {path.name} {{}} signed under another key; they were compared all the same"),
        (len(several.broken), f"in {path.name} {{}} cut off or damaged"),
    ):
        if number:
            found.remarks.append(what.format("1 note is" if number == 1 else f"{number:,} notes are"))


def _take_receipts(session: Session, found: Found, signer: Signer, check: Check) -> None:
    after, stamps = 0, 0
    while rows := receipts.read(session, after_id=after, limit=_RECEIPTS_AT_A_TIME):
        for row in rows:
            after = row.id
            try:
                if row.target.startswith("witness:"):
                    found.heads.append(_witnessed(signer, row))
                else:
                    found.heads.append(_stamped(session, row))
                    stamps += 1
            except (NoteError, binascii.Error, ValueError) as error:
                where = row.target.partition("#")[0]
                check.add(Problem(f"the receipt of {where} for {row.size:,} {row.log} was edited: it {error}"))
    if stamps:
        told = "the time stamp of 1 head was" if stamps == 1 else f"the time stamps of {stamps:,} heads were"
        found.remarks.append(f"{told} compared with it; who signed a stamp, `openssl ts -verify` says")


def _witnessed(signer: Signer, row: Receipt) -> Head:
    """The head that a witness has cosigned; NoteError where the row says something else."""
    target, _, key_text = row.target.partition("#")
    note = notes.parse(row.text)
    checkpoint = checkpoints.parse(note.text)
    log = log_of(signer, note, checkpoint.origin)
    if log is None or (log.value, checkpoint.size) != (row.log, row.size):
        raise NoteError("is for another head")
    if key_text and WitnessKey.parse(key_text).cosigned_at(note) is None:
        raise NoteError("is not cosigned with the key of the witness")
    return Head.of(log, checkpoint, where=f"that {target.removeprefix('witness:')} has cosigned")


def _stamped(session: Session, row: Receipt) -> Head:
    """The checkpoint under a time stamp; the stamp holds the hash of its whole note, however it is signed."""
    log, token = Log(row.log), base64.b64decode(row.text, validate=True)
    note = receipts.checkpoint(session, log, row.size)
    if note is None:
        raise NoteError("is for a checkpoint that is not there any more")
    if hashlib.sha256(note.encode()).digest() not in token:
        raise NoteError("is for another checkpoint than the one of that size")
    checkpoint = checkpoints.parse(notes.parse(note).text)
    return Head.of(log, checkpoint, where=f"that {row.target.removeprefix('timestamp:')} has stamped")
