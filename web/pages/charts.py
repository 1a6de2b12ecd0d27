"""Small pictures in the text: a bar of age against promise, columns for the last 24 hours. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

_LINE_WIDTH, _LINE_HEIGHT = 96, 20


def bar(age_seconds: float | None, promised_seconds: float | None) -> Markup:
    """How much of the promise is used up; nothing to hear: the numbers stand beside it."""
    if age_seconds is None or not promised_seconds:
        return Markup("")
    share = age_seconds / promised_seconds
    word = " over" if share > 1 else " near" if share > 0.8 else ""
    used = max(2, min(100, round(share * 100)))
    return Markup('<progress class="bar{}" max=100 value={} aria-hidden=true></progress>').format(word, used)


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
