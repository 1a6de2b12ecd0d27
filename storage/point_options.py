"""How one point is sent to where that differs from `[delivery]`: two columns of its row, one of them encrypted.

Written at start and by `points add` and `points edit`; read by the delivery step and `points test`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from changes.sealing import Vault

#: Members of `mirrorpoint_point.options`; those of `sealed_options` are `headers` and `proxy`.
_OPEN = (
    "timeout_seconds",
    "retries_seconds",
    "requests_per_second",
    "content_type",
    "ca",
    "client_certificate",
    "client_key",
)


@dataclass(frozen=True, slots=True)
class Options:
    """What is set for one point; None and empty: as `[delivery]` has it."""

    timeout_seconds: float | None = None
    retries_seconds: tuple[float, ...] | None = None  #: pauses before the 2nd, 3rd, ... attempt; (): none is made
    requests_per_second: float | None = None
    content_type: str | None = None
    ca: str | None = None  #: absolute path of a PEM file, as the next two are
    client_certificate: str | None = None
    client_key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxy: str | None = field(default=None, repr=False)

    def open(self) -> dict[str, Any]:
        """For the column `options`: what may be shown, as JSON; only what is set."""
        values = {name: getattr(self, name) for name in _OPEN}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items() if v is not None}

    def hidden(self) -> dict[str, Any]:
        """For `sealed_options`, which is encrypted: headers and proxy; only what is set."""
        hidden: dict[str, Any] = {"headers": dict(self.headers)} if self.headers else {}
        return hidden | ({"proxy": self.proxy} if self.proxy else {})

    def sealed(self, vault: Vault) -> str | None:
        """`hidden` as it is stored; None where nothing is set."""
        hidden = self.hidden()
        return vault.encrypt(json.dumps(hidden, sort_keys=True)) if hidden else None


def read(options: Mapping[str, Any] | None, sealed_options: str | None, *, vault: Vault) -> Options:
    """Out of the two columns; SealKeyError where the second was encrypted with another key."""
    values = dict(options or {})
    if values.get("retries_seconds") is not None:
        values["retries_seconds"] = tuple(values["retries_seconds"])
    hidden = json.loads(vault.decrypt(sealed_options)) if sealed_options else {}
    return Options(**values, headers=hidden.get("headers", {}), proxy=hidden.get("proxy"))
