"""Has a witness cosign a checkpoint: with the proof that it grew out of the one that the witness has cosigned before.

Used by places.py. A witness that knows another history than ours says that one of the two was rewritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from record import checkpoints, notes, tree, witnessing
from record.notes import Note, NoteError, Signature
from record.witnessing import WitnessKey
from storage import seals
from storage.engine import Database
from storage.seals import Log
from tasks.record.log_hashes import LogBrokenError, LogHashes
from webhooks import witness
from webhooks.exchange import Asker, UnansweredError
from webhooks.witness import Conflict, WitnessError


class NotCosignedError(Exception):
    """There is no cosignature that could be kept; the text says why, for people."""

    def __init__(self, text: str, *, is_contradiction: bool = False) -> None:
        super().__init__(text)
        self.is_contradiction = is_contradiction  #: the witness knows another history


@dataclass(frozen=True, slots=True)
class Witness:
    """Where it is, and its key where that is known."""

    url: str
    key: WitnessKey | None


def parse(text: str) -> Witness:
    """From `URL[#VERIFIERKEY]`; NoteError where the key is none."""
    url, _, key = text.partition("#")
    return Witness(url, WitnessKey.parse(key) if key else None)


def cosign(database: Database, asker: Asker, found: Witness, log: Log, *, note: str, old_size: int) -> str:
    """The note with the cosignature under it; NotCosignedError, or StoppedError. `old_size`: cosigned last, or 0."""
    checkpoint = notes.parse(note)
    try:
        answer = _ask(database, asker, found.url, log, checkpoint, old_size)
        if isinstance(answer, Conflict):
            _check_size(database, log, answer.size, sent=old_size, wanted=checkpoints.parse(checkpoint.text).size)
            answer = _ask(database, asker, found.url, log, checkpoint, answer.size)
        if isinstance(answer, Conflict):
            raise NotCosignedError("it names another size each time: somebody else sends it this log as well")
    except UnansweredError as error:
        raise NotCosignedError(str(error)) from None
    except WitnessError as error:
        raise NotCosignedError(str(error), is_contradiction=error.is_contradiction) from None
    except LogBrokenError as error:
        raise NotCosignedError(str(error)) from None
    return str(_checked(checkpoint, answer.lines, found.key))


def _ask(
    database: Database, asker: Asker, url: str, log: Log, checkpoint: Note, old_size: int
) -> witness.Cosigned | Conflict:
    """The proof is read before anything is asked: no transaction waits for an answer."""
    size = checkpoints.parse(checkpoint.text).size
    proof: list[bytes] = []
    if old_size:
        with database.read() as session:
            proof = tree.consistency(LogHashes(session, log), old_size, size)
    return witness.add_checkpoint(asker, url, witnessing.request(old_size=old_size, proof=proof, checkpoint=checkpoint))


def _check_size(database: Database, log: Log, size: int, *, sent: int, wanted: int) -> None:
    """Whether the size that it names can be one of ours; if it is, its own check of the proof says the rest."""
    if size == sent:
        raise NotCosignedError(f"it answers 409, and names the size of {size:,} that it was sent")
    if size <= wanted:
        return
    with database.read() as session:
        there = seals.size(session, log)
    if size <= there:
        raise NotCosignedError(f"it has cosigned {size:,} rows already, by another process of ours")
    raise NotCosignedError(
        f"it has cosigned {size:,} rows of this log, and only {there:,} are here: rows are missing, or another "
        "installation has the same name and key",
        is_contradiction=True,
    )


def _checked(checkpoint: Note, lines: str, key: WitnessKey | None) -> Note:
    """With its key: the one signature that is right. Without: all that it says of itself, as it says it."""
    try:
        given = witnessing.answered(lines)
    except NoteError as error:
        raise NotCosignedError(f"its answer {error}") from None
    if key is None:
        return _believed(checkpoint, given)
    for each in given:
        cosigned = Note(checkpoint.text, (*checkpoint.signatures, each))
        if key.cosigned_at(Note(checkpoint.text, (each,))):
            return cosigned
    names = ", ".join(sorted({each.name for each in given}))
    raise NotCosignedError(f"its cosignature is not by the key of the configuration, or is wrong (signed by {names})")


def _believed(checkpoint: Note, given: Sequence[Signature]) -> Note:
    """What is kept must be read again: else the receipt would look as if somebody had edited it."""
    ours = {(each.name, each.key_id) for each in checkpoint.signatures}
    own = [each for each in given if (each.name, each.key_id) not in ours]
    if not own:
        raise NotCosignedError("its answer holds no signature of its own")
    try:
        return notes.parse(str(Note(checkpoint.text, (*checkpoint.signatures, *own))))
    except NoteError as error:
        raise NotCosignedError(f"the head with its answer under it {error}") from None
