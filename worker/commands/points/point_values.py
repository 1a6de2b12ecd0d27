"""What may be given for a point on the command line, and questions asked about it; used by the `points` commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from worker import output
from worker.problems import UsageError

if TYPE_CHECKING:
    from worker.settings import Settings


def check_code(code: str) -> None:
    """UsageError where it is no code."""
    from changes import point_entities

    if not point_entities.is_code(code):
        raise UsageError(f'"{code}" cannot be a code', "1 to 200 characters, neither * nor ?, no space at either end")


def checked(settings: Settings, given: Mapping[str, str | None], *, is_own: bool) -> dict[str, str | None]:
    """The values with `env:` and `file:` resolved; UsageError where one cannot work, a warning where it may not.

    An address that nothing is delivered to is refused for a point of one's own; a platform has other receivers too.
    """
    from webhooks import address_guard, signature

    values = {name: resolved(name, value) for name, value in given.items()}
    url = values.get("url")
    if url:  # a point without one pulls, or at a platform only receives
        problems = address_guard.url_problems(url)
        if problems:
            raise UsageError(f"--url: {problems[0]}", "write https://host/path")
        allow = address_guard.networks(settings.delivery.allow_networks)
        for found in address_guard.check_url(url, allow=allow):
            if found.is_refusal and is_own:
                message, _, cure = found.text.partition("; ")
                raise UsageError(f"--url: {message}", cure)
            output.warn(found.text)
    if values.get("secret"):
        try:
            signature.check_secret(str(values["secret"]))
        except ValueError as error:
            raise UsageError(f"--secret: {error}") from None
    return values


def confirm(question: str, *, is_sure: bool, refusal: str = "nothing was removed: nobody can be asked here") -> None:
    """Go on only after a yes; typer.Abort after a no, UsageError where nobody can be asked."""
    import typer

    if is_sure:
        return
    if not sys.stdin.isatty():
        raise UsageError(refusal, "add --yes")
    typer.confirm(question, abort=True, err=True)


def print_ids(ids: Sequence[str], *, wants_json: bool) -> int:
    """One a line, or a JSON list; 3 without any. What was looked for is not repeated: it may be a token."""
    if wants_json:
        output.document(list(ids))
    elif ids:
        output.say("\n".join(ids))
    else:
        output.note("nothing has this id, code or local token")
    return 0 if ids else 3


def resolved(name: str, value: str | None) -> str | None:
    """Secrets may be written as in the configuration; a path is relative to the current folder."""
    if value is None or name not in {"token_local", "token_remote", "token_remote2", "secret"} or not value:
        return value
    from worker.secret import Secret

    secret = Secret(value)
    secret.bind(file="command line", field=f"--{name.replace('_', '-')}", folder=Path.cwd(), environ=os.environ)
    return secret.reveal()
