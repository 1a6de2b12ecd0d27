"""Whether the checkpoints of a log are signed as they should be; used by whole.py.

Keys and names may change: checkpoints before the first one of a configured key may be signed under another name or key,
which is told. Behind it, and where a signature of a configured key is wrong, somebody else has written them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from record import checkpoints, notes
from record.notes import NoteError, VerifierKey
from storage import seals
from storage.seals import Log, Seal
from tasks.record.checks.looks import Looks
from tasks.record.checks.outcome import Check, Name, Problem
from tasks.signing import Signer

_AT_A_TIME = 500
_CURE = "if that was a key of yours, put it into record.signing_key beside the present one"


@dataclass(slots=True)
class _Counts:
    """Of the checkpoints of one log."""

    ours: int = 0
    unsigned: int = 0
    other_names: int = 0  #: signed by one of our keys, under another name
    other_keys: int = 0
    last_foreign: Seal | None = None  #: signed by others alone, and none of ours follows it
    verifiers: dict[str, list[VerifierKey]] = field(default_factory=dict)


def check(looks: Looks, signer: Signer | None, found: Check, *, after_size: int = -1) -> list[str]:
    """All checkpoints of actions, and those of changes that are larger; returns what is to be told of them."""
    remarks: list[str] = []
    for log in Log:
        counts, after = _Counts(), after_size if log is Log.CHANGES else -1
        while True:
            with looks.look() as session, found.timed():
                rows = seals.read(session, log, after_size=after, limit=_AT_A_TIME)
                for seal in rows:
                    found.count += 1
                    _look_at(seal, log, signer, counts, found)
            if not rows:
                break
            after = rows[-1].size
            looks.tell(Name.SIGNATURES, found.count, 0)
        if signer is not None:
            remarks += _told(log, counts, found)
    if signer is None:
        remarks.append("no signature was verified: the configuration has no name or no signing key ([record])")
    return remarks


def _look_at(seal: Seal, log: Log, signer: Signer | None, counts: _Counts, found: Check) -> None:
    which = f"the checkpoint of {seal.size:,} {log.value}"
    seq = seal.size if log is Log.CHANGES else None
    if seal.checkpoint is None:
        counts.unsigned += 1
        return
    try:
        note = notes.parse(seal.checkpoint)
        told = checkpoints.parse(note.text)
    except NoteError as error:
        found.add(Problem(f"{which} was edited: it {error}", seq=seq))
        return
    if (told.size, told.root.hex()) != (seal.size, seal.root):
        found.add(Problem(f"{which} was edited: its note is over another size or root than its row says", seq=seq))
    if signer is None:
        return
    names = counts.verifiers.get(told.origin)
    if names is None:
        names = counts.verifiers[told.origin] = _verifiers(signer, told.origin)
    claimed = [
        key for key in names if any((each.name, each.key_id) == (key.name, key.key_id) for each in note.signatures)
    ]
    if any(not key.has_signed(note) for key in claimed):
        found.add(Problem(f"{which} was edited: the signature of {told.origin} is wrong", seq=seq))
    elif claimed:
        is_ours = told.origin == signer.origin(log)
        counts.ours, counts.other_names = counts.ours + is_ours, counts.other_names + (not is_ours)
        counts.last_foreign = None
    elif counts.ours:
        found.add(Problem(f"{which} is not signed with a configured key, though earlier ones are; {_CURE}", seq=seq))
    else:
        counts.other_keys, counts.last_foreign = counts.other_keys + 1, seal


def _verifiers(signer: Signer, origin: str) -> list[VerifierKey]:
    """Our keys under the name that a checkpoint begins with."""
    try:
        return [key.under(origin).verifier for key in signer.keys]
    except NoteError:  # no key could be called that
        return []


def _told(log: Log, counts: _Counts, found: Check) -> list[str]:
    last = counts.last_foreign
    if last is not None:
        what = f"the last signed checkpoint of {log.value}, that of {last.size:,}, is signed with another key"
        found.add(Problem(f"{what} than the configured ones; {_CURE}"))
    return [
        f"{f'1 checkpoint of {log.value} is' if number == 1 else f'{number:,} checkpoints of {log.value} are'} {what}"
        for number, what in (
            (counts.other_keys, "signed with another key"),
            (counts.other_names, "signed under another name"),
            (counts.unsigned, "not signed"),
        )
        if number
    ]
