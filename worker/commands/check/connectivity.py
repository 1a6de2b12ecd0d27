"""What `check` says of points: whether they can be reached, with the certificates and proxies that they want."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from worker.commands.check import config_warnings

if TYPE_CHECKING:
    from storage.points import Point
    from webhooks.target import Target
    from worker.commands.check.check_report import Report
    from worker.settings import Settings

_REACH_SECONDS = 5.0


def points(settings: Settings, report: Report, receiving: Sequence[Point]) -> None:
    """A mirrored point that no route leads to is sent nothing, so whether it can be reached matters little."""
    from webhooks import address_guard, connectivity

    allow = address_guard.networks(settings.delivery.allow_networks)
    targets = _targets(settings, receiving)
    problems = connectivity.problems(
        targets, allow=allow, timeout_seconds=min(_REACH_SECONDS, settings.delivery.timeout)
    )
    for point in receiving:
        problem, where = problems.get(point.code), f"points[{point.code}]"
        report.points.append({"code": point.code, "url": point.url, "problem": problem})
        is_routed = config_warnings.is_routed(settings, point.code, type=point.type)
        if problem is not None and point.origin == "mirrored" and not is_routed:
            report.warnings.append(config_warnings.Warned(where, f"{problem} (no route leads there)"))
        elif problem is not None:
            report.add(where, "point", problem, exit_code=3)


def _targets(settings: Settings, points: Sequence[Point]) -> list[Target]:
    """With what is needed to reach them: certificates and proxies."""
    from changes.sealing import SealKeyError
    from tasks.delivery.points import target_of
    from webhooks.target import Target
    from worker import bootstrap

    vault, policy = bootstrap.open_vault(settings), bootstrap.delivery_policy(settings)
    targets = []
    for point in points:
        try:
            targets.append(target_of(point, vault=vault, policy=policy))
        except SealKeyError:  # told by what looks at the key
            targets.append(Target(point.code, point.url or ""))
    return targets
