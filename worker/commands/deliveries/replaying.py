"""What `replay` does: says what a point would be sent once more, asks, and makes it due."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands.acting import acting
from worker.commands.deliveries import replay_choice
from worker.commands.deliveries.replay_choice import Wanted

if TYPE_CHECKING:
    from storage.points import Point
    from tasks.delivery.replay import Plan, ReplayEnd
    from tasks.services import Services
    from worker.commands.calling import Call

#: The exit code of what a person was to be asked, and nobody could be.
_NOT_ASKED = 130
_HOW_SENT = "`mirrorpoint run` sends them, or `mirrorpoint deliver` now"


def replay(call: Call, wanted: Wanted, *, is_sure: bool, wants_json: bool) -> int:
    """130 where a person must be asked first and nobody can be; 3 where something could not be made due."""
    from tasks.delivery import replay as step

    settings = call.settings()
    span = replay_choice.span(wanted)
    services = call.services(settings, only_sources=())
    try:
        with services.database.read() as session:
            point = replay_choice.point_of(session, wanted.point)
            selection = replay_choice.selection(session, settings, wanted, point=point, span=span)
        with _progress("changes looked at", is_shown=not wants_json) as show:
            found = step.plan(services, selection, on_progress=show)
        if not wants_json:
            _tell_found(found)
        is_agreed = bool(found.changes) and _is_agreed(found, is_sure=is_sure)
        end = _make_due(services, found, wanted, shows=not wants_json) if is_agreed else step.ReplayEnd()
    finally:
        services.close()
    if wants_json:
        output.document(_told(found, end))
    elif is_agreed:
        _tell_end(end, point)
    if found.changes and not is_agreed:
        return _NOT_ASKED
    return 3 if end.left else 0


def _is_agreed(found: Plan, *, is_sure: bool) -> bool:
    """False where nobody can be asked; typer.Abort after a no."""
    import typer

    if is_sure:
        return True
    if not sys.stdin.isatty():
        output.note("nothing was sent, since nobody can be asked here: add --yes")
        return False
    typer.confirm(f"send {_number(found.changes)} to {found.point} again?", abort=True, err=True)
    return True


def _make_due(services: Services, found: Plan, wanted: Wanted, *, shows: bool) -> ReplayEnd:
    from tasks.delivery import replay as step

    arguments = {
        "from": wanted.since,
        "to": wanted.until,
        "resource": list(wanted.resources),
        "kind": list(wanted.kinds),
        "as_new": wanted.is_new,
    }
    given = {name: value for name, value in arguments.items() if value}
    done = 0
    try:
        with acting(services.database, "replay", target=found.point, arguments=given) as action:
            with _progress("changes made due", is_shown=shows) as show:

                def on_progress(number: int, total: int) -> None:
                    nonlocal done
                    done = number
                    show(number, total)

                end = step.make_due(services, found, is_new=wanted.is_new, on_progress=on_progress)
            left = f", {end.left:,} left as they were" if end.left else ""
            action.outcome = f"done: {_number(end.made_due)} of {_resources(len(found.resources))} due{left}"
    except KeyboardInterrupt:
        output.note(f"{done:,} of {_number(found.changes)} are due; the same command begins anew with all of them")
        raise
    return end


@contextmanager
def _progress(what: str, *, is_shown: bool) -> Iterator[Callable[[int, int], None]]:
    with output.progress(is_shown=is_shown) as progress:
        bar = None if progress is None else progress.add_task(what, total=None)

        def show(number: int, total: int) -> None:
            if progress is not None and bar is not None:
                progress.update(bar, completed=number, total=total)

        yield show


def _tell_found(found: Plan) -> None:
    between = f"between {output.moment(found.selection.since)} and {output.moment(found.selection.until)}"
    if found.changes:
        owed = f", {found.owed:,} {'is' if found.owed == 1 else 'are'} still owed" if found.owed else ""
        resources = _resources(len(found.resources))
        was = "was" if found.told == 1 else "were"
        output.say(
            f"{_number(found.changes)} of {resources} {between}: {found.told:,} {was} told before{owed}, "
            f"{found.never:,} never"
        )
    else:
        output.say(f"no change {between} goes to {found.point} by its routes")
    if found.erased:
        are = "1 more was erased, and is" if found.erased == 1 else f"{found.erased:,} more were erased, and are"
        output.say(f"{are} left out")


def _tell_end(end: ReplayEnd, point: Point) -> None:
    output.say(f"{_number(end.made_due)} {'is' if end.made_due == 1 else 'are'} due now")
    if end.left:
        output.say(
            f"{_number(end.left)} {'is' if end.left == 1 else 'are'} left out: other events of the same records were "
            "being sent all the while; the same command tries it again"
        )
    if point.paused_at is not None:
        output.note(
            f"{point.code} is paused by hand, and nothing is sent before `mirrorpoint points resume {point.code}`"
        )
    if end.made_due:
        output.note(_HOW_SENT)


def _told(found: Plan, end: ReplayEnd) -> dict[str, Any]:
    return {
        "point": found.point,
        "from": found.selection.since,
        "to": found.selection.until,
        "changes": found.changes,
        "resources": len(found.resources),
        "told": found.told,
        "owed": found.owed,
        "never": found.never,
        "erased": found.erased,
        "made_due": end.made_due,
        "left": end.left,
    }


def _resources(count: int) -> str:
    return "1 resource" if count == 1 else f"{count:,} resources"


def _number(count: int) -> str:
    return "1 change" if count == 1 else f"{count:,} changes"
