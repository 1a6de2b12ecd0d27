"""The proof of one entry of the log: that it is in the tree of the newest signed checkpoint.

Called by the command `prove`. What is handed out was checked before: a proof that does not hold would accuse nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from changes import digests, fingerprint
from changes.records import Json
from record import checkpoints, notes, tree
from record.notes import Note, VerifierKey
from record.proofs import Proof
from storage import history, seals
from storage.seals import Log
from storage.session import Session
from tasks.record.log_hashes import LogHashes
from tasks.signing import Signer


class EntryAlteredError(Exception):
    """The row is not what its digest, or the checkpoint, says that it was."""

    def __init__(self, seq: int, what: str) -> None:
        super().__init__(seq, what)
        self.seq, self.what = seq, what

    def __str__(self) -> str:
        return f"change {self.seq:,}: {self.what}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """An entry with its proof."""

    change: dict[str, Json] = field(repr=False)  #: what `record/proof_folder.py` wants of it
    proof: Proof
    keys: list[VerifierKey]  #: that have signed the checkpoint
    size: int  #: of the checkpoint

    @property
    def is_erased(self) -> bool:
        return self.change["salt"] is None


def is_sealed(session: Session, seq: int) -> bool:
    """Whether a signed checkpoint covers the entry."""
    newest = seals.last(session, Log.CHANGES, signed=True)
    return newest is not None and newest.size >= seq


def of_entry(session: Session, signer: Signer, seq: int) -> Evidence:
    """The evidence of an entry that `is_sealed`; EntryAlteredError or LogBrokenError where the log was altered."""
    row, newest = history.entry(session, seq), seals.last(session, Log.CHANGES, signed=True)
    if row is None or newest is None or newest.size < seq:
        raise ValueError(f"no signed checkpoint covers change {seq}")
    change = _checked(row)
    note, keys = _signed(signer, newest)
    hashes = tree.inclusion(LogHashes(session, Log.CHANGES), seq - 1, newest.size)
    proof = Proof(seq - 1, hashes, note)
    if not proof.holds_for(str(change["digest"]).encode()):
        raise EntryAlteredError(seq, f"it is not in the tree of the checkpoint over {newest.size:,} changes")
    return Evidence(change, proof, keys, newest.size)


def _checked(row: Any) -> dict[str, Json]:
    """The row as the proof shows it; EntryAlteredError where its digests are not those of what stands in it."""
    change = {
        "seq": row.seq,
        "id": row.id,
        "source": row.source,
        "resource": row.resource,
        "parent_key": row.parent_key,
        "key": row.key,
        "version": row.version,
        "kind": row.kind,
        "changed": list(row.changed),
        "previous_digest": row.previous_digest,
        "document_digest": row.document_digest,
        "observed_after": digests.stamp(row.observed_after),
        "observed_at": digests.stamp(row.observed_at),
        "scan_id": row.scan_id,
    }
    if digests.of_change(**change) != row.digest:
        raise EntryAlteredError(row.seq, "it does not match its digest")
    try:
        salt = None if row.salt is None else bytes.fromhex(row.salt)
    except ValueError:
        raise EntryAlteredError(row.seq, "its salt is none") from None
    for name, value in (("document", row.document), ("previous", row.previous)):
        form = None if value is None or salt is None else digests.salted(salt, fingerprint.canonical(value))
        is_right = form == change[f"{name}_digest"] if salt is not None else not value
        if not is_right:
            told = "its document does" if name == "document" else "its previous values do"
            raise EntryAlteredError(row.seq, f"{told} not match the digest")
    return {**change, "digest": row.digest, "salt": row.salt, "document": row.document, "previous": row.previous}


def _signed(signer: Signer, seal: seals.Seal) -> tuple[Note, list[VerifierKey]]:
    """The checkpoint with those of our keys that have signed it.

    One that was signed with other keys, or under another name, is signed anew: the root is the same, and an outsider
    is given a key that can be had.
    """
    note = notes.parse(seal.checkpoint or "")
    origin = checkpoints.parse(note.text).origin
    keys = notes.signed_by(note, [key.under(origin).verifier for key in signer.keys])
    if keys and origin == signer.origin(Log.CHANGES):
        return note, keys
    note = signer.checkpoint(Log.CHANGES, seal.size, bytes.fromhex(seal.root))
    return note, signer.verifiers(Log.CHANGES)
