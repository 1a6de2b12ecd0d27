"""What an export carries of the record: its newest signed checkpoint, and a signature over the manifest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.session import Session
    from worker.settings import Settings


def of(settings: Settings) -> tuple[Callable[[Session], str | None], Callable[[str], str] | None]:
    """How the checkpoint is found, and how a text is signed; None for the latter where there is no signing key."""
    from storage import seals
    from storage.seals import Log
    from worker import record_policy

    signer = record_policy.of(settings).signer

    def checkpoint(session: Session) -> str | None:
        newest = seals.last(session, Log.CHANGES, signed=True)
        return None if newest is None else newest.checkpoint

    return checkpoint, None if signer is None else lambda text: str(signer.note(Log.CHANGES, text))
