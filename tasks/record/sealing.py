"""Seals a log: takes its new rows into the tree, and writes the checkpoint of what it has come to.

Called by housekeeping every few seconds, at the end of a `sync`, and by whoever needs the newest row to be sealed. To
do it twice at the same time does no harm.
"""

from __future__ import annotations

import threading
from datetime import datetime

from record.tree import Growing
from storage import seals
from storage.engine import Database
from storage.seals import Log, Seal
from storage.session import Session
from tasks.record.log_hashes import LogHashes, leaf_hashes
from tasks.signing import Signer

#: Rows taken in one transaction; a first load brings so many at a time.
AT_A_TIME = 20_000
_LEAVES_AT_A_TIME = 2_000


def seal_all(
    database: Database, signer: Signer | None, *, now: datetime, stopping: threading.Event | None = None
) -> None:
    """Seal what is there of both logs, in pieces.

    `LogBrokenError` where rows are missing: nothing is sealed behind a gap.
    """
    with database.read() as session:
        unsealed = seals.unsealed(session, signs=signer is not None)
    for log in unsealed:
        while stopping is None or not stopping.is_set():
            with database.write() as session:
                if seal_next(session, log, signer, now=now) is None:
                    break


def seal_next(session: Session, log: Log, signer: Signer | None, *, now: datetime) -> Seal | None:
    """Seal the next rows; None where all are sealed. One that had no signature before is signed once there is a key."""
    seals.lock(session)
    last, size = seals.last(session, log), seals.size(session, log)
    sealed = 0 if last is None else last.size
    if size <= sealed:
        if last is None or last.checkpoint is not None or signer is None:
            return None
        signed = str(signer.checkpoint(log, last.size, bytes.fromhex(last.root)))
        seals.sign(session, log, last.size, signed)
        return Seal(last.size, last.root, signed, last.sealed_at)
    growing = Growing.from_size(LogHashes(session, log), sealed)
    end = min(size, sealed + AT_A_TIME)
    while growing.size < end:
        growing.add(leaf_hashes(session, log, growing.size, min(end, growing.size + _LEAVES_AT_A_TIME)))
    seals.add_tiles(session, log, [(level, number, root.hex()) for level, number, root in growing.complete])
    root = growing.root()
    note = None if signer is None else str(signer.checkpoint(log, end, root))
    seal = Seal(end, root.hex(), note, now)
    seals.add(session, log, seal)
    return seal
