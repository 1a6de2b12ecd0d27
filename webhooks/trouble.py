"""Says for people why no answer came, and whether it is the receiver's trouble or our own."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Iterator

#: This machine has run out of something: no receiver can help that.
OWN_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})


def words(error: BaseException) -> str:
    """The deepest cause that a person can do something about; quotes nothing of the request."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or 'no reason given'}"
        if isinstance(cause, OSError) and cause.errno in OWN_ERRNOS:
            return f"this machine is short of something: {os.strerror(cause.errno).lower()}"
        if isinstance(cause, OSError) and cause.errno:
            return f"no connection: {os.strerror(cause.errno).lower()}"  # asyncio puts its own words there
    return "the connection broke off"


def is_ours(error: BaseException) -> bool:
    """Whether this machine is short of something, such as file descriptors."""
    return any(isinstance(cause, OSError) and cause.errno in OWN_ERRNOS for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
