"""What `check` says of the places where heads are kept: whether they could be; nothing is kept by it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from storage.states import PointState
from worker.commands.check.config_warnings import Warned

if TYPE_CHECKING:
    from tasks.services import Services
    from worker.commands.check.check_report import Report
    from worker.settings import Settings

_ASK_SECONDS = 5.0
#: What a gateway says of a server that is not there.
_NOBODY_THERE = (502, 503, 504)


def advise(settings: Settings, report: Report) -> None:
    """A record that is not signed, and a witness that is believed unseen: a line each."""
    record = settings.record
    lacks = [name for name, value in (("name", record.name), ("signing_key", record.signing_key)) if not value]
    if lacks:
        report.warnings.append(
            Warned(
                "record",
                f"it has no {' and no '.join(lacks)}: its roots are not signed, and no head is kept",
                'write name = "…" and signing_key = "file:mirrorpoint.sign", then `mirrorpoint init` writes the key',
            )
        )
    for place in record.keep:
        if place.startswith("witness:") and "#" not in place:
            hint = "ask its operator for its verifier key, and write witness:URL#VERIFIERKEY"
            report.warnings.append(Warned("record.keep", f"what {place} cosigns is kept unverified", hint))


def look(settings: Settings, report: Report, services: Services) -> None:
    """Each place, in the order of the configuration; and the verifier keys, which a witness and outsiders need."""
    from storage import kept
    from storage.seals import Log
    from webhooks import timestamping
    from worker import record_policy

    if services.record.signer is not None:
        report.verifiers = {log.value: [str(key) for key in services.record.signer.verifiers(log)] for log in Log}
    for target in record_policy.kept_at(settings):
        kind, _, rest = target.partition(":")
        shown, hint, exit_code = kept.shown(target), "", 3
        if kind == "file":
            problem = _file(services, target, Path(rest))
        elif kind == "point":
            problem = _point(services, rest)
        elif kind == "timestamp" and not timestamping.is_available():
            problem, hint, exit_code = "it needs a library that is not installed", timestamping.HINT, 2
        else:
            problem = _address(services, kind, rest.partition("#")[0])
        report.heads.append({"target": shown, "problem": problem})
        if problem is not None:
            report.add("record.keep", "keep", f"{shown}: {problem}", hint, exit_code=exit_code)


def _point(services: Services, code: str) -> str | None:
    from storage import points

    with services.database.read() as session:
        found = points.find(session, code)
    if found is None:
        return "there is no such point"
    return None if found.state == PointState.ACTIVE else f"it receives nothing: {found.state}"


def _file(services: Services, target: str, path: Path) -> str | None:
    from record import note_files
    from storage import kept
    from storage.seals import Log

    with services.database.read() as session:
        is_known = any(kept.standing(session, target, log).kept_at is not None for log in Log)
    return note_files.problem(path, may_create=not is_known)


def _address(services: Services, kind: str, url: str) -> str | None:
    """A witness is asked for what it has cosigned last, an authority for its address alone."""
    import hashlib

    from webhooks.exchange import Asker, UnansweredError

    if kind == "witness" and services.record.signer is not None:
        url = f"{url.rstrip('/')}/{hashlib.sha256(services.record.signer.name.encode()).hexdigest()}/checkpoint"
    asker = Asker(services.stopping, proxy=services.delivery.proxy, seconds=_ASK_SECONDS)
    try:
        answer = asker.ask("GET", url)
    except UnansweredError as error:
        return str(error)
    return answer.refusal if 300 <= answer.status < 400 or answer.status in _NOBODY_THERE else None
