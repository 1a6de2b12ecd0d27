"""Small pictures in the text: a bar of age against promise, columns for the last 24 hours. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from web import formats

_LINE_WIDTH, _LINE_HEIGHT = 96, 20


def bar(row: Mapping[str, Any]) -> Markup:
    """How much is used up of the promise that is nearest to its end; nothing to hear: the numbers stand beside it.

    The script of the page lets it grow, from when the last look began that sees such a change.
    """
    shares = {which: age / row["promises"][which] for which, age in row["observed"].items()}
    if not shares:
        return Markup("")
    which = max(shares, key=lambda each: shares[each])
    share = shares[which]
    word = " over" if share > 1 else " near" if share > 0.8 else ""
    used = max(2, min(100, round(share * 100)))
    progress = Markup('<progress class="bar{}" max=100 value={} aria-hidden=true></progress>').format(word, used)
    since, promised = row["seen_until"][which], row["promises"][which]
    return Markup('<span data-since="{}" data-promised={}>{}</span>').format(formats.stamp(since), promised, progress)


def sparkline(counts: Sequence[int]) -> Markup:
    """A column for each hour, the newest on the right."""
    most = max(counts, default=0)
    if not most:
        return Markup("")
    step = _LINE_WIDTH / len(counts)
    # One path for all: with a hundred of these on a page, each element counts.
    columns = "".join(
        f"M{at * step + step / 2:.0f} {_LINE_HEIGHT}v-{max(1.5, count / most * _LINE_HEIGHT):.0f}"
        for at, count in enumerate(counts)
        if count
    )
    return Markup(
        '<svg class=spark viewBox="0 0 {w} {h}" width={w} height={h} aria-hidden=true><path d="{}"/></svg>'
    ).format(columns, w=_LINE_WIDTH, h=_LINE_HEIGHT)
