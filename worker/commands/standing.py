"""What `status` prints: how each resource and each point stands."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from worker.commands import output, remarks, selecting, times

if TYPE_CHECKING:
    from sqlmodel import Session

    from storage.reports import LastScan, Named
    from worker.settings import Settings

_COLOURS = {
    "complete": "green",
    "active": "green",
    "running": "cyan",
    "drifted": "yellow",
    "partial": "yellow",
    "paused": "yellow",
    "failed": "red",
    "gone": "red",
    "off": "dim",
    "waiting": "dim",
}


def show(settings: Settings, *, source_name: str | None, wants_json: bool) -> None:
    """A handful of statements, however many resources there are."""
    from changes import schedules
    from storage import deliveries, processes
    from worker import bootstrap

    catalogues = bootstrap.load_catalogues(settings)
    named = selecting.resources(catalogues, (), source_name=source_name)
    plans = {
        (source, resource.name): schedules.resolve(resource, settings.sources[source].schedule).strip()
        for source, resource in named
    }
    now = times.now()
    database = bootstrap.open_database(settings, catalogues=catalogues)
    try:
        with database.read() as session:
            resources, scan_ids = _resources(session, named, plans, now=now)
            points = _points(session, now=now)
            known, lost = processes.list_all(session), deliveries.resting(session)
    finally:
        database.dispose()
    if wants_json:
        output.document({"resources": resources, "points": points})
    else:
        _print(resources, points, scan_ids)
        output.say("")
        for line, colour in [*remarks.of_losses(lost), *remarks.of_processes(settings, known, now=now)]:
            output.say(line, style=colour)


def _resources(
    session: Session, named: list[Named], plans: dict[tuple[str, str], str], *, now: datetime
) -> tuple[list[dict[str, Any]], dict[tuple[str, str], str]]:
    """The rows of `--json`, and which scan holds deletions back."""
    from storage import reports
    from storage import suspects as holding
    from storage.scans import ResourceState

    counts, scans = reports.row_counts(session, named), reports.last_scans(session, named)
    states, suspects = reports.resource_states(session), reports.suspect_counts(session)
    holders, resting = holding.holders(session), remarks.read_rests(session, now=now)
    rows, scan_ids = [], {}
    for source, resource in named:
        at = (source, resource.name)
        state, last, suspected = states.get(at, ResourceState()), scans.get(at), suspects.get(at, {})
        complete_at = state.last_complete_at
        held = suspected.get("held", 0)
        if held:
            scan_ids[at] = holders[at]
        rows.append(
            {
                "source": source,
                "resource": resource.name,
                "rows": counts[at],
                "last_complete_at": complete_at,
                "age_seconds": None if complete_at is None else round((now - complete_at).total_seconds(), 3),
                "next_at": state.next_at,
                "state": _state(last, is_off=plans[at] == "off"),
                "held": held,
                "suspects": sum(suspected.values()) - held,
                "problem": remarks.problem(
                    state,
                    last,
                    schedule=plans[at],
                    rest=None if plans[at] == "off" else resting.of(source, resource.name),
                    now=now,
                ),
            }
        )
    return rows, scan_ids


def _state(last: LastScan | None, *, is_off: bool) -> str:
    """That of the last scan, also of a resource that has been switched off since."""
    if last is not None:
        return last.state
    return "off" if is_off else "waiting"


def _points(session: Session, *, now: datetime) -> list[dict[str, Any]]:
    from storage import deliveries, points
    from webhooks import breaker

    counts = deliveries.counts(session)
    return [
        {
            "code": point.code,
            "url": point.url,
            "state": point.shown_state,
            "due": counts.get(point.code, deliveries.Counts()).due,
            "dead": counts.get(point.code, deliveries.Counts()).dead,
            "delivered": point.delivered,
            "breaker": breaker.word(point.paused_until, now=now),
        }
        for point in points.list_all(session)
        if point.state != "shadowed"  # another point has its code and receives; `points list` shows both
    ]


def _print(resources: list[dict[str, Any]], points: list[dict[str, Any]], scan_ids: dict[tuple[str, str], str]) -> None:
    several = len({row["source"] for row in resources}) > 1
    shown = [row for row in resources if row["state"] != "off" or row["rows"]]
    output.table(
        ("resource", "rows", "state", "last complete", "age", "next", "problem"),
        (
            (
                f"{row['source']}:{row['resource']}" if several else row["resource"],
                row["rows"],
                (row["state"], _COLOURS.get(row["state"], "")),
                row["last_complete_at"],
                output.lasting(row["age_seconds"]),
                row["next_at"],
                (_remark(row, scan_ids), "red"),
            )
            for row in shown
        ),
        right=("rows", "age"),
    )
    if len(shown) < len(resources):
        output.say(f"\n{len(resources) - len(shown)} more are off and empty; `mirrorpoint resources` lists all")
    if points:
        output.say("")
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
        )


def _remark(row: dict[str, Any], scan_ids: dict[tuple[str, str], str]) -> str:
    remarks = [row["problem"] or ""]
    if row["held"]:
        scan_id = scan_ids.get((row["source"], row["resource"]), "?")
        remarks.append(f"{row['held']:,} deletions held, `mirrorpoint approve {scan_id}` lets them through")
    if row["suspects"]:
        remarks.append(f"{row['suspects']:,} absent once, not deleted yet")
    return "; ".join(remark for remark in remarks if remark)
