"""What was said in `points add` and `points edit`, and how a point is to be sent to by it; nothing is stored here."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker.problems import UsageError

if TYPE_CHECKING:
    from storage.point_options import Options

#: Of `Given` -> of the configuration, and of `Options`.
_NAMES = {
    "timeout": ("timeout", "timeout_seconds"),
    "retries": ("retries", "retries_seconds"),
    "rate": ("requests_per_second", "requests_per_second"),
    "content_type": ("content_type", "content_type"),
    "ca": ("ca", "ca"),
    "client_certificate": ("client_certificate", "client_certificate"),
    "client_key": ("client_key", "client_key"),
    "proxy": ("proxy", "proxy"),
}


@dataclass(frozen=True, slots=True)
class Given:
    """What was said; None where nothing was, and an empty text where something is to be taken away."""

    url: str | None = None
    type: str | None = None
    token_remote: str | None = None
    secret: str | None = None
    code: str | None = None  #: another one
    token_local: str | None = None
    sets: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    timeout: str | None = None
    retries: str | None = None
    rate: str | None = None
    content_type: str | None = None
    ca: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    proxy: str | None = None


def option_names(given: Given) -> list[str]:
    """What is said of how the point is sent to, in words without values: `timeout`, `header X-Api-Key`."""
    named = [name for name in _NAMES if getattr(given, name) is not None]
    return [*named, *(f"header {each.partition('=')[0]}" for each in given.headers)]


def merged(old: Options, given: Given, *, has_token: bool) -> Options:
    """`old` with what is given; UsageError, with the name of the option, where one cannot work."""
    from worker import point_options

    fresh = _read(given)
    changes: dict[str, Any] = {
        column: getattr(fresh, column)  # of what is to be taken away: None
        for name, (_, column) in _NAMES.items()
        if getattr(given, name) is not None
    }
    replaced = {each.partition("=")[0].lower() for each in given.headers}
    kept = {name: value for name, value in old.headers.items() if name.lower() not in replaced}
    options = replace(old, **changes, headers={**kept, **fresh.headers})
    try:
        point_options.check(options, has_token=has_token)
    except point_options.OptionRefused as error:
        raise UsageError(f"{_option(error.field)}: {error.message}", error.hint) from None
    return options


def _read(given: Given) -> Options:
    """Through the same rules as the configuration; paths are relative to the current folder."""
    from pydantic import ValidationError

    from worker import explain, point_options
    from worker.secret import Secret
    from worker.sending_tables import Point

    written: dict[str, Any] = {"code": "CODE", "url": "https://host.invalid", "headers": _headers(given)}
    for name, (setting, _) in _NAMES.items():
        text = getattr(given, name)
        if text:
            written[setting] = _value(name, text)
    try:
        point = Point.model_validate(written)
    except ValidationError as error:
        found = explain.first_problem(error, Point, file="command line", variables={})
        raise UsageError(f"{_option(found.field)}: {found.problem}", found.hint) from None
    headers = [(f"--header {name}", secret) for name, secret in point.headers.items()]
    for field, secret in [*headers, ("--proxy", point.proxy)]:
        if isinstance(secret, Secret):
            secret.bind(file="command line", field=field, folder=Path.cwd(), environ=os.environ)
    return point_options.resolved(point, folder=Path.cwd())


def _headers(given: Given) -> dict[str, str]:
    headers = {}
    for each in given.headers:
        name, mark, value = each.partition("=")
        if not mark:  # what was written is not repeated: it may be the value
            raise UsageError("--header: there is no = in it", "write NAME=VALUE, or NAME= to take one away")
        if value:
            headers[name] = value
    return headers


def _value(name: str, text: str) -> Any:
    if name == "retries":
        return [] if text == "none" else [part.strip() for part in text.split(",")]
    if name == "rate":
        try:
            return float(text)
        except ValueError:
            raise UsageError("--rate: must be a number", "attempts a second, such as 5 or 0.2") from None
    return text


def _option(field: str) -> str:
    """The option that a field of the configuration has: `retries[1]` -> `--retries`."""
    name, _, header = field.partition(".")
    name = name.partition("[")[0]
    spelt = {"requests_per_second": "rate", "headers": "header"}.get(name, name).replace("_", "-")
    return f"--{spelt} {header}".rstrip()
