"""Members as a catalogue names them: a plain name is a member, a text that begins with `/` is a JSON Pointer.

Called by whoever reads something out of a row or an answer: keys, columns, envelopes, points, the children of trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from changes import pointers
from changes.records import Json


def is_pointer(name: str) -> bool:
    """Whether the name leads into the value, and is not just one of its members."""
    return name.startswith("/")


def value(document: Json, name: str) -> Json:
    """What the name leads to; None where there is nothing, as where there is null."""
    if not name.startswith("/"):
        return document.get(name) if isinstance(document, dict) else None
    for step in _steps(name):
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document


def is_told(document: Json, name: str) -> bool:
    """Whether there is something where the name leads, be it null; or null on the way there."""
    *outer, last = _steps(name) if is_pointer(name) else (name,)
    for step in outer:
        if not isinstance(document, dict) or step not in document:
            return False
        document = document[step]
        if document is None:
            return True
    return isinstance(document, dict) and last in document


def replaced(document: Json, name: str, new: Json) -> Json:
    """A copy with another value there; the name leads through objects to a value that is there."""
    *outer, last = _steps(name) if is_pointer(name) else (name,)
    copy = inner = dict(document)
    for step in outer:
        inner[step] = inner = dict(inner[step])
    inner[last] = new
    return copy


def words(name: str) -> str:
    """The name as words for a column: the steps of a pointer behind one another."""
    return "_".join(_steps(name)) if is_pointer(name) else name


def last_step(name: str) -> str:
    """What the member is called where it stands."""
    return _steps(name)[-1] if is_pointer(name) else name


def outer(name: str) -> Sequence[str]:
    """The name, and those of the values around what it leads to, from the outermost."""
    steps = [f"/{pointers.escape(step)}" for step in _steps(name)] if is_pointer(name) else [name]
    return ["".join(steps[: end + 1]) for end in range(len(steps))]


def meant(document: Json, name: str) -> str | None:
    """The pointer that `a.b` most likely stands for: where there is no such member, but an `a` with a `b`."""
    if is_pointer(name) or "." not in name or not isinstance(document, dict) or name in document:
        return None
    steps = name.split(".")
    pointer = "".join(f"/{pointers.escape(step)}" for step in steps)
    return pointer if all(steps) and isinstance(document.get(steps[0]), dict | list) else None


@lru_cache(maxsize=4096)
def _steps(name: str) -> tuple[str, ...]:
    return pointers.split(name)
