"""The rows of `status`: how each resource stands; used by standing.py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from changes.cadence import judging
from changes.cadence.terms import Planned, Promise
from storage.states import ScanState, SuspectState
from tasks.cadence import observed
from tasks.scan.head_state import HeadState
from upstream.heads import Way
from worker.commands import odd_rows
from worker.commands.status import remarks

if TYPE_CHECKING:
    from storage.reports import LastScan, Named
    from storage.scans import ResourceState
    from storage.session import Session

#: Between two slices a scan is nobody's for a moment; one that is longer nobody's waits for a process.
_BETWEEN_SLICES = timedelta(seconds=60)
#: What is told of a plan as it stands there.
_OF_PLAN = ("interval_seconds", "head_interval_seconds", "requests_per_scan")


def read(
    session: Session,
    named: list[Named],
    schedules: Mapping[tuple[str, str], str],
    planned: Mapping[tuple[str, str], Planned],
    *,
    can_scan: bool,
    now: datetime,
) -> list[dict[str, Any]]:
    """One for each resource, in the shape of `--json`; a handful of statements, however many there are.

    `can_scan`: a worker that scans is at work.
    """
    from storage import leases, reports, suspects
    from storage.scans import ResourceState

    counts, scans = reports.row_counts(session, named), reports.last_scans(session, named)
    states, suspected = reports.told_states(session), suspects.counts(session)
    holders, resting = suspects.holders(session), remarks.read_rests(session, now=now)
    leased = leases.held_names(session, leases.OF_SCANS, now=now)
    rows = []
    for source, resource in named:
        at = (source, resource.name)
        state, last, absent = states.get(at, ResourceState()), scans.get(at), suspected.get(at, {})
        schedule, is_off, plan = schedules[at], schedules[at] == "off", planned.get(at)
        shown = _state(
            last,
            is_off=is_off,
            is_leased=leases.of_scan(*at) in leased,
            can_scan=can_scan,
            now=now,
        )
        complete_at, held = state.last_complete_at, absent.get(SuspectState.HELD, 0)
        rest = None if is_off else resting.of(source, resource.name)
        next_at = None if is_off else _next(state, resting.until(source, resource.name))
        rows.append(
            {
                "source": source,
                "resource": resource.name,
                "rows": counts[at],
                "last_complete_at": complete_at,
                "age_seconds": None if complete_at is None else round((now - complete_at).total_seconds(), 3),
                "next_at": next_at,
                "state": shown,
                "held": held,
                "suspects": sum(absent.values()) - held,
                "problem": remarks.problem(state, last, shown=shown, plan=plan, rest=rest, now=now),
                "schedule": schedule,
                "held_scan": holders.get(at) if held else None,
                "last_problem": state.last_problem,
                "last_problem_at": state.last_problem_at,
                **{name: None if last is None else getattr(last, name) for name in ("skipped", *odd_rows.COUNTED)},
                "scan_id": None if last is None else last.id,
                "scan_started_at": None if last is None else last.started_at,
                "overdue_seconds": _overdue(next_at, shown, now),
                **_promises(plan, state, now),
                "no_heads": None if is_off else _no_heads(state),
            }
        )
    return rows


def _state(last: LastScan | None, *, is_off: bool, is_leased: bool, can_scan: bool, now: datetime) -> str:
    """That of the last scan, also of a resource that has been switched off since.

    `interrupted`: nobody has it in hand, it waits to go on where it stood.
    """
    if last is None:
        return "off" if is_off else "waiting"
    if last.state != ScanState.RUNNING or is_leased:
        return last.state
    beat_at = last.heartbeat_at or last.started_at
    return ScanState.RUNNING if can_scan and now - beat_at < _BETWEEN_SLICES else "interrupted"


def _next(state: ResourceState, rests_until: datetime | None) -> datetime | None:
    """What is left alone is not asked before that is over, whatever its schedule says."""
    if state.next_at is None or rests_until is None:
        return state.next_at
    return max(state.next_at, rests_until)


def _overdue(next_at: datetime | None, shown: str, now: datetime) -> float | None:
    """For how long its next scan should have begun; None where it is still to come, or runs."""
    if next_at is None or next_at > now or shown == ScanState.RUNNING:
        return None
    return round((now - next_at).total_seconds(), 3)


def _promises(plan: Planned | None, state: ResourceState, now: datetime) -> dict[str, Any]:
    """What is promised, and what is kept of it. `late_seconds`: of the promise that is broken most, else None."""
    if plan is None:
        nothing: dict[str, Any] = {"promises": {}, "kept": {}, "observed": {}, "seen_until": {}, "unkept": []}
        return {**nothing, **dict.fromkeys((*_OF_PLAN, "why", "promised_seconds", "late_seconds"))}
    until = observed.until(plan, state)
    seen = observed.ages(until, now=now)
    late = judging.late(plan, seen, now=now)
    return {
        "promises": {which.value: round(seconds, 3) for which, seconds in plan.promises.items()},
        "kept": {which.value: which not in late for which in plan.promises},
        "observed": {which.value: round(seconds, 3) for which, seconds in seen.items()},
        "seen_until": {which.value: at for which, at in until.items()},
        "unkept": [which.value for which, is_kept in plan.is_kept.items() if not is_kept],
        **{name: getattr(plan, name) for name in _OF_PLAN},
        "why": plan.why,
        "promised_seconds": round(plan.promises[Promise.UPDATED], 3),
        "late_seconds": round(max(late.values()), 3) if late else None,
    }


def _no_heads(state: ResourceState) -> str | None:
    """Why its newest records cannot be read by themselves, as the source's answers have shown."""
    head = HeadState.from_json(state.head)
    return head.why if head.way is Way.NONE else head.problem or None
