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


def rewritten(value: Json, paths: Paths, rewrite: Callable[[str, Json], Json], *, is_strict: bool = True) -> Json:
    """The value with everything that the paths name replaced by `rewrite(pointer, old)`; the original is untouched.

    Strict, as it is for secrets: what a path leads into but not through (a text where the catalogue expects an
    object, a list where it expects members) may be the secret in another dress and is replaced whole. Only members
    that `*` has found may be of any kind.
    """
    return _rewritten(value, paths, rewrite, "", is_strict=is_strict) if paths else value


def parted(value: Json, paths: Paths, *, is_strict: bool = False) -> tuple[Json, dict[str, Json]]:
    """The value without what the paths name, and what that was: pointer -> value."""
    taken: dict[str, Json] = {}

    def take(pointer: str, old: Json) -> Json:
        taken[pointer] = old
        return LEFT_OUT

    return (_rewritten(value, paths, take, "", is_strict=is_strict) if paths else value), taken


def _rewritten(value: Json, paths: Paths, rewrite: Callable[[str, Json], Json], here: str, *, is_strict: bool) -> Json:
    if not paths:
        return rewrite(here, value)
    if isinstance(value, dict):
        names = value.keys() if "*" in paths else paths.keys() & value.keys()
        if not names:
            return value
        members = value.copy()  # in place of a new one member by member: most have nothing to do with the paths
        for name in names:
            pointer, member = f"{here}/{escape(name)}", value[name]
            if name not in paths:
                new = _rewritten(member, paths["*"], rewrite, pointer, is_strict=is_strict)
            elif is_strict and _is_in_the_way(member, paths[name]):
                new = rewrite(pointer, member)
            else:
                new = _rewritten(member, paths[name], rewrite, pointer, is_strict=is_strict)
            if new is LEFT_OUT:
                del members[name]
            else:
                members[name] = new
        return members
    if isinstance(value, list):
        elements = []
        for index, new in enumerate(value):
            step = str(index) if str(index) in paths else "*"
            if step in paths and is_strict and _is_in_the_way(new, paths[step]):
                new = rewrite(f"{here}/{index}", new)  # noqa: PLW2901
            elif step in paths:
                new = _rewritten(new, paths[step], rewrite, f"{here}/{index}", is_strict=is_strict)  # noqa: PLW2901
            if new is not LEFT_OUT:
                elements.append(new)
        return elements
    return value


def _is_in_the_way(value: Json, paths: Paths) -> bool:
    """Whether a value is not of the kind that the steps lead through; what is empty hides nothing."""
    if isinstance(value, dict) or value is None or value in ("", []):
        return False
    return not isinstance(value, list) or not all(step == "*" or step.isdigit() for step in paths)


def resolved(value: Json, pointer: str) -> Json:
    """What a pointer without `*` leads to; `LookupError` where it leads nowhere."""
    for step in split(pointer) if pointer else ():
        if isinstance(value, list) and step.isdecimal():
            value = value[int(step)]
        elif isinstance(value, dict):
            value = value[step]
        else:
            raise LookupError(pointer)
    return value
