"""How `status` looks to people: a summary, what is in trouble, the points, then all resources, a line each."""

from __future__ import annotations

import shutil
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from changes import written
from storage.states import PointState, ScanState
from worker import output
from worker.commands import times
from worker.commands.status import heads, verified

if TYPE_CHECKING:
    from worker.commands.status.wanted import Wanted

_COLOURS = {
    ScanState.COMPLETE: "green",
    PointState.ACTIVE: "green",
    "pulls": "green",
    ScanState.RUNNING: "cyan",
    "interrupted": "yellow",
    "paused": "yellow",
    ScanState.DRIFTED: "yellow",
    ScanState.PARTIAL: "yellow",
    ScanState.FAILED: "red",
    PointState.GONE: "red",
    "off": "dim",
    "waiting": "dim",
}
_GRAVE = frozenset({"altered", "contradicted", "nobody-at-work", "broker", "credentials", "source", "failed"})
#: Lists with one and the same problem are named in one line, so many of them.
_NAMED = 4


def show(told: Mapping[str, Any], wanted: Wanted) -> None:
    """The document of `--json` as text. A pipe is given every column."""
    summary = told["summary"]
    in_short = _in_short(summary, sum(map(_is_to_come, told["resources"])))
    output.say(in_short, style="bold" if summary["ok"] else "bold red")
    if not wanted.resources:
        output.say(_who_works(told["processes"]), style="dim")
        output.say(verified.line(told["verification"]), style="dim")
        kept = heads.line(told["heads"], now=times.now())
        if kept is not None:
            output.say(kept, style="dim")
    print_problems(summary["problems"], told["resources"])
    if not wanted.resources:
        _print_not_configured(told["not_configured"])
        _print_erased(told["erased"])
    if wanted.has_only_problems:
        return
    if told["points"] and not wanted.resources:
        output.say("")
        _print_points(told["points"])
    output.say("")
    lines = _print_resources(told["resources"], told["sources"], is_chosen=bool(wanted.resources))
    if summary["problems"] and sys.stdout.isatty() and lines > shutil.get_terminal_size().lines:
        output.say(f"\n{in_short}: see above, or `mirrorpoint status --problems`", style="bold red")


def _print_not_configured(left: Sequence[Mapping[str, Any]]) -> None:
    if left:
        names = ", ".join(f"{each['source']}:{each['resource']}" for each in left[:_NAMED])
        more = ", …" if len(left) > _NAMED else ""
        rows = sum(each["rows"] for each in left)
        output.say(f"{rows:,} rows are left of what is not configured any more ({names}{more}); `mirrorpoint retire`")


def _print_erased(erased: Mapping[str, Any]) -> None:
    """What no longer is what it was, though nothing was altered."""
    found = []
    if erased["records"]:
        records = "1 record" if erased["records"] == 1 else f"{erased['records']:,} records"
        found.append(f"the content of {records} was erased, last at {output.moment(erased['last_at'])}")
    if erased["swept_at"]:
        found.append(f"the retention last erased older versions at {output.moment(erased['swept_at'])}")
    if found:
        output.say(f"{'; '.join(found)} (`mirrorpoint actions`)")


def _is_to_come(row: Mapping[str, Any]) -> bool:
    """Whether nothing is known of it yet, neither good nor bad."""
    is_unread = row["schedule"] != "off" and row["last_complete_at"] is None and row["late_seconds"] is None
    return is_unread and not row["last_problem"] and row["state"] in ("waiting", "interrupted", ScanState.RUNNING)


def _in_short(summary: Mapping[str, Any], to_come: int) -> str:
    number, off = len(summary["problems"]), summary["off"]
    problems = "no problems" if not number else "1 problem" if number == 1 else f"{number} problems"
    waiting = sum(problem["code"] == "held" for problem in summary["problems"])
    person = f"; {waiting} of them {'waits' if waiting == 1 else 'wait'} for a person" if waiting else ""
    without = f" ({off} more are off)" if off else ""
    on = summary["resources"] - off
    if to_come and to_come == on:
        what = "1 resource waits for its" if on == 1 else f"{on} resources wait for their"
        return f"{problems}{person}; nothing was scanned yet: {what} first whole scan{without}"
    rest = f", {to_come} not scanned whole yet" if to_come else ""
    return f"{problems}{person}; {summary['fine'] - to_come} of {on} resources are fine{rest}{without}"


def _who_works(processes: Sequence[Mapping[str, Any]]) -> str:
    working = [each for each in processes if each["at_work"]]
    if not working:
        return "nobody is at work"
    last = min((times.now() - each["beat_at"]).total_seconds() for each in working)
    return f"at work: {', '.join(each['name'] for each in working)}; last sign {written.lasting(last)} ago"


def print_problems(problems: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]] = ()) -> None:
    """One line each; lists with one and the same problem share one. `rows`: the resources, for how late each is."""
    lateness = {f"{row['source']}:{row['resource']}": row["late_seconds"] or 0.0 for row in rows}
    alike: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for problem in problems:
        # How late each one is differs, and matters less than that all are.
        message = problem["message"] if problem["code"] != "late" else ""
        alike[problem["code"], message, problem["hint"]].append(problem["where"])
    messages = {problem["where"]: problem["message"] for problem in problems if problem["code"] == "late"}
    if problems:
        output.say("")
    for (code, message, hint), places in alike.items():
        if len(places) > _NAMED:
            shown = places if message else sorted(places, key=lambda place: -lateness.get(place, 0.0))
            where = f"{len(places)} lists ({', '.join(shown[:_NAMED])}, …)"
            said = message or f"later than promised, the worst first: {messages[shown[0]]}"
            output.say(_line(where, said, hint), style=_colour(code))
            continue
        for place in places:
            output.say(_line(place, message or messages[place], hint), style=_colour(code))


def _line(where: str, message: str, hint: str) -> str:
    return f"! {where}: {message}" + (f"; {hint}" if hint else "")


def _colour(code: str) -> str:
    return "red" if code in _GRAVE else "yellow"


def _print_points(points: Sequence[Mapping[str, Any]]) -> None:
    output.table(
        ("point", "url", "state", "due", "dead", "delivered", "breaker"),
        (
            (
                row["code"],
                row["url"],
                (row["state"], _COLOURS.get(row["state"], "")),
                row["due"],
                (output.text(row["dead"]), "red" if row["dead"] else ""),
                row["delivered"],
                (row["breaker"], "" if row["breaker"] == "closed" else "red"),
            )
            for row in points
        ),
        right=("due", "dead", "delivered"),
        gives_way=("delivered",),
        shortens=("url", "point"),
    )


def _print_resources(
    resources: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]], *, is_chosen: bool
) -> int:
    """Returns how many lines they are."""
    shown = [row for row in resources if is_chosen or row["state"] != "off" or row["rows"]]
    output.table(
        ("resource", "rows", "state", "last complete", "age", "promised", "next", "remark"),
        (
            (
                f"{row['source']}:{row['resource']}" if len(sources) > 1 else row["resource"],
                row["rows"],
                (row["state"], _COLOURS.get(row["state"], "")),
                row["last_complete_at"],
                written.lasting(row["age_seconds"]),
                _promised(row),
                _next(row),
                (_remark(row), "yellow"),
            )
            for row in shown
        ),
        right=("rows", "age"),
        gives_way=("last complete", "next", "promised"),
        shortens=("remark", "resource"),
    )
    if any(row["late_seconds"] is not None for row in shown):
        output.say(
            "\nage counts from the end of the last complete scan, late from the beginning of the last look", style="dim"
        )
    if len(shown) < len(resources):
        output.say(f"\n{len(resources) - len(shown)} more are off and empty; `mirrorpoint resources` lists all")
    return len(shown)


def _promised(row: Mapping[str, Any]) -> str:
    """How late a change is seen at most; where new records are seen sooner, that before it."""
    if not row["promises"]:
        return "-"
    created, whole = row["promises"]["created"], written.lasting(row["promised_seconds"])
    return whole if created >= row["promised_seconds"] else f"new {written.lasting(created)}, all {whole}"


def _next(row: Mapping[str, Any]) -> str:
    """A moment that has passed says for how long."""
    overdue = row["overdue_seconds"]
    if overdue is None:
        at: datetime | None = row["next_at"] if row["state"] != ScanState.RUNNING else None
        return output.moment(at)
    return "due now" if overdue < 60 else f"due for {written.lasting(overdue)}"


def _remark(row: Mapping[str, Any]) -> str:
    late = "" if row["late_seconds"] is None else f"{written.lasting(row['late_seconds'])} late"
    remarks = [late, row["problem"] or ""]
    if row["held"]:
        remarks.append(f"{row['held']:,} deletions held, `mirrorpoint approve {row['held_scan']}` lets them through")
    if row["suspects"]:
        remarks.append(f"{row['suspects']:,} absent once, not deleted yet")
    if row["no_heads"]:
        remarks.append(f"no head scans: {row['no_heads']}")
    return "; ".join(remark for remark in remarks if remark)
