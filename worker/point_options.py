"""What is set for one point beside its address, out of the configuration or a command: resolved and found usable.

Called at start (worker/bootstrap.py), by `check`, and by `points add` and `points edit`.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from storage.point_options import Options
from worker.problems import Problem, SettingsError
from worker.secret import Secret, expanded

if TYPE_CHECKING:
    from storage.points import Configured
    from worker.sending_tables import Point
    from worker.settings import Settings


_MAKE_ONE = 'give each point its own: `python3 -c "import secrets; print(secrets.token_hex(16))"` makes one'


class OptionRefused(Problem):
    """A setting that cannot work; the caller says where it stands."""

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


def configured(settings: Settings) -> list[Configured]:
    """The points of the configuration with all secrets in clear; SettingsError where one cannot work."""
    found = [_configured(point, folder=settings.folder, file=str(settings.file)) for point in settings.points]
    _refuse_shared(settings, found)
    return found


def _configured(point: Point, *, folder: Path, file: str) -> Configured:
    from storage.points import Configured

    token = point.token_remote.reveal().strip() if point.token_remote is not None else None
    options = resolved(point, folder=folder)
    try:
        check(options, has_token=token is not None)
    except OptionRefused as error:
        raise SettingsError(file, f"points[{point.code}].{error.field}", error.message, error.hint) from None
    return Configured(
        point.code,
        point.url,
        type=point.type,
        token=token,
        secret=signing_secret(point.secret),
        options=options,
        token_local=_local_token(point),
    )


def _local_token(point: Point) -> str | None:
    from storage import point_tokens

    secret = point.token_local
    if secret is None:
        return None
    text = secret.reveal().strip()
    problem = point_tokens.problem(text)
    if problem is not None:
        raise SettingsError(secret.file, secret.field, problem, _MAKE_ONE)
    return text


def _refuse_shared(settings: Settings, points: Sequence[Configured]) -> None:
    """A token says who reads, so no two may have the same."""
    readers = {each.token.reveal().strip(): f"the token {each.name} of [serve]" for each in settings.serve.tokens}
    for point in points:
        if point.token_local is None:
            continue
        if point.token_local in readers:
            where, other = f"points[{point.code}].token_local", readers[point.token_local]
            raise SettingsError(str(settings.file), where, f"is the same as that of {other}", _MAKE_ONE)
        readers[point.token_local] = point.code


def resolved(point: Point, *, folder: Path) -> Options:
    """Secrets in clear, paths absolute; relative ones are meant from `folder`."""

    def path(text: str | None) -> str | None:
        return None if text is None else str((folder / expanded(text)).absolute())

    return Options(
        timeout_seconds=point.timeout,
        retries_seconds=point.retries,
        requests_per_second=point.requests_per_second,
        content_type=point.content_type,
        ca=path(point.ca),
        client_certificate=path(point.client_certificate),
        client_key=path(point.client_key),
        headers={name: value.reveal().strip() for name, value in point.headers.items()},
        proxy=point.proxy.reveal().strip() if point.proxy is not None else None,
    )


def check(options: Options, *, has_token: bool) -> None:
    """OptionRefused where a delivery could not be made with these."""
    _check_headers(options.headers, has_token=has_token)
    if options.proxy is not None:
        check_proxy(options.proxy)
    _check_files(options)


def _check_headers(headers: Mapping[str, str], *, has_token: bool) -> None:
    from webhooks.target import header_problems

    seen: set[str] = set()
    for name, value in headers.items():
        lower, field = name.lower(), f"headers.{name}"
        if lower in seen:
            raise OptionRefused(field, "is there twice", "small and capital letters are the same to a header")
        seen.add(lower)
        if lower == "authorization" and has_token:
            raise OptionRefused(field, "token_remote is sent in this header", "set one of the two")
        for problem in header_problems(name, value):
            raise OptionRefused(field, problem)


def check_proxy(text: str) -> None:
    """OptionRefused unless it is `http://user:password@host:port`; it is not repeated, since it may hold a password."""
    from webhooks import proxy

    problem = proxy.problem(text)
    if problem is not None:
        message, _, hint = problem.partition("; ")
        raise OptionRefused("proxy", message, hint)


def _check_files(options: Options) -> None:
    if options.client_key is not None and options.client_certificate is None:
        raise OptionRefused("client_key", "there is no client_certificate that it belongs to", "set both")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if options.ca is not None:
        try:
            context.load_verify_locations(options.ca)
        except (OSError, ValueError) as error:  # ssl's errors are OSErrors
            raise _unreadable("ca", options.ca, error) from None
    if options.client_certificate is not None:
        for field in ("client_certificate", "client_key"):
            file = getattr(options, field)
            try:
                if file is not None:
                    Path(file).read_bytes()
            except OSError as error:
                raise _unreadable(field, file, error) from None
        try:
            # Without the function an encrypted key would be asked for at the terminal.
            context.load_cert_chain(options.client_certificate, options.client_key, password=lambda: "")
        except (OSError, ValueError) as error:
            raise _unpaired(options, error) from None


def _unreadable(field: str, file: str, error: Exception) -> OptionRefused:
    if isinstance(error, ssl.SSLError):
        hint = "a PEM file begins with -----BEGIN CERTIFICATE-----"
        return OptionRefused(field, f"{file} holds no certificate", hint)
    if isinstance(error, FileNotFoundError):
        return OptionRefused(field, f"the file {file} does not exist", "look at how it is spelt")
    reason = error.strerror if isinstance(error, OSError) else "it is no path"
    return OptionRefused(field, f"the file {file} cannot be read: {reason}", "this user must be able to read it")


def _unpaired(options: Options, error: Exception) -> OptionRefused:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return OptionRefused("client_key", "is not the key of client_certificate", "the two belong together")
    where = options.client_key or options.client_certificate
    hint = "PEM files with a certificate and its key, the key without a passphrase"
    return OptionRefused("client_certificate", f"no certificate with its key can be read from {where}", hint)


def signing_secret(secret: Secret | None) -> str | None:
    """The value; SettingsError where it cannot sign."""
    from webhooks import signature

    if secret is None:
        return None
    text = secret.reveal()
    try:
        signature.check_secret(text)
    except ValueError as error:
        raise SettingsError(secret.file, secret.field, str(error)) from None
    return text
