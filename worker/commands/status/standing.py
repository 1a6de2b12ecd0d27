"""What `status` tells: how resources, points, sources and processes stand, and what of it is a problem."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from storage.states import PointState
from worker import output
from worker.commands import brokers, former_rows, selecting, times, unsigned
from worker.commands.status import heads, outages, remarks, trouble, verified
from worker.commands.status.wanted import Wanted

if TYPE_CHECKING:
    from storage.processes import Process
    from storage.session import Session
    from worker.planned import Plans
    from worker.settings import Settings

#: What `--check` ends with where there is a problem.
INCOMPLETE = 3


def show(settings: Settings, wanted: Wanted, *, is_check: bool, wants_json: bool) -> int:
    """0, or with `is_check` 3 where there is a problem."""
    told = _read(settings, wanted)
    problems = told["summary"]["problems"]
    if wants_json:
        output.document(told)
    elif is_check:
        for problem in problems:
            output.say(f"{problem['where']}: {problem['message']}")
        if not problems:
            output.say("ok")
    else:
        from worker.commands.status import standing_view

        standing_view.show(told, wanted)
    return INCOMPLETE if is_check and problems else 0


def _read(settings: Settings, wanted: Wanted) -> dict[str, Any]:
    """The document of `--json`; a handful of statements, however many resources there are."""
    from changes import schedules
    from storage import deliveries, erasures, processes, sizes
    from worker import bootstrap, planned
    from worker.commands.status import resource_rows

    catalogues, now = bootstrap.load_catalogues(settings), times.now()
    named = selecting.resources(catalogues, wanted.resources, source_name=wanted.source)
    # All lists of a source say together how it stands, whichever of them are asked for.
    all_of = {source: catalogues[source] for source, _ in named}
    everything = selecting.resources(all_of, ()) if wanted.resources else named
    written = {
        (source, resource.name): schedules.resolve(resource, settings.sources[source].schedule).strip()
        for source, resource in everything
    }
    database = bootstrap.open_reading(settings, catalogues=catalogues)
    try:
        with database.read() as session:
            known = processes.list_all(session)
            working = remarks.at_work(known, now=now)
            missing = remarks.missing(working)
            can_scan = not any("scans" in duty for duty in missing)
            plans = planned.read_whole(session, settings, catalogues, now=now)
            read = resource_rows.read(session, everything, written, plans.lines, can_scan=can_scan, now=now)
            chosen = {(source, resource.name) for source, resource in named}
            rows = [row for row in read if (row["source"], row["resource"]) in chosen]
            told: dict[str, Any] = {
                "resources": rows,
                "points": _points(session, settings, now=now),
                "sources": _sources(session, settings, read, plans),
                "processes": _processes(known, working),
            }
            losses = deliveries.resting(session)
            told["heads"] = heads.read(session, settings, now=now)
            told["verification"] = verified.read(session)
            told["erased"] = erasures.summary(session)._asdict()
            told["record"] = _record(session)
            told["database"] = {"name": database.name, **sizes.of(session, database)}
            told["not_configured"] = [each.told() for each in former_rows.of(session, catalogues)]
    finally:
        database.dispose()
    broker = brokers.look(settings)
    told["broker"] = {"url": broker.url, "reachable": broker.is_reachable, "problem": broker.problem or None}
    told["resting_deliveries"] = losses
    told["summary"] = _summary(told, wanted, missing, working)
    return told


def _record(session: Session) -> dict[str, Any]:
    from storage import history, seals

    seal = seals.last(session, seals.Log.CHANGES)
    return {
        "changes": history.last_seq(session),
        "sealed": 0 if seal is None else seal.size,
        "sealed_at": None if seal is None else seal.sealed_at,
        "root": None if seal is None else seal.root,
    }


def _points(session: Session, settings: Settings, *, now: datetime) -> list[dict[str, Any]]:
    from storage import deliveries, point_tokens, points
    from webhooks import breaker

    counts, signs_all = deliveries.counts(session), settings.delivery.secret is not None
    shared, found = point_tokens.shared(session), points.list_all(session)
    receiving = [each for each in found if each.state == PointState.ACTIVE]
    signed = {each.code for each in receiving if each.secret is not None or not each.url}
    without = unsigned.codes(settings, {each.code: each.type for each in receiving}, signed=signed)
    return [
        {
            "code": point.code,
            "url": point.url,
            "state": point.shown_state,
            "due": counts.get(point.code, deliveries.Counts()).due,
            "dead": counts.get(point.code, deliveries.Counts()).dead,
            "delivered": point.delivered,
            "breaker": breaker.word(point.paused_until, now=now),
            "state_reason": point.state_reason,
            "paused_at": point.paused_at,
            "paused_until": point.paused_until,
            "last_status": point.last_status,
            "last_attempt_at": point.last_attempt_at,
            "signed": signs_all or point.secret is not None,
            "gets_unsigned": point.code in without,
            "shares_token_with": shared.get(point.code, []),
        }
        for point in found
        if point.state != PointState.SHADOWED  # another point has its code and receives; `points list` shows both
    ]


def _sources(session: Session, settings: Settings, rows: list[dict[str, Any]], plans: Plans) -> list[dict[str, Any]]:
    from storage import reports

    of_source = defaultdict[str, list[dict[str, Any]]](list)
    for row in rows:
        of_source[row["source"]].append(row)
    names, unkept = [name for name in settings.sources if name in of_source], plans.unkept()
    return [
        {
            "source": name,
            "paused_until": asking.paused_until,
            "failures": asking.failures,
            "rests_until": asking.rests_until,
            "tried_again_at": outages.tried_again_at(asking, asked),
            "unkept": unkept[name] if name in plans.cures else 0,
            "cure": plans.cures.get(name),
            **outages.of(asking, asked),
        }
        for name, asking in reports.asking(session, names).items()
        for asked in [[row for row in of_source[name] if row["schedule"] != "off"]]
    ]


def _processes(known: list[Process], working: list[Process]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "kind": each.kind,
            "host": each.host,
            "started_at": each.started_at,
            "beat_at": each.beat_at,
            "at_work": each in working,
        }
        for each in sorted(known, key=lambda each: each.name)
    ]


def _summary(told: dict[str, Any], wanted: Wanted, missing: list[str], working: list[Process]) -> dict[str, Any]:
    """Where resources are named, only they are judged."""
    from storage import points

    of_resources = list(trouble.of_resources(told["resources"], told["sources"]))
    own = trouble.of_their_own(of_resources, told["resources"], told["sources"])
    found = [*own, *trouble.of_sources(told["sources"])]
    if not wanted.resources:
        found += trouble.of_plans(told["sources"])
        found += trouble.of_record(told["verification"])
        found += trouble.of_points(told["points"])
        found += trouble.of_losses(told["resting_deliveries"])
        found += trouble.of_unsigned(told["points"])
        found += heads.problems(told["heads"])
        found += trouble.of_processes(
            missing,
            told["broker"],
            is_anybody_there=bool(working),
            has_points=any(point["state"] != points.PULLS for point in told["points"]),
        )
    troubled, on = {each.where for each in of_resources}, [row for row in told["resources"] if row["schedule"] != "off"]
    return {
        "ok": not found,
        "resources": len(told["resources"]),
        "fine": sum(f"{row['source']}:{row['resource']}" not in troubled for row in on),
        "off": len(told["resources"]) - len(on),
        "problems": [each._asdict() for each in trouble.gravest_first(found)],
    }
