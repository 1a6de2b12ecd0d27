"""Has data stamped with the time by an authority (RFC 3161), through the library of the extra `timestamp`."""

from __future__ import annotations

import hashlib
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from webhooks.exchange import Asker

if TYPE_CHECKING:
    from rfc3161_client import TimeStampRequest, TimeStampResponse

#: What is to be done where the library is not there.
HINT = "pip install 'mirrorpoint[timestamp]'"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_GRANTED = (0, 1)  # with or without changes to what was asked for


class StampError(Exception):
    """There is no stamp; the text says why, for people."""


class Stamp(NamedTuple):
    """What the authority has signed."""

    token: bytes  #: DER, as `openssl ts -verify -token_in` reads it
    at: datetime  #: the time in it


def is_available() -> bool:
    """Whether the library is installed."""
    return find_spec("rfc3161_client") is not None


def stamp(asker: Asker, url: str, data: bytes) -> Stamp:
    """A stamp over the SHA-256 of the data; StampError, or UnansweredError where no answer came.

    It is held against what was asked for: digest and nonce. Whether the authority is trusted says who verifies it.
    """
    if not is_available():
        raise StampError(f"time stamps need a library that is not installed: {HINT}")
    import rfc3161_client as library

    request = library.TimestampRequestBuilder(data, library.HashAlgorithm.SHA256, nonce=True, cert_req=True).build()
    answer = asker.ask("POST", url, content=request.as_bytes(), content_type="application/timestamp-query")
    if answer.status != 200:
        raise StampError(answer.refusal)
    try:
        return _checked(library.decode_timestamp_response(answer.body), request, data)
    except ValueError:
        raise StampError(f"its answer is no time stamp ({answer.content_type or 'of no type'})") from None


def _checked(response: TimeStampResponse, request: TimeStampRequest, data: bytes) -> Stamp:
    if response.status not in _GRANTED:
        why = "; ".join(response.status_string) or f"status {response.status}"
        raise StampError(f"it gives no stamp: {why}")
    info = response.tst_info
    is_sha256 = info.message_imprint.hash_algorithm.dotted_string == _SHA256
    if not is_sha256 or info.message_imprint.message != hashlib.sha256(data).digest():
        raise StampError("its stamp is over something else than what was sent")
    if info.nonce != request.nonce:
        raise StampError("its stamp has not the nonce that was sent: it may be an old one")
    return Stamp(response.time_stamp_token(), info.gen_time)
