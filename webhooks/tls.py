"""TLS as points need it: the usual authorities or those of a file, and a certificate of ours if one is configured.

For each combination of files one context is made, off the event loop, since reading certificates takes milliseconds.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import NamedTuple

import httpx


class Files(NamedTuple):
    """PEM files; None: the usual ones, or none."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None  #: None: it is in that of the certificate


class FileError(Exception):
    """A file cannot be used; the text names it and says why, for people."""


USUAL = Files()


class Contexts:
    """The contexts that have been made. If a file is replaced, the next sender reads it: it has contexts of its own."""

    def __init__(self, usual: ssl.SSLContext | None = None) -> None:
        self._made: dict[Files, ssl.SSLContext] = {} if usual is None else {USUAL: usual}
        self._making = asyncio.Lock()

    async def get(self, files: Files) -> ssl.SSLContext:
        """The context of these files; FileError if a file cannot be used: the next call tries again."""
        found = self._made.get(files)
        if found is None:
            async with self._making:  # many connections are opened at once, and all of them need it
                found = self._made.get(files)
                if found is None:
                    found = self._made[files] = await asyncio.to_thread(made, files)
        return found


def made(files: Files) -> ssl.SSLContext:
    """Make the context of these files; FileError if one cannot be used."""
    context = _trusting(files.ca)
    if files.certificate is not None:
        _show(context, files.certificate, files.key)
    return context


def _trusting(ca: str | None) -> ssl.SSLContext:
    if ca is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        raise FileError(f"ca: {ca} holds no certificate in PEM") from error
    except OSError as error:
        raise FileError(f"ca: {ca} cannot be read ({_reason(error)})") from error


def _show(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    for field, file in (("client_certificate", certificate), ("client_key", key)):
        if file is not None:
            try:
                with open(file, "rb"):  # noqa: PTH123  # load_cert_chain does not say which of the two it means
                    pass
            except OSError as error:
                raise FileError(f"{field}: {file} cannot be read ({_reason(error)})") from error
    where = certificate if key is None else f"{certificate} and {key}"
    try:
        context.load_cert_chain(certificate, key, password=_refuse_password)
    except _EncryptedError:
        raise FileError(f"client_key: the key in {key or certificate} wants a password; give one without") from None
    except (ssl.SSLError, OSError, ValueError) as error:
        is_other = "MISMATCH" in str(error)
        raise FileError(
            f"client_certificate: {where} do not belong together"
            if is_other
            else f"client_certificate: {where} hold no certificate with its key in PEM"
        ) from error


class _EncryptedError(Exception):
    pass


def _refuse_password() -> str:
    raise _EncryptedError  # else OpenSSL asks for it at the terminal


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else type(error).__name__
