"""How values look in pages: times in UTC with their age, lengths of time, numbers; filters of the templates."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

from changes.written import lasting

#: Characters that turn the direction of text, or that nobody sees: a document may hide with them what it says.
_UNSEEN = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
#: Behind these marks a name of several words may go on in the next line; a number and a time never do.
_WORD_ENDS = re.compile(r"(?<=[/_])(?<!//)(?=[^\s/_])|(?<=[.:@])(?=[^\s\d/_.:])")
#: A word that a narrow column has no room for.
_LONG = re.compile(r"[^\s/_.:@-]{25}")
_LENGTH = re.compile(r"[\d.]+ ?[a-z]+")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ")
#: A key of the configuration, `budget.share`.
_KEY = re.compile(r"^[a-z]\S*[._=\[]\S")
_COMMAND = re.compile("`([^`]+)`")


def stamp(at: datetime) -> str:
    """`2026-11-22T00:00:00Z`, for `<time datetime>`."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def moment(at: datetime | None) -> str:
    """`2026-11-22 00:00:00Z`."""
    return "-" if at is None else stamp(at).replace("T", " ")


def roughly(seconds: float) -> str:
    """To its greatest unit: `3 min`."""
    return " ".join(lasting(seconds).split()[:2])


def age(at: datetime | None, now: datetime) -> str:
    """`3 min ago`, to its greatest unit; `in 3 min` for what is to come."""
    if at is None:
        return "never"
    seconds = (now - at).total_seconds()
    length = roughly(abs(seconds))
    return f"in {length}" if seconds < 0 else f"{length} ago"


def when(at: datetime | None, now: datetime) -> Markup:
    """Absolute, with the age beside it."""
    if at is None:
        return Markup("<span class=none>never</span>")
    return Markup('<time datetime="{}">{}</time> <span class=age>{}</span>').format(stamp(at), moment(at), age(at, now))


def ago(text: str) -> str:
    """A time as somebody typed it: `2h ago` for one that is written as how long it is past."""
    return f"{text} ago" if _LENGTH.fullmatch(text) else text


def number(value: int | float | None) -> str:
    """`1,204`."""
    return "-" if value is None else f"{value:,}"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 change`, `1,204 changes`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def clipped(text: str, most: int) -> str:
    """At most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def quoted(text: str) -> str:
    """As one segment of a path, or a value of a query."""
    from urllib.parse import quote

    return quote(text, safe="")


def size(count: float) -> str:
    """`1.4 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:,.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:,.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def visible(text: str) -> str:
    """Each of those characters as its code point: `⟨U+202E⟩`."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)


def words(value: object) -> Markup:
    """A name, an address, a key: breaks where its words end, and within one only where no line has room for it."""
    text = visible(str(value))
    look = "words long" if _LONG.search(text) else "words"
    return Markup('<span class="{}">{}</span>').format(look, broken(text))


def prose(text: str) -> Markup:
    """A sentence of ours: what stands in backquotes is to be typed, and a moment stays on one line."""
    shown = _MOMENT.sub(r"<span class=nowrap>\g<0></span>", str(broken(visible(text))))
    return Markup('<span class="words long">{}</span>').format(Markup(_COMMAND.sub(r"<code>\1</code>", shown)))  # noqa: S704


def broken(text: str) -> Markup:
    """A name of ours, which is never too long for a line."""
    return Markup("<wbr>").join(_WORD_ENDS.split(text))


def capital(text: str) -> str:
    """As a sentence begins; a key of the configuration is written as it is."""
    first = text.partition(" ")[0]
    return text if _KEY.search(first) else text[:1].upper() + text[1:]


def stopped(text: str) -> str:
    """As a sentence ends."""
    return text if text.endswith(("…", ".", "!", "?")) else f"{text}."


def given(value: object) -> Markup:
    """The very text that somebody gave, for the value of an input: it is sent again."""
    return escape("" if value is None else str(value))


FILTERS = {
    "stamp": stamp, "moment": moment, "lasting": lasting, "age": age, "ago": ago, "when": when, "number": number,
    "plural": plural, "words": words, "clipped": clipped, "quoted": quoted, "size": size,
    "prose": prose, "given": given, "capital": capital, "stopped": stopped, "broken": broken,
}  # fmt: skip
