"""What `status` and `check` say of resources that are in trouble, and of the processes that should be at work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from changes import written
from storage.states import ScanState
from worker import output
from worker.commands import odd_rows

if TYPE_CHECKING:
    from changes.cadence.terms import Planned
    from storage.backoff import Rest
    from storage.processes import Process
    from storage.reports import LastScan
    from storage.scans import ResourceState
    from storage.session import Session

#: What should be at work where anything is scanned and sent by itself, and what is missed where it is not.
_DUTIES = {"clock": "a clock", "scan": "a worker that scans", "deliver": "a worker that delivers"}


@dataclass(frozen=True, slots=True)
class Rests:
    """Who is left alone at the moment."""

    sources: Mapping[str, Rest]
    resources: Mapping[tuple[str, str], Rest]

    def until(self, source: str, resource: str) -> datetime | None:
        """The later of the two moments; None where it is not left alone."""
        rests = (self.resources.get((source, resource)), self.sources.get(source))
        return max((each.until for each in rests if each is not None), default=None)

    def of(self, source: str, resource: str) -> str | None:
        """Until when, and why."""
        own, whole = self.resources.get((source, resource)), self.sources.get(source)
        if whole is not None and (own is None or whole.until > own.until):
            return f"its source is {of_rest(whole)}"
        return None if own is None else of_rest(own)


def read_rests(session: Session, *, now: datetime) -> Rests:
    """As they stand now."""
    from storage import backoff

    return Rests(backoff.resting_sources(session, now=now), backoff.resting_resources(session, now=now))


def of_rest(rest: Rest) -> str:
    """Until when, and why."""
    why = "a failure" if rest.failures == 1 else f"{rest.failures} failures in a row"
    return f"left alone until {output.moment(rest.until)}, after {why}"


def problem(
    state: ResourceState, last: LastScan | None, *, shown: str, plan: Planned | None, rest: str | None, now: datetime
) -> str | None:
    """All that is wrong with a resource, for one cell; None where nothing is.

    `shown`: the state that is shown; `plan`: None where it is off.
    """
    found: list[str | None] = [state.last_problem]
    if not state.last_problem and last is not None and last.skipped:
        found.append(odd_rows.skipped(last.skipped, last.reason))
    if last is not None:
        found += odd_rows.others({name: getattr(last, name) for name in odd_rows.COUNTED})
    if shown == "interrupted":
        found.append("its scan was interrupted, and goes on where it stood when a worker has time for it")
    elif last is not None:
        found.append(_too_slow(last, plan, now))
    if not state.is_held:  # that waits for a person, not for a moment
        found.append(rest)
    return "; ".join(text.rstrip(".") for text in found if text) or None


def _too_slow(last: LastScan, plan: Planned | None, now: datetime) -> str | None:
    seconds = ((last.ended_at or now) - last.started_at).total_seconds()
    if plan is None or plan.interval_seconds is None or seconds < 1 or last.state == ScanState.FAILED:
        return None
    if seconds <= plan.interval_seconds:
        return None
    so_far = "" if last.ended_at else " so far"
    interval = written.lasting(plan.interval_seconds)
    return f"its scan takes {written.lasting(seconds)}{so_far}, longer than its interval of {interval}"


def of_losses(resting: Mapping[str, int]) -> list[tuple[str, str]]:
    """Deliveries that end the process that attempts them: point and text."""
    lines = []
    for point, number in sorted(resting.items()):
        what, which = ("1 delivery", "it") if number == 1 else (f"{number:,} deliveries", "them")
        told = (
            f"{what} to {point} rest{'s' * (number == 1)}: the process that attempted {which} has ended each time; "
            f"`mirrorpoint deliveries --point {point}` shows {which}"
        )
        lines.append((point, told))
    return lines


def at_work(known: Sequence[Process], *, now: datetime) -> list[Process]:
    """Those that were heard of just now, by name."""
    from storage import processes

    silent_since = now - timedelta(seconds=processes.SILENT_SECONDS)
    return sorted((each for each in known if each.beat_at > silent_since), key=lambda each: each.name)


def missing(working: Sequence[Process]) -> list[str]:
    """Which of those that should be at work are not."""
    kinds = {kind for each in working for kind in each.kind.split("+")}
    return [duty for kind, duty in _DUTIES.items() if kind not in kinds]
