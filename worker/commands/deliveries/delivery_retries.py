"""What `deliveries retry` does: makes due now what is dead or waits, when a person has said which."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.states import DeliveryState
from worker import output
from worker.commands import times
from worker.commands.deliveries.delivery_list import check
from worker.commands.points import point_choice
from worker.problems import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from sqlmodel import Session

    from storage.deliveries import Again
    from storage.engine import Database
    from worker.settings import Settings

_POSSIBLE = (DeliveryState.DEAD, DeliveryState.DUE, DeliveryState.SKIPPED, DeliveryState.DELIVERED)
#: Where no state was named: whatever has failed.
_FAILED = (DeliveryState.DEAD, DeliveryState.DUE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    ids: Sequence[int]
    point: str | None
    states: Sequence[str]
    since: str | None
    until: str | None
    is_all: bool

    @property
    def is_narrow(self) -> bool:
        return bool(self.ids or self.point or self.since or self.until or self.is_all)


def retry(settings: Settings, wanted: Wanted, *, wants_json: bool) -> None:
    """Due now; what is to be tried must have been named."""
    from storage import deliveries
    from worker import bootstrap
    from worker.commands.acting import acting

    for state in wanted.states:
        check(state, _POSSIBLE, option="--state")
    if wanted.is_all and (wanted.ids or wanted.point):
        raise UsageError("--all is every point", "leave it out, or the --point and the IDs")
    now = times.now()
    since, until = _moment(wanted.since, "--from", now), _moment(wanted.until, "--until", now)
    if DeliveryState.DELIVERED in wanted.states and not wanted.ids and wanted.point is None:
        raise UsageError("that would send everything to everyone again", "name a --point, or the IDs")
    # Those that are named may be in whatever state.
    states = wanted.states or (_POSSIBLE if wanted.ids else _FAILED)
    database = bootstrap.open_database(settings)
    try:
        with database.read() as session:
            if not wanted.is_narrow:
                raise _too_much(session, states)
            points = point_choice.codes(session, wanted.point)
            _check_ids(session, wanted.ids)
        with acting(database, "deliveries retry", target=_target(wanted), arguments=_arguments(wanted)) as action:
            with database.write() as session:
                again = deliveries.retry(
                    session, now=now, ids=wanted.ids or None, points=points, states=states, since=since, until=until
                )
            action.outcome = f"done: {again.retried} due now, {again.superseded} superseded"
        stuck = _paused(database, points)
    finally:
        database.dispose()
    if wants_json:
        output.document({"retried": again.retried, "superseded": again.superseded, "erased": again.erased})
    else:
        _tell(again, stuck)


def _tell(again: Again, stuck: Sequence[str]) -> None:
    what = "1 delivery is" if again.retried == 1 else f"{again.retried:,} deliveries are"
    output.say(f"{what} due now")
    if again.superseded:
        left = "1 is" if again.superseded == 1 else f"{again.superseded:,} are"
        output.say(f"{left} superseded and left out: the point has a newer version of the record, or is being sent one")
        output.note("what the point has a newer version of is not counted as dead any more")
    if again.erased:
        left = "1 is" if again.erased == 1 else f"{again.erased:,} are"
        output.say(f"{left} left out: what was to be told was erased")
    for code in stuck:
        output.note(f"{code} is paused by hand, and nothing is sent before `mirrorpoint points resume {code}`")
    if again.retried:
        output.note("`mirrorpoint run` sends them, or `mirrorpoint deliver` now")


def _too_much(session: Session, states: Collection[str]) -> UsageError:
    from storage import deliveries_again

    number = deliveries_again.count(session, states=states)
    return UsageError(
        f"that would try all that is {' or '.join(states)} again, at all points: {number:,} deliveries",
        "name a --point, the IDs or --from, or add --all",
    )


def _check_ids(session: Session, ids: Sequence[int]) -> None:
    from storage import deliveries

    missing = [number for number in ids if deliveries.find(session, number) is None]
    if missing:
        numbers = ", ".join(str(number) for number in missing)
        raise UsageError(f"there is no delivery {numbers}", "`mirrorpoint deliveries` lists all with their numbers")


def _paused(database: Database, points: Collection[str] | None) -> list[str]:
    from storage import point_backoff

    with database.read() as session:
        by_hand = point_backoff.read(session).by_hand
    return sorted(code for code in by_hand if points is None or code in points)


def _target(wanted: Wanted) -> str:
    return ", ".join(str(number) for number in wanted.ids) or wanted.point or "all points"


def _arguments(wanted: Wanted) -> dict[str, object]:
    given = {"state": list(wanted.states), "from": wanted.since, "until": wanted.until, "point": wanted.point}
    return {name: value for name, value in given.items() if value}


def _moment(text: str | None, option: str, now: datetime) -> datetime | None:
    return None if text is None else times.moment(text, option=option, now=now)
