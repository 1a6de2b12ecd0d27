"""What an error says of its source as a whole; written down with the failure by full scans and head scans. Pure."""

from __future__ import annotations

from typing import TypedDict

from storage.states import SourceTrouble
from upstream.errors import StopSource, Unreachable, UpstreamError


class Told(TypedDict):
    """Named as `storage/backoff.py` takes it."""

    trouble: SourceTrouble
    reason: str  #: without the resource that was asked: it would have been the same with any other


def of(error: UpstreamError | None) -> Told:
    """Of an error that is the source's own; None, and what may be the resource's fault, makes it just failing."""
    kind = SourceTrouble.FAILING
    if isinstance(error, StopSource):
        kind = SourceTrouble.REFUSED
    elif isinstance(error, Unreachable) and error.is_untouched:
        kind = SourceTrouble.UNREACHED
    parts = (error.message, error.hint) if error is not None else ()
    return Told(trouble=kind, reason=". ".join(part for part in parts if part))
