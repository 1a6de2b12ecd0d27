"""The sentence at the top: whether all is well, in words; and how the page is coloured by it. Pure.

Made of the document of `status`; a promise is that a change of a resource is seen within a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from web import formats
from web.pages import outages, point_lines

#: Problems of `status` that are told first, since nothing below them is true while they last.
_FIRST = ("altered", "contradicted", "nobody-at-work")
#: So many sources, or points, are named.
_NAMED = 3


class Mood(StrEnum):
    """How things stand, for shape and colour."""

    WELL = "well"
    WARN = "warn"
    BAD = "bad"


class Sentence(NamedTuple):
    text: str
    mood: Mood
    gist: str  #: the same without how late it is: while only that grows, nothing new is told


def of(status: Mapping[str, Any], *, waiting: int) -> Sentence:
    """`waiting`: how many things wait for a person."""
    rows = promised(status["resources"])
    broken, unread = broken_first(rows), [row for row in rows if row["last_complete_at"] is None]
    unread_sources = [each for each in status["sources"] if each["is_unread"]]
    said, mood = _unread(unread_sources, broken) if unread_sources else _promises(rows, broken, unread)
    unkept = sum(each["unkept"] for each in status["sources"])
    if unkept and not broken and not unread_sources:
        said = f"{said.rstrip('.')}, but the plan cannot keep {'one' if unkept == 1 else f'{unkept:,}'} of them."
        mood = Mood.WARN
    late = f" {_late(broken[0])} late" if broken else ""
    first = next((each for each in status["summary"]["problems"] if each["code"] in _FIRST), None)
    if first is not None:
        said, mood = f"{formats.capital(first['message'])}. {said}", Mood.BAD
    failing = [each["code"] for each in status["points"] if point_lines.is_failing(each)]
    if failing:
        said += f" {_named(failing, 'point')} {'fails' if len(failing) == 1 else 'fail'}, and what is owed there waits."
        mood = Mood.WARN if mood is Mood.WELL else mood
    if waiting:
        said += f" {waiting:,} {'thing waits' if waiting == 1 else 'things wait'} for you."
        mood = Mood.WARN if mood is Mood.WELL else mood
    return Sentence(said, mood, said.replace(late, " late", 1))


def _unread(sources: Sequence[Mapping[str, Any]], broken: Sequence[Mapping[str, Any]]) -> tuple[str, Mood]:
    """Why they cannot be read stands below, once; so the sentence keeps its length."""
    if len(sources) == 1:
        said = f"{sources[0]['source']} {outages.said_of(sources[0])}."
    else:
        said = f"{_named([each['source'] for each in sources], 'source')} cannot be read."
    return (f"{said} {formats.plural(len(broken), 'promise')} broken." if broken else said), Mood.BAD


def _named(names: Sequence[str], what: str) -> str:
    """The first few by name, joined as in a sentence; where one more than that is left, it is named too."""
    if len(names) == 1:
        return names[0]
    rest = f"{len(names) - _NAMED:,} more {what}s" if len(names) > _NAMED + 1 else ""
    shown = [*names[:_NAMED], rest] if rest else names
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def promised(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that are not off."""
    return [row for row in rows if row["schedule"] != "off"]


def is_broken(row: Mapping[str, Any]) -> bool:
    """Whether a look at it began longer ago than was promised."""
    return row["late_seconds"] is not None


def broken_first(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The broken promises, the worst first."""
    return sorted(filter(is_broken, rows), key=lambda row: -row["late_seconds"])


def _promises(
    rows: Sequence[Mapping[str, Any]], broken: Sequence[Mapping[str, Any]], unread: Sequence[Mapping[str, Any]]
) -> tuple[str, Mood]:
    if not rows:
        return "Nothing is promised: no resource has a schedule.", Mood.WARN
    if broken:
        worst = broken[0]
        name = worst["resource"]
        late = f"{name} is {_late(worst)} late{_because(worst)}"
        count = formats.plural(len(broken), "promise")
        return f"{count} broken: {late}." if len(broken) == 1 else f"{count} broken, the worst: {late}.", Mood.BAD
    if len(unread) == len(rows):
        return f"Nothing was read whole yet: {formats.plural(len(rows), 'resource')} to come.", Mood.WARN
    if unread:
        kept = len(rows) - len(unread)
        return f"{formats.plural(kept, 'promise')} kept; {len(unread):,} not read whole yet.", Mood.WARN
    return ("The one promise is kept." if len(rows) == 1 else f"All {len(rows):,} promises kept."), Mood.WELL


def _late(row: Mapping[str, Any]) -> str:
    return formats.roughly(row["late_seconds"])


def _because(row: Mapping[str, Any]) -> str:
    why = row["problem"] or row["last_problem"] or (f"the plan cannot keep it: {row['why']}" if row["unkept"] else "")
    return f", because {formats.clipped(why, 160)}" if why else ""
