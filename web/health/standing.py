"""What `status` says, as checks: processes, broker, late resources, points, the record; called by health.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from web.health.checks import Check, Status

#: Codes of the problems of `status` that somebody here can cure, and must; all others are told and no more.
GRAVE = frozenset({"altered", "contradicted", "nobody-at-work", "broker", "credentials"})
#: Code -> name of the check; all others are those of one resource.
_NAMES = {
    "altered": "record:verification",
    "contradicted": "record:heads",
    "not-kept": "record:heads",
    "nobody-at-work": "processes:beat",
    "broker": "broker:connection",
    "credentials": "source:credentials",
    "source": "source:answers",
    "over-budget": "source:budget",
    "gone": "point:state",
    "paused": "point:state",
    "dead": "point:deliveries",
    "lost": "point:deliveries",
    "unsigned": "point:signatures",
}
_OF_RESOURCE = "resource:lastComplete"


def checks(status: Mapping[str, Any], *, at: datetime) -> Iterator[Check]:
    """Each problem as a check, and what is well where an outsider would ask for it."""
    problems = status["summary"]["problems"]
    ages = {f"{row['source']}:{row['resource']}": row["age_seconds"] for row in status["resources"]}
    for problem in problems:
        yield _of_problem(problem, ages, at)
    troubled = {_NAMES.get(problem["code"]) for problem in problems}
    if "processes:beat" not in troubled:
        yield from _beats(status["processes"], at)
    if "broker:connection" not in troubled and status["broker"]["reachable"]:
        yield Check("broker:connection", "component", Status.PASS, at=at)
    if "record:verification" not in troubled and status["verification"] is not None:
        verified_at = status["verification"]["ended_at"]
        age = _age(verified_at, at)
        yield Check("record:verification", "component", Status.PASS, at=at, observed=age, unit="s")
    fine = status["summary"]["fine"]
    yield Check("resources:fine", "component", Status.PASS, at=at, observed=fine, unit="resources")
    due = sum(row["due"] for row in status["points"])
    yield Check("points:due", "component", Status.PASS, at=at, observed=due, unit="deliveries")


def _of_problem(problem: Mapping[str, Any], ages: Mapping[str, float | None], at: datetime) -> Check:
    name, where = _NAMES.get(problem["code"], _OF_RESOURCE), problem["where"]
    age = ages.get(where) if name == _OF_RESOURCE else None
    said = problem["message"] + (f"; {problem['hint']}" if problem["hint"] else "")
    status = Status.FAIL if problem["code"] in GRAVE else Status.WARN
    unit = None if age is None else "s"
    return Check(name, "component", status, at=at, component=where, observed=age, unit=unit, output=said)


def _beats(processes: list[Mapping[str, Any]], at: datetime) -> Iterator[Check]:
    for each in processes:
        if each["at_work"]:
            age = _age(each["beat_at"], at)
            name = "processes:beat"
            yield Check(name, "system", Status.PASS, at=at, component=each["name"], observed=age, unit="s")


def _age(moment: Any, at: datetime) -> float:
    then = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
    return round((at - then).total_seconds(), 1)
