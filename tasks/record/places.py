"""The places where heads are kept: a file, a point, a witness, an authority that stamps the time.

Each takes the newest checkpoints and writes down what came of each; none raises for what a place can do. Called by
keeping.py.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from changes.notices import Notice
from record import checkpoints, note_files, notes
from record.note_files import NoteFileError
from record.notes import NoteError
from storage import kept, notices, outbox, points
from storage.kept import Kept, Standing
from storage.seals import Log, Seal
from storage.states import PointState
from tasks.log_lines import Logger
from tasks.record import cosigning
from tasks.record.cosigning import NotCosignedError
from tasks.services import Services
from tasks.signing import Signer
from webhooks import timestamping
from webhooks.exchange import Asker, UnansweredError
from webhooks.timestamping import StampError

log = Logger("mirrorpoint.record")

#: Characters that are kept of why a head could not be kept.
_MOST_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that is to be kept, and how its log stands at the place."""

    log: Log
    seal: Seal
    standing: Standing

    @property
    def note(self) -> str:
        return self.seal.checkpoint or ""  # only signed ones are kept


def keep(services: Services, target: str, heads: Sequence[Head]) -> None:
    """Keep the heads at the place; StoppedError when the process is to end."""
    kind, _, rest = target.partition(":")
    _KINDS[kind](services, target, rest, heads)


def refuse(services: Services, target: str, of_log: Log, size: int, *, why: str) -> None:
    """Write down why nothing of the log is kept there."""
    _write(services, [Kept(of_log, size, target, services.now(), error=why)])


def asker(services: Services) -> Asker:
    """How witnesses and authorities are asked."""
    return Asker(services.stopping, proxy=services.delivery.proxy)


def _file(services: Services, target: str, path: str, heads: Sequence[Head]) -> None:
    """A file that has gone is not begun anew: its disk may not be mounted."""
    may_create = all(head.standing.kept_at is None for head in heads)
    try:
        was_cut_off = note_files.append(Path(path), [notes.parse(head.note) for head in heads], may_create=may_create)
    except (NoteFileError, NoteError) as error:
        _write(services, [_failed(services, target, head, str(error)) for head in heads])
        return
    if was_cut_off:
        log.warning("head_was_cut_off", file=path, hint="it stays there, and the next one stands behind it")
    _write(services, [_done(services, target, head) for head in heads])


def _point(services: Services, target: str, code: str, heads: Sequence[Head]) -> None:
    """Kept is what the point is owed; whether it has arrived, its deliveries say."""
    with services.database.write() as session:
        outbox.lock(session)  # so that the point cannot go in between
        point = points.find(session, code)
        if point is None or point.state != PointState.ACTIVE:
            why = f"there is no point {code}" if point is None else f"the point {code} receives nothing: {point.state}"
            rows = [_failed(services, target, head, why) for head in heads]
        else:
            told = [code, *notices.asking(session, services.routes, Notice.SEALED)]
            for head in heads:
                seal, of_log = head.seal, head.log.value
                data = {"log": of_log, "size": seal.size, "root": seal.root, "checkpoint": seal.checkpoint}
                subject, now = f"record/{of_log}", services.now()
                notices.add(session, type=Notice.SEALED, subject=subject, data=data, now=now, points=told)
            rows = [_done(services, target, head) for head in heads]
        kept.add(session, rows)
    _tell(rows)


def _witness(services: Services, target: str, where: str, heads: Sequence[Head]) -> None:
    witness = cosigning.parse(where)
    for head in heads:
        try:
            note = cosigning.cosign(
                services.database,
                asker(services),
                witness,
                head.log,
                note=_under_our_name(services.record.signer, head),
                old_size=head.standing.size,
            )
        except NotCosignedError as error:
            why = f"{kept.CONTRADICTED}: {error}" if error.is_contradiction else str(error)
            _write(services, [_failed(services, target, head, why)])
        else:
            _write(services, [_done(services, target, head, note)])


def _under_our_name(signer: Signer | None, head: Head) -> str:
    """A witness knows a log by its name. That of a former name may have ended otherwise: after a restore it has."""
    found = checkpoints.parse(notes.parse(head.note).text)
    if signer is None or found.origin == signer.origin(head.log):
        return head.note
    return str(signer.checkpoint(head.log, found.size, found.root))


def _timestamp(services: Services, target: str, url: str, heads: Sequence[Head]) -> None:
    for head in heads:
        try:
            stamp = timestamping.stamp(asker(services), url, head.note.encode())
        except (StampError, UnansweredError) as error:
            _write(services, [_failed(services, target, head, str(error))])
        else:
            _write(services, [_done(services, target, head, base64.b64encode(stamp.token).decode())])


def _done(services: Services, target: str, head: Head, receipt: str | None = None) -> Kept:
    return Kept(head.log, head.seal.size, target, services.now(), receipt=receipt)


def _failed(services: Services, target: str, head: Head, why: str) -> Kept:
    return Kept(head.log, head.seal.size, target, services.now(), error=_one_line(why))


def _one_line(why: str) -> str:
    """It may hold words of the place, which are of any length, and may hold what a terminal obeys."""
    text = " ".join("".join(each if each.isprintable() else " " for each in why).split())
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _write(services: Services, rows: Sequence[Kept]) -> None:
    with services.database.write() as session:
        kept.add(session, rows)
    _tell(rows)


def _tell(rows: Iterable[Kept]) -> None:
    for row in rows:
        told = {"log": row.log.value, "size": row.size, "target": kept.shown(row.target)}
        if row.error is None:
            log.info("head_kept", **told)
        elif kept.is_grave(row.error):
            log.error("head_contradicted", **told, error=row.error, hint="see `mirrorpoint verify`")
        else:
            log.warning("head_not_kept", **told, error=row.error)


_KINDS = {"file": _file, "point": _point, "witness": _witness, "timestamp": _timestamp}
