"""Signs the checkpoints of an installation, under the name of its configuration; used by tasks/record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from record import notes
from record.checkpoints import Checkpoint
from record.notes import Note, SigningKey, VerifierKey
from storage.seals import Log


@dataclass(frozen=True, slots=True)
class Signer:
    """The name of the record and its signing keys; all of them sign."""

    name: str
    keys: Sequence[SigningKey] = field(repr=False)

    def origin(self, log: Log) -> str:
        """The first line of the log's checkpoints, and the name of the key that signs them."""
        return origin(self.name, log)

    def checkpoint(self, log: Log, size: int, root: bytes) -> Note:
        text = str(Checkpoint(self.origin(log), size, root))
        return self.note(log, text)

    def note(self, log: Log, text: str) -> Note:
        """Any text, signed as the log's checkpoints are."""
        return notes.signed(text, [key.under(self.origin(log)) for key in self.keys])

    def verifiers(self, log: Log) -> list[VerifierKey]:
        return [key.under(self.origin(log)).verifier for key in self.keys]


def origin(name: str, log: Log) -> str:
    """`NAME` for the log of changes, `NAME/actions` for the other."""
    return name if log is Log.CHANGES else f"{name}/{log.value}"
