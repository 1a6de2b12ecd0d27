"""The pointer language of catalogues: JSON Pointers (RFC 6901) in which `*` stands for any member or list index.

Called by normalise, fingerprint and diff, and by whoever checks a catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from changes.records import Json

#: Pointers as a tree: step -> what follows it, nothing where a pointer ends.
Paths = dict[str, "Paths"]

#: Returned by a rewriter for a value that is to be left out.
LEFT_OUT: Final = object()

_BAD_ESCAPE = re.compile(r"~(?![01])")


def escape(member: str) -> str:
    """A member name as a step of a pointer."""
    return member.replace("~", "~0").replace("/", "~1") if "~" in member or "/" in member else member


def split(pointer: str) -> tuple[str, ...]:
    """The steps of a pointer; `ValueError` where it is none, or is the empty one (the whole document)."""
    if not pointer.startswith("/"):
        raise ValueError(f"{pointer!r} is not a JSON Pointer: it begins with `/`, as in `/options/password`")
    if _BAD_ESCAPE.search(pointer):
        raise ValueError(f"{pointer!r} is not a JSON Pointer: `~` is written `~0`, and `/` inside a name `~1`")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/"))


@lru_cache(maxsize=1024)
def compiled(pointers: tuple[str, ...]) -> Paths:
    """What `rewritten` takes."""
    paths: Paths = {}
    for pointer in pointers:
        branch: Paths = {}
        for step in reversed(split(pointer)):
            branch = {step: branch}
        paths = _joined(paths, branch) if paths else branch
    return _with_stars_spread(paths)


def _joined(a: Paths, b: Paths) -> Paths:
    """Where one path leads to a value and another into it, the first wins."""
    if not a or not b:
        return {}
    both = {step: _joined(a[step], b[step]) for step in a.keys() & b.keys()}
    return {**a, **b, **both}


def _with_stars_spread(paths: Paths) -> Paths:
    """What holds for `*` told of each member that is named beside it too, so that one look-up finds all."""
    star = paths.get("*")
    if star is not None:
        paths = {step: branch if step == "*" else _joined(branch, star) for step, branch in paths.items()}
    return {step: _with_stars_spread(branch) for step, branch in paths.items()}


def rewritten(value: Json, paths: Paths, rewrite: Callable[[str, Json], Json]) -> Json:
    """The value with everything that the paths name replaced by `rewrite(pointer, old)`; the original is untouched."""
    return _rewritten(value, paths, rewrite, "") if paths else value


def _rewritten(value: Json, paths: Paths, rewrite: Callable[[str, Json], Json], here: str) -> Json:
    if not paths:
        return rewrite(here, value)
    if isinstance(value, dict):
        names = value.keys() if "*" in paths else paths.keys() & value.keys()
        if not names:
            return value
        members = value.copy()  # in place of a new one member by member: most have nothing to do with the paths
        for name in names:
            step = name if name in paths else "*"
            new = _rewritten(value[name], paths[step], rewrite, f"{here}/{escape(name)}")
            if new is LEFT_OUT:
                del members[name]
            else:
                members[name] = new
        return members
    if isinstance(value, list):
        elements = []
        for index, element in enumerate(value):
            step = str(index) if str(index) in paths else "*"
            new = _rewritten(element, paths[step], rewrite, f"{here}/{index}") if step in paths else element
            if new is not LEFT_OUT:
                elements.append(new)
        return elements
    return value


def parted(value: Json, paths: Paths) -> tuple[Json, dict[str, Json]]:
    """The value without what the paths name, and what that was: pointer -> value."""
    taken: dict[str, Json] = {}

    def take(pointer: str, old: Json) -> Json:
        taken[pointer] = old
        return LEFT_OUT

    return rewritten(value, paths, take), taken


def resolved(value: Json, pointer: str) -> Json:
    """What a pointer without `*` leads to; `LookupError` where it leads nowhere."""
    for step in split(pointer) if pointer else ():
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value
