"""What `diff` is asked: two moments of the past, and resources that were read by then; or why that is no use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from worker import output
from worker.commands import former_rows, selecting, times
from worker.commands.reading import field_names
from worker.problems import UsageError

if TYPE_CHECKING:
    from changes.resources import Resource
    from storage.reach import Reach
    from storage.session import Session

Pair = tuple[str, str]  #: source and resource


@dataclass(frozen=True, slots=True)
class Wanted:
    """As it was written on the command line."""

    start: str
    end: str | None
    resources: tuple[str, ...]
    source: str | None
    field: str | None
    has_steps: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """As it was understood."""

    start: datetime
    end: datetime
    resources: Mapping[Pair, Resource]  #: those of which the log has anything
    reaches: Mapping[Pair, Reach]  #: theirs
    field: str | None
    has_steps: bool
    unread: tuple[str, ...]  #: what was named, and was never read
    has_sources: bool  #: whether there are several, so that they are named


def understood(session: Session, catalogues: selecting.Catalogues, wanted: Wanted, *, zone: tzinfo) -> Asked:
    """UsageError where one of the moments says nothing, or the log has nothing of what is named."""
    from storage import reach

    now = times.now()
    start = times.past_moment(wanted.start, option="--from", now=now, zone=zone)
    end = now if wanted.end is None else times.past_moment(wanted.end, option="--to", now=now, zone=zone)
    if start > end:
        raise UsageError(
            f"--from ({output.moment(start)}) is later than --to ({output.moment(end)})", "exchange the two"
        )
    if wanted.field is not None:
        field_names.check(wanted.field)
    everything = former_rows.with_former(session, catalogues)
    chosen = selecting.resources(everything, wanted.resources, source_name=wanted.source)
    named = {(source, resource.name): resource for source, resource in chosen}
    reaches = {pair: each for pair, each in reach.reaches(session, list(named)).items() if each.begins_at is not None}
    _check_begun(named, reaches, end)
    return Asked(
        start=start,
        end=end,
        resources={pair: named[pair] for pair in sorted(reaches)},
        reaches=reaches,
        field=wanted.field,
        has_steps=wanted.has_steps,
        unread=tuple(sorted({name for _, name in named.keys() - reaches.keys()})) if wanted.resources else (),
        has_sources=len({source for source, _ in reaches}) > 1,
    )


def _check_begun(named: Mapping[Pair, Resource], reaches: Mapping[Pair, Reach], end: datetime) -> None:
    one = next(iter(named))[1] if len(named) == 1 else None
    if not reaches:
        message = f"{one} was never read: the log has nothing of it" if one else "nothing of that was read yet"
        raise UsageError(message, "`" + f"mirrorpoint sync {one or ''}".rstrip() + "` reads it")
    begins = {each.begins_at: pair for pair, each in reaches.items() if each.begins_at is not None}
    first = min(begins)
    if end < first:
        raise UsageError(
            f"nothing is known of the time before {output.moment(first)}: then the record of {begins[first][1]} begins"
            + ("" if len(reaches) == 1 else ", as the first"),
            "name a later --to",
        )
