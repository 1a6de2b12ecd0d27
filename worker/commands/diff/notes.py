"""What `diff` says beside its result, on standard error: what it cannot know, and how much there was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from worker import output
from worker.commands.diff.asked import Asked, Pair

#: More resources than these are not named one by one.
_MOST_NAMED = 5


def notes(asked: Asked, *, kinds: Counter[str], uncertain: int, first_seen: Counter[Pair]) -> Iterator[str]:
    """How much differs, then what is no difference and why, then up to when the lists were read."""
    yield _in_figures(kinds, uncertain)
    yield from _begun_later(asked, first_seen)
    yield from _never_read(asked)
    yield from _not_read_since(asked)


def _in_figures(kinds: Counter[str], uncertain: int) -> str:
    if not kinds:
        return "no differences"
    number = kinds.total()
    parts = ", ".join(
        f"{kinds[kind]:,} {kind}" for kind in ("created", "updated", "deleted", "restored") if kinds[kind]
    )
    unsure = f"; {uncertain:,} of them uncertain (~)" if uncertain else ""
    return f"{number:,} {'difference' if number == 1 else 'differences'}: {parts}{unsure}"


def _begun_later(asked: Asked, first_seen: Counter[Pair]) -> Iterator[str]:
    """First sights are no differences: that a record is in the log from then on does not mean that it was not there."""
    later = {
        pair: each.begins_at
        for pair, each in asked.reaches.items()
        if each.begins_at is not None and each.begins_at > asked.start
    }
    concerned = sorted(later.keys() | first_seen.keys())
    if len(concerned) > _MOST_NAMED:
        number = first_seen.total()
        if later:
            earliest = output.moment(min(later.values()))
            yield f"the record of {len(later):,} resources begins after --from, that of the first at {earliest}"
        if number:
            yield f"{_seen(number)}; what was before is not known"
        return
    for pair in concerned:
        name = f"{pair[0]}:{pair[1]}" if asked.has_sources else pair[1]
        parts = [f"its record begins at {output.moment(later[pair])}, after --from"] if pair in later else []
        if first_seen[pair]:
            parts.append(f"{_seen(first_seen[pair])}; what was before is not known")
        yield f"{name}: {'; '.join(parts)}"


def _seen(number: int) -> str:
    records = "1 record was" if number == 1 else f"{number:,} records were"
    return f"{records} seen for the first time in between, which is no difference (--steps shows them)"


def _never_read(asked: Asked) -> Iterator[str]:
    if asked.unread:
        shown = ", ".join(asked.unread[:_MOST_NAMED]) + (", …" if len(asked.unread) > _MOST_NAMED else "")
        yield f"never read, so that nothing is known of it: {shown}"


def _not_read_since(asked: Asked) -> Iterator[str]:
    read = {pair: each.read_at for pair, each in asked.reaches.items() if each.read_at is not None}
    behind: dict[Pair, datetime] = {pair: at for pair, at in read.items() if at < asked.end}
    if behind:
        pair = min(behind, key=lambda each: behind[each])
        others = " (others later)" if len(read) > 1 else ""
        yield f"{pair[1]} was last read whole at {output.moment(behind[pair])}{others}: what changed since is not known"
