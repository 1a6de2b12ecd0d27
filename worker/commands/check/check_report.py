"""What `check` has found, and how it is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands.check import config_warnings, plan_lines
from worker.commands.check.plan_lines import Line

if TYPE_CHECKING:
    from worker.commands.check.catalogue_findings import Finding
    from worker.settings import Settings

#: Which exit code speaks for several.
_GRAVEST_FIRST = (2, 4, 5, 3)


@dataclass(frozen=True, slots=True)
class Found:
    """What is wrong with one resource of a catalogue, or with how it answers."""

    source: str
    resource: str
    place: str  #: in the catalogue
    code: str
    message: str
    hint: str
    severity: str  #: `error`, `warning` or `note`


@dataclass(slots=True)
class Report:
    """All that was found."""

    problems: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[config_warnings.Warned] = field(default_factory=list)
    findings: list[Found] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    plan: list[Line] = field(default_factory=list)
    points: list[dict[str, Any]] = field(default_factory=list)
    verifiers: dict[str, list[str]] = field(default_factory=dict)
    heads: list[dict[str, Any]] = field(default_factory=list)
    broker: dict[str, Any] = field(default_factory=dict)
    database: dict[str, Any] = field(default_factory=dict)
    not_checked: list[str] = field(default_factory=list)

    def add(self, where: str, code: str, message: str, hint: str = "", *, exit_code: int) -> None:
        """Something that is wrong."""
        self.problems.append({"where": where, "code": code, "message": message, "hint": hint, "exit_code": exit_code})

    def find(self, source: str, resource: str, found: Finding) -> None:
        """Something that a catalogue gets wrong; an error is one of the problems as well."""
        place = f"[resources.{resource}] {found.member}"
        self.findings.append(
            Found(source, resource, place, found.code, found.message, found.hint, found.severity.value)
        )
        if found.severity == "error":
            self.add(f"{source}, {place}", found.code, found.message, found.hint, exit_code=2)

    def gravest(self) -> dict[str, Any] | None:
        """The problem that gives the exit code."""
        return min(self.problems, key=lambda problem: _GRAVEST_FIRST.index(problem["exit_code"]), default=None)

    def exit_code(self) -> int:
        """That of the gravest problem."""
        gravest = self.gravest()
        return 0 if gravest is None else int(gravest["exit_code"])


def tell(settings: Settings, report: Report, *, wants_json: bool) -> None:
    """The plan on standard output; problems and warnings on standard error, or all in one JSON document."""
    if wants_json:
        output.document(_document(settings, report))
        return
    plan_lines.show(report.plan, names_source=len(settings.sources) > 1)
    for source in report.sources:
        output.say(
            f"{source['source']}: {source['answering']} of {source['resources']} resources answer"
            + ("" if source["requests_per_hour"] is None else _load(source))
        )
    for line in _machine(report):
        output.say(line)
    for point in report.points:
        if point["problem"] is None:
            output.say(f"point {point['code']}: {point['url']} can be reached")
    for log, keys in report.verifiers.items():
        for key in keys:
            output.say(f"the record's log of {log} is verified with {key}")
    for head in report.heads:
        if head["problem"] is None:
            output.say(f"heads can be kept at {head['target']}")
    for each in report.not_checked:
        output.say(f"not checked: {each}", style="dim")
    number = _tell_findings(report) + len(report.warnings)
    for warned in report.warnings:
        output.warn(f"{warned.where}: {warned.message}", warned.hint)
    for problem in report.problems:
        output.complain(f"{problem['where']}: {problem['message']}", problem["hint"])
    if report.problems:
        return
    if number:
        counted = "1 warning" if number == 1 else f"{number:,} warnings"
        output.say(f"{settings.file} works, with {counted}", style="yellow")
    else:
        output.say(f"{settings.file} is fine", style="green")


def _tell_findings(report: Report) -> int:
    """What several resources have in common is said once; the errors are among the problems. How many it warns of."""
    alike: dict[tuple[str, ...], list[Found]] = {}
    for each in report.findings:
        if each.severity != "error":
            member = each.place.rpartition("] ")[2]
            alike.setdefault((each.source, member, each.message, each.hint, each.severity), []).append(each)
    for (source, _, message, hint, severity), found in alike.items():
        text = f"{source}, {found[0].place}: {message}"
        if len(found) > 1:
            text += f" (also: {', '.join(each.resource for each in found[1:])})"
        if severity == "note":
            output.say(f"note: {text}", style="dim")
        else:
            output.warn(text, hint)
    return sum(severity == "warning" for *_, severity in alike)


def _load(source: dict[str, Any]) -> str:
    return (
        f", {source['requests_per_hour']:,} requests an hour planned of {source['budget_per_hour']:,} in its budget, "
        f"{source['allowed_per_hour']:,} allowed"
    )


def _document(settings: Settings, report: Report) -> dict[str, Any]:
    gravest = report.gravest()
    document: dict[str, Any] = {
        "config": str(settings.file),
        "ok": gravest is None,
        "problems": [{key: value for key, value in each.items() if key != "exit_code"} for each in report.problems],
        "warnings": [warned._asdict() for warned in report.warnings],
        "findings": [asdict(found) for found in report.findings],
        "sources": report.sources,
        "plan": [line.told() for line in report.plan],
        "points": report.points,
        "verifiers": report.verifiers,
        "heads": report.heads,
        "broker": report.broker,
        "database": report.database,
        "not_checked": report.not_checked,
    }
    if gravest is not None:
        message = f"{gravest['where']}: {gravest['message']}"
        document["error"] = {"code": gravest["code"], "message": message, "hint": gravest["hint"]}
    return document


def _machine(report: Report) -> list[str]:
    """What people are told of the machine."""
    told: list[str] = []
    broker: dict[str, Any] = report.broker
    if report.database:
        mode = report.database["mode"]
        shown = f", mode {mode}" + ("" if mode.endswith("00") else ": others may read it") if mode else ""
        told.append(f"database {report.database['url']}: {report.database['server']}{shown}")
    if broker["reachable"]:
        told.append(f"broker {broker['url']}: it answers")
    elif broker["server"]:
        told.append(f"broker {broker['url']}: `mirrorpoint run` starts {broker['server']}")
    if broker["state_folder"]:
        told.append(f"state folder {broker['state_folder']}")
    return told
