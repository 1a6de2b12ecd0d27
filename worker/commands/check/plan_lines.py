"""How `check` shows a plan: a line for each resource, with what it costs and what it promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from changes import written
from changes.cadence.terms import Planned, Promise
from worker import output


@dataclass(frozen=True, slots=True)
class Line:
    """One resource of the plan."""

    source: str
    schedule: str
    rows: int | None
    is_estimate: bool  #: how many rows and requests there are is not known before the first scan
    planned: Planned

    def told(self) -> dict[str, Any]:
        """For `--json`."""
        planned = self.planned
        return {
            "source": self.source,
            "resource": planned.resource,
            "class": planned.class_,
            "schedule": self.schedule,
            "rows": self.rows,
            "requests_per_scan": round(planned.requests_per_scan),
            "requests_per_hour": planned.requests_per_hour,
            "interval_seconds": planned.interval_seconds,
            "head_interval_seconds": planned.head_interval_seconds,
            "promises": {which.value: seconds for which, seconds in planned.promises.items()},
            "kept": {which.value: is_kept for which, is_kept in planned.is_kept.items()},
            "why": planned.why,
            "staleness_seconds": planned.promises[Promise.UPDATED],
            "is_estimate": self.is_estimate,
        }


def show(lines: Sequence[Line], *, names_source: bool) -> None:
    """A table for people."""
    if not lines:
        return
    which = tuple(Promise)
    output.table(
        ("resource", "schedule", "rows", "interval", "head", "requests a scan", "an hour", *which, "why"),
        (
            (
                f"{line.source}:{line.planned.resource}" if names_source else line.planned.resource,
                line.schedule,
                _about(line.rows, line),
                written.lasting(line.planned.interval_seconds),
                written.lasting(line.planned.head_interval_seconds),
                _about(round(line.planned.requests_per_scan), line),
                f"{line.planned.requests_per_hour:,.1f}",
                *(_promise(line.planned, each) for each in which),
                line.planned.why,
            )
            for line in lines
        ),
        right=("rows", "requests a scan", "an hour"),
        gives_way=("why", "rows", "schedule", "requests a scan", "an hour", "head", "interval"),
        shortens=("resource",),
    )
    output.say("")
    if any(line.is_estimate for line in lines):
        output.say(
            "~ estimated from one list of each, since there was no scan yet; after the first one `check` knows\n"
        )


def _promise(planned: Planned, which: Promise) -> tuple[str, str]:
    """One that the plan cannot keep is marked."""
    told = written.lasting(planned.promises[which])
    return (told, "") if planned.is_kept[which] else (f"{told} (not kept)", "red")


def _about(number: int | None, line: Line) -> str:
    return f"~{output.text(number)}" if line.is_estimate and number is not None else output.text(number)
