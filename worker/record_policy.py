"""Settings -> how the record is proved: its signing keys, the places where heads are kept, how often what is done.

Called by bootstrap.py, and by commands that need no more than this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.problems import SettingsError

if TYPE_CHECKING:
    from tasks.services import RecordPolicy
    from tasks.signing import Signer
    from worker.settings import Settings


def of(settings: Settings) -> RecordPolicy:
    """How the record is proved; SettingsError where a signing key is none."""
    from datetime import timedelta

    from tasks.services import RecordPolicy

    record = settings.record
    return RecordPolicy(
        signer=_signer(settings),
        keep=kept_at(settings),
        keep_every=timedelta(seconds=record.keep_every),
        verify_every=None if record.verify == "off" else timedelta(seconds=record.verify),
        retention=None if record.retention == "forever" else timedelta(seconds=record.retention),
    )


def _signer(settings: Settings) -> Signer | None:
    record = settings.record
    if record.name is None or not record.signing_keys:
        return None
    from record import notes
    from tasks.signing import Signer

    keys = []
    for secret in record.signing_keys:
        try:
            keys.append(notes.SigningKey.from_pem(secret.reveal(), name=record.name))
        except notes.NoteError as error:
            hint = "put the key back that `mirrorpoint init` wrote"
            raise SettingsError(secret.file, secret.field, f"{secret.reference} {error}", hint) from None
    return Signer(record.name, tuple(keys))


def kept_at(settings: Settings) -> tuple[str, ...]:
    """The places where heads are kept; a relative file belongs beside the configuration."""
    from worker.secret import expanded

    files = {
        place: f"file:{settings.folder / expanded(place.removeprefix('file:'))}"
        for place in settings.record.keep
        if place.startswith("file:")
    }
    return tuple(files.get(place, place) for place in settings.record.keep)
