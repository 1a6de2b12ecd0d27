"""Signs a delivery as Standard Webhooks says; used by the sender, and by `check` and `points add` on secrets."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

from standardwebhooks import Webhook

PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)  #: what the specification allows

_CURE = "make one with: python -c \"import base64, os; print('whsec_' + base64.b64encode(os.urandom(32)).decode())\""


def headers(event_id: str, body: bytes, *, secrets: Sequence[str], attempted_at: datetime) -> dict[str, str]:
    """The three webhook headers; each secret adds a signature, so the receiver may have any one of the secrets.

    Without a secret there is no signature; id and time are sent all the same.
    """
    named = {"webhook-id": event_id, "webhook-timestamp": str(int(attempted_at.timestamp()))}
    if secrets:
        text, stamp = body.decode(), attempted_at.astimezone(UTC)
        named["webhook-signature"] = " ".join(_signer(secret).sign(event_id, stamp, text) for secret in secrets)
    return named


def split(text: str | None) -> tuple[str, ...]:
    """The secrets in one setting: `new old`, parted by white space, while a receiver changes from one to the other."""
    return tuple((text or "").split())


def check_secret(text: str) -> None:
    """ValueError if a secret in `text` cannot sign; it says what to do, and does not quote the secret."""
    secrets = split(text)
    if not secrets:
        raise ValueError(f"the signing secret is empty; {_CURE}")
    for number, secret in enumerate(secrets, start=1):
        which = "the signing secret" if len(secrets) == 1 else f"signing secret {number} of {len(secrets)}"
        if not secret.startswith(PREFIX):
            raise ValueError(f"{which} does not begin with {PREFIX}; {_CURE}")
        encoded = secret.removeprefix(PREFIX)
        try:
            size = len(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
        except binascii.Error as error:
            raise ValueError(f"{which} is not base64 behind {PREFIX}; {_CURE}") from error
        if size not in SECRET_BYTES:
            raise ValueError(f"{which} has {size} bytes where 24 to 64 are needed; {_CURE}")


@lru_cache(maxsize=1024)
def _signer(secret: str) -> Webhook:
    return Webhook(secret)
