"""What is wrong, gravest first: made of what `status` has read, for its first lines, `--json` and `--check`.

Pure: the document of `status` goes in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from changes import written
from storage.states import PointState, SourceTrouble
from worker import output
from worker.commands.status import outages, remarks, verified


class Problem(NamedTuple):
    """One thing that somebody should look at."""

    code: str  #: one of `CODES`
    where: str  #: `backoffice:products`, `points[AUDIT]`, `record`, `record.keep[…]`, `processes`, `broker`, …
    message: str
    hint: str = ""


#: Every code, the gravest first.
CODES = (
    *("altered", "contradicted", "nobody-at-work", "broker", "credentials", "source"),
    *("failed", "held", "partial", "drifted"),
    *("late", "over-budget", "gone", "paused", "shared-token", "dead", "lost", "not-kept", "unsigned"),
)
#: So many points are named in one line.
_NAMED = 5
_LISTS = {
    "failed": "its scan failed",
    "partial": "its scan was incomplete",
    "drifted": "its list moved while it was read",
}


def of_resources(rows: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """A resource that is off is left in peace, but for deletions that wait for a person."""
    from storage.scans import HELD

    cures = {source["source"]: source["cure"] for source in sources}
    for row in rows:
        where, is_off = f"{row['source']}:{row['resource']}", row["schedule"] == "off"
        has_failed = not is_off and (row["state"] in _LISTS or bool(row["last_problem"]))
        if has_failed:
            code = row["state"] if row["state"] in _LISTS else "failed"
            said = row["last_problem"] or _LISTS[code]
            if said.startswith(HELD):
                yield Problem("held", where, said)
                continue
            yield Problem(code, where, f"{code}: {said}" if row["state"] == code else said)
        if row["held"]:
            deletions = "1 deletion is" if row["held"] == 1 else f"{row['held']:,} deletions are"
            hint = f"`mirrorpoint approve {row['held_scan']}` lets them through"
            yield Problem("held", where, f"{deletions} held until a person approves", hint)
        if row["late_seconds"] is not None and not has_failed:
            cure = cures[row["source"]] if row["unkept"] else None
            yield Problem("late", where, _late(row), cure or "")


def of_their_own(
    problems: Sequence[Problem], rows: Sequence[Mapping[str, Any]], sources: Sequence[Mapping[str, Any]]
) -> list[Problem]:
    """Those of the resources that do not follow from a source that cannot be read: that one is told by itself."""
    by_place = {f"{row['source']}:{row['resource']}": row for row in rows}
    by_name = {source["source"]: source for source in sources}
    return [
        each
        for each in problems
        if not outages.explains(by_name[by_place[each.where]["source"]], by_place[each.where], each.code)
    ]


def _late(row: Mapping[str, Any]) -> str:
    """Which look is due; a list that is late as a whole is told so, whatever its newest records are.

    All is counted from when a look began, since what changes behind a scan that runs is not seen by it.
    """
    is_whole = not row["kept"]["updated"] or not row["kept"]["deleted"]
    which = "updated" if is_whole else "created"
    look = "its last complete scan" if is_whole else "the last look at its newest records"
    seen = f"{look} began {written.lasting(row['observed'][which])} ago"
    by_plan = f"the plan cannot keep it: {row['why']}" if row["unkept"] else ""
    because = "".join(f"; {why}" for why in (row["problem"], by_plan) if why)
    return f"{seen}, {written.lasting(row['late_seconds'])} later than promised{because}"


def of_record(verification: Mapping[str, Any] | None) -> Iterator[Problem]:
    """Whether the last look at it has found it altered."""
    if verification is not None and not verification["ok"]:
        said = f"it was found ALTERED at {verified.found_at(verification)}: {verification['what']}"
        yield Problem("altered", "record", said, "see `mirrorpoint verify`")


def of_points(points: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Those that a person has paused or disabled are as that person wants them."""
    for point in points:
        where, code = f"points[{point['code']}]", point["code"]
        if point["state"] == PointState.GONE:
            hint = f"`mirrorpoint points enable {code}` revives it"
            yield Problem("gone", where, f"it wants no more: {point['state_reason'] or 'it is gone'}", hint)
        elif point["state"] == PointState.ACTIVE and point["breaker"] != "closed":
            until = f" until {output.moment(point['paused_until'])}" if point["breaker"] == "open" else ""
            hint = f"`mirrorpoint deliveries --point {code}` shows what it answers"
            yield Problem("paused", where, f"it fails, and is left alone{until} (breaker {point['breaker']})", hint)
        if point["shares_token_with"]:
            others = ", ".join(point["shares_token_with"])
            hint = "give one of them another where it is kept"
            yield Problem("shared-token", where, f"it has the token_local of {others}: neither can read the feed", hint)
        if point["dead"]:
            dead = "1 delivery is" if point["dead"] == 1 else f"{point['dead']:,} deliveries are"
            hint = f"`mirrorpoint deliveries retry --point {code}` tries again"
            yield Problem("dead", where, f"{dead} dead", hint)


def of_unsigned(points: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """All of them in one: the cure is one line of the configuration."""
    codes = [point["code"] for point in points if point["gets_unsigned"]]
    if codes:
        shown = ", ".join(codes[:_NAMED]) + (", …" if len(codes) > _NAMED else "")
        said = f"{len(codes):,} points get unsigned events: {shown}" if len(codes) > 1 else "it gets unsigned events"
        where = "points" if len(codes) > 1 else f"points[{shown}]"
        yield Problem("unsigned", where, said, "set [delivery] secret, or a secret of the point")


def of_losses(losses: Mapping[str, int]) -> Iterator[Problem]:
    """Deliveries that end the process that attempts them, by point."""
    for code, said in remarks.of_losses(losses):
        yield Problem("lost", f"points[{code}]", said)


def of_sources(sources: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Refused credentials, and sources that cannot be read; what else a source does, its resources tell."""
    for source in sources:
        where = f"sources.{source['source']}"
        if source["refused_at"] is not None:
            said = f"it refused the credentials at {output.moment(source['refused_at'])}: {source['refused_reason']}"
            yield Problem("credentials", where, said, _mend_auth(source))
        elif source["is_unread"]:
            since = source["unread_since"]
            does = "has not answered" if source["trouble"] == SourceTrouble.UNREACHED else "has been failing"
            said = "it could not be read yet" if since is None else f"it {does} since {output.moment(since)}"
            why = f": {source['unread_reason'].rstrip('.')}" if source["unread_reason"] else ""
            at = source["tried_again_at"]
            again = "" if at is None else f"; it is tried again at {output.moment(at)}"
            yield Problem("source", where, f"{said}{why}{again}", "`mirrorpoint sync` tries now")


def of_plans(sources: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """What is claimed of a source is more than its budget carries, so the plan itself cannot keep its promises."""
    for source in sources:
        if source["cure"] is not None:
            number = source["unkept"]
            lists = f"{number:,} {'list' if number == 1 else 'lists'}"
            # Times of one's own are kept at the cost of the budget, so it may be that no list suffers.
            said = f"the plan cannot keep what is promised of {lists}: " if number else ""
            why = "more is claimed than the budget carries"
            yield Problem("over-budget", f"sources.{source['source']}.budget", f"{said}{why}", source["cure"])


def _mend_auth(source: Mapping[str, Any]) -> str:
    return f"mend auth under [sources.{source['source']}], or give its user the rights, then `mirrorpoint check`"


def of_processes(
    missing: Sequence[str], broker: Mapping[str, Any], *, is_anybody_there: bool, has_points: bool
) -> Iterator[Problem]:
    """Whoever is missing; an embedded broker belongs to `run`, and is not missed beside it."""
    if not is_anybody_there:
        said = "no clock and no worker is at work: nothing is scanned or sent by itself"
        yield Problem("nobody-at-work", "processes", said, "start `mirrorpoint run`")
    else:
        wanted = [duty for duty in missing if has_points or "delivers" not in duty]
        if wanted:
            yield Problem("nobody-at-work", "processes", f"not at work: {' and '.join(wanted)}")
    if not broker["reachable"] and (is_anybody_there or broker["url"] != "embedded"):
        yield Problem("broker", "broker", f"{broker['url']} does not answer: {broker['problem']}")


def gravest_first(problems: Sequence[Problem]) -> list[Problem]:
    """In the order of the codes; what is equally grave stays as it is."""
    return sorted(problems, key=lambda each: CODES.index(each.code))
