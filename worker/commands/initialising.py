"""What `init` writes: a configuration, the key that seals secrets, and the key that signs the record."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from worker import output
from worker.commands import template
from worker.problems import UsageError

if TYPE_CHECKING:
    from worker.commands.calling import Call
    from worker.settings import Settings

_SEAL_KEY, _SIGNING_KEY = "mirrorpoint.key", "mirrorpoint.sign"


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where everything is to be; `signing_key` is None where the configuration wants none in a file."""

    config: Path
    seal_key: Path
    signing_key: Path | None
    name: str


def init(call: Call, *, wants_json: bool) -> None:
    """Write what is missing, and say what to do next."""
    from changes import sealing
    from record import notes
    from worker import settings

    file = settings.find_file(call.config, os.environ)
    if not file.parent.is_dir():
        raise UsageError(f"the folder {file.parent} does not exist", "create it first")
    is_configured = _is_there(file)
    plan = _configured(file) if is_configured else _proposed(file)
    wanted: list[tuple[Path, str, int]] = []
    if not plan.seal_key.exists():
        wanted.append((plan.seal_key, sealing.new_key() + "\n", 0o600))
    elif not is_configured:
        _check_key(plan.seal_key)
    if plan.signing_key is not None and not plan.signing_key.exists():
        wanted.append((plan.signing_key, notes.new_pem(), 0o600))
    if not is_configured:
        wanted.append((file, template.TEXT.replace(template.NAME, plan.name), 0o644))
    if not wanted:
        *others, last = [str(path) for path in (file, plan.seal_key, plan.signing_key) if path is not None]
        there = f"{', '.join(others)} and {last}"
        raise UsageError(f"{there} exist already and are left as they are", "move them away, or name another --config")
    verifier = _verifier(plan, wanted)
    try:
        for path, text, mode in wanted:
            _write_new(path, text, mode=mode)
    except OSError as error:
        hint = "look at the rights of the folder and at the disk"
        raise UsageError(f"{error.filename or file.parent} cannot be written: {error.strerror}", hint) from None
    written = [path for path, _, _ in wanted]
    if wants_json:
        output.document(
            {
                "config": str(file),
                "seal_key": str(plan.seal_key),
                "signing_key": None if plan.signing_key is None else str(plan.signing_key),
                "verifier": verifier,
                "written": [str(path) for path in written],
            }
        )
        return
    _tell(plan, written, verifier)
    if not is_configured:
        named = "" if file == Path(settings.DEFAULT_FILE).absolute() else f" --config {file}"
        output.say(
            "\nnext: 1. fill in base_url and auth under [sources.backoffice]\n"
            "      2. export BACKOFFICE_PASSWORD=…\n"
            f"      3. mirrorpoint{named} check\n"
            f"      4. mirrorpoint{named} run"
        )


def _tell(plan: _Plan, written: list[Path], verifier: str | None) -> None:
    remarks = {
        plan.seal_key: " (keep a copy: encrypted tokens are lost without it)",
        plan.signing_key: " (keep a copy: it signs the record)",
    }
    for path in written:
        output.say(f"wrote {path}{remarks.get(path, '')}")
    if plan.signing_key in written and verifier is not None:
        output.say(f"\nthe record's verifier key under that name; outsiders verify with it:\n  {verifier}")
        output.say("once record.name is what you want it to be, `mirrorpoint check` prints both keys to be filed away")


def _verifier(plan: _Plan, wanted: list[tuple[Path, str, int]]) -> str | None:
    from record import notes

    new = next((text for path, text, _ in wanted if path == plan.signing_key), None)
    try:
        pem = new or (plan.signing_key.read_text() if plan.signing_key is not None else "")
        return str(notes.SigningKey.from_pem(pem, name=plan.name).verifier)
    except (OSError, notes.NoteError):
        return None


def _proposed(file: Path) -> _Plan:
    """The machine's name is what an outsider recognises best; the configuration says that it may be changed."""
    host = re.sub(r"[^a-z0-9.-]", "-", platform.node().lower()) or "mirrorpoint"
    return _Plan(file, file.parent / _SEAL_KEY, file.parent / _SIGNING_KEY, f"{host}/mirrorpoint")


def _configured(file: Path) -> _Plan:
    """Where an existing configuration wants its keys; UsageError where no key of its own may be written for it."""
    from worker import settings

    read = settings.load(str(file))
    keys = [_file_of(secret.reference, read) for secret in read.record.signing_keys[:1]]
    return _Plan(file, _seal_key(read), keys[0] if keys else None, read.record.name or template.NAME)


def _seal_key(read: Settings) -> Path:
    from urllib.parse import unquote

    reference = read.storage.seal_key.reference
    key_file = _file_of(reference, read)
    if key_file is None:
        raise UsageError(
            f"{read.file} exists already and is left as it is; its seal key is {reference}", "no file is missing"
        )
    is_file = read.storage.url.startswith("sqlite:///")
    database = unquote(read.storage.url.removeprefix("sqlite:///").partition("?")[0]) if is_file else ""
    if not key_file.exists() and database and Path(database).exists():
        raise UsageError(
            f"{key_file} is missing, and {database} was sealed with it: a new key would not open that",
            "restore the key from its copy, or move the database away for a new beginning",
        )
    return key_file


def _file_of(reference: str, read: Settings) -> Path | None:
    from worker import secret

    place, _, name = reference.partition(":")
    return read.folder / secret.expanded(name) if place == "file" else None


def _is_there(file: Path) -> bool:
    """A path that cannot even be looked at is not there; why not is told when it is written."""
    try:
        return file.exists()
    except OSError:
        return False


def _check_key(key_file: Path) -> None:
    from changes import sealing

    try:
        sealing.read_key(key_file.read_text("utf-8-sig").strip())
    except (OSError, ValueError) as error:
        hint = "move it away; then `mirrorpoint init` writes a new one"
        raise UsageError(f"{key_file} exists already, is left as it is, and is no seal key: {error}", hint) from None


def _write_new(path: Path, text: str, *, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
