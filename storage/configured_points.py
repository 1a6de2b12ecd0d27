"""A point as the configuration has it, and whether the database has it so already; used by points.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from changes.sealing import SealKeyError, Vault
from storage import point_tokens
from storage.point_options import Options


@dataclass(frozen=True, slots=True)
class Configured:
    """A point of the configuration; tokens and secret in clear."""

    code: str
    url: str | None = field(default=None, repr=False)  #: None: it pulls
    type: str | None = None
    token: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    options: Options = field(default_factory=Options)
    token_local: str | None = field(default=None, repr=False)

    def sealed_token(self, vault: Vault) -> str | None:
        """Its local token as the database keeps it."""
        return point_tokens.sealed(vault, self.token_local) if self.token_local else None


def is_same(row: Any, point: Configured, vault: Vault) -> bool:
    """Whether the row, or what was read of it, says what the configuration says."""
    kept = (row.type, row.url, row.options, row.token_local)
    return kept == (point.type, point.url, point.options.open(), point.sealed_token(vault)) and all(
        _holds(encrypted, given, vault)
        for encrypted, given in (
            (row.token, point.token),
            (row.secret, point.secret),
            (row.sealed_options, point.options.hidden()),
        )
    )


def _holds(kept: str | None, given: str | Mapping[str, Any] | None, vault: Vault) -> bool:
    """Encrypted texts differ each time, so they are compared in clear."""
    if not kept or not given:
        return not kept and not given
    try:
        clear = vault.decrypt(kept)
    except SealKeyError:
        return False
    return (clear if isinstance(given, str) else json.loads(clear)) == given
