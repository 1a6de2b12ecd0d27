"""Which points get events that nobody has signed: one answer for `check`, `/plan`, `status` and the page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from changes import routes

if TYPE_CHECKING:
    from worker.settings import Settings

HINT = "give it a secret, or set delivery.secret for all"


def codes(settings: Settings, receivers: Mapping[str, str | None], *, signed: Collection[str]) -> list[str]:
    """Those that a route leads to and that have no secret, in their order.

    `receivers`: all that receive, code -> type. `signed`: those among them that have a secret of their own, or pull:
    whoever reads the feed reads our own answers.
    """
    from worker import bootstrap

    if settings.delivery.secret is not None:
        return []
    return sorted(set(routes.led_to(bootstrap.routes(settings), receivers)).difference(signed))
