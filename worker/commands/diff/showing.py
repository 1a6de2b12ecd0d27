"""How `diff` shows records to people: grouped by resource, `~` before what is uncertain, with all that may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from changes import moments
from changes.moments import At
from changes.net import Difference
from changes.versions import Version
from worker import output
from worker.commands.diff.finding import Found, Step
from worker.commands.reading import differences

_COLOURS = {"created": "green", "restored": "green", "updated": "yellow", "deleted": "red"}
_NOTHING = "no difference"
_FIRST_SEEN = "first seen"
_INDENT = " " * 6


class Printer:
    """Prints one record after the other, and a heading where the resource is another one than before."""

    def __init__(self, *, has_sources: bool) -> None:
        self._has_sources = has_sources
        self._heading = ""

    def print(self, found: Found) -> None:
        heading = f"{found.source} {found.resource.name}" if self._has_sources else found.resource.name
        if heading != self._heading:
            output.say(heading if not self._heading else f"\n{heading}", style="bold")
            self._heading = heading
        parent = f"{found.id.parent_key}/" if found.id.parent_key else ""
        mark = "~" if found.net.is_uncertain else " "
        word, fields = _told(found.net.seen, is_first_seen=found.net.is_first_seen)
        colour = "" if found.net.seen is None else _COLOURS[found.net.seen.kind]
        ends = _ends(found)
        output.say(f"{mark} {word:<13}  {parent}{found.id.key}{ends[0]}", style=colour)
        for line in fields:
            output.say(_INDENT + line)
        for difference, of_it in zip(found.net.others, ends[1:], strict=True):
            word, fields = _told(difference, is_first_seen=False)
            output.say(f"{_INDENT}or {word}{of_it}")
            for line in fields:
                output.say(f"{_INDENT}   {line}")
        if found.net.is_uncertain:
            for line in _why(found.start, found.end):
                output.say(_INDENT + line)
        for step in found.steps:
            _print_step(step)


def _told(difference: Difference | None, *, is_first_seen: bool) -> tuple[str, Sequence[str]]:
    if difference is None:
        return _FIRST_SEEN if is_first_seen else _NOTHING, ()
    retired = " (retired)" if difference.is_retired else ""
    return f"{difference.kind}{retired}", list(differences.of_fields(difference.fields))


def _ends(found: Found) -> list[str]:
    """For each difference that may be: what the record was at either end. Said where both ends are uncertain."""
    if found.start.perhaps is None or found.end.perhaps is None:
        return [""] * (1 + len(found.net.others))
    return [
        "  (" + "; or ".join(f"{_version(start)} at --from, {_version(end)} at --to" for start, end in spans) + ")"
        for spans in found.net.spans
    ]


def _version(number: int) -> str:
    return f"version {number}" if number else "not there"


def _why(start: At, end: At) -> Iterator[str]:
    """Which change came too close to which moment."""
    if start.perhaps is not None and start.perhaps == end.perhaps:
        yield f"{_came(start.perhaps, start.seen)}: --from and --to both lie in between"
        return
    for option, at in (("--from", start), ("--to", end)):
        if at.perhaps is not None:
            yield f"{_came(at.perhaps, at.seen)}: {option} lies in between"


def _came(version: Version, before: Version | None) -> str:
    after = moments.came_after(version, before)
    return f"version {version.number} came between {output.moment(after)} and {output.moment(version.observed_at)}"


def _print_step(step: Step) -> None:
    version = step.version
    mark = "~" if step.is_uncertain else " "
    retired = " (retired)" if version.is_retired else ""
    head = f"{_INDENT}{mark} {output.moment(version.observed_at)} version {version.number} {version.kind}{retired}"
    fields = list(differences.of_fields(step.fields))
    output.say(f"{head}  {fields[0]}" if len(fields) == 1 else head)
    for line in fields if len(fields) > 1 else ():
        output.say(f"{_INDENT}{_INDENT}{line}")
