"""Which points receive, and how each is sent to: `[delivery]` with the point's own settings; kept for a second.

Used by `store.py`, by one thread at a time, and by `points test` and `listen`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from changes.sealing import Vault
from storage import point_options, points
from storage.session import Session
from tasks.services import DeliveryPolicy, Services
from webhooks import breaker, retry, sender, signature

#: How old the knowledge of the points may be.
KEPT_SECONDS = 1


class AddressBook:
    """The points that receive."""

    def __init__(self, services: Services) -> None:
        self.points: Mapping[str, points.Point] = {}
        self.rates: Mapping[str, float] = {}  #: attempts a second, of those that have a rate
        self._services = services
        self._read_at = float("-inf")
        self._known: dict[str, tuple[points.Point, sender.Target]] = {}

    def read(self, session: Session) -> None:
        """Read the points again if the last time is too long ago."""
        if time.monotonic() - self._read_at > KEPT_SECONDS:
            self.points, self._read_at = points.targets(session), time.monotonic()
            rates = {code: point.options.get("requests_per_second") for code, point in self.points.items()}
            self.rates = {code: float(rate) for code, rate in rates.items() if rate}

    def forget(self) -> None:
        """Read again at the next call: something has just changed."""
        self._read_at = float("-inf")

    def policy(self, code: str) -> retry.Policy:
        """When to try again; for a code that no point has, as `[delivery]` says."""
        point, delivery = self.points.get(code), self._services.delivery
        retries = None if point is None else point.options.get("retries_seconds")
        return retry.Policy(delivery.retries_seconds if retries is None else tuple(retries), final=delivery.final)

    def pauses(self, code: str) -> breaker.Pauses:
        """How long the point is left alone when it fails."""
        return breaker.pauses(self.policy(code).retries_seconds)

    def target(self, code: str) -> sender.Target:
        """Where its events go; KeyError if no point receives under the code, SealKeyError if secrets are unreadable."""
        point = self.points[code]
        known = self._known.get(code)
        if known is None or _sending(known[0]) != _sending(point):
            target = target_of(point, vault=self._services.vault, policy=self._services.delivery)
            known = self._known[code] = (point, target)
        return known[1]


def target_of(point: points.Point, *, vault: Vault, policy: DeliveryPolicy) -> sender.Target:
    """Where a point's events go and how, with all secrets in clear; SealKeyError if they cannot be read."""
    options = point_options.read(point.options, point.sealed_options, vault=vault)
    return sender.Target(
        point.code,
        url=point.url or "",
        token=vault.decrypt(point.token) if point.token else None,
        secrets=signature.split(vault.decrypt(point.secret) if point.secret else policy.secret),
        headers=tuple(options.headers.items()),
        content_type=options.content_type,
        timeout_seconds=options.timeout_seconds,
        ca=options.ca,
        client_certificate=options.client_certificate,
        client_key=options.client_key,
        proxy=options.proxy or policy.proxy,
    )


def _sending(point: points.Point) -> tuple[object, ...]:
    return (point.id, point.url, point.token, point.secret, point.options, point.sealed_options)
