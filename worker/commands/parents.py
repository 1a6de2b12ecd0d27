"""What a person means by --parent: the mirror's own form, or the keys as they are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from changes.resources import Resource

#: Ways to read a text in which so many keys hold a `/` are not tried.
MOST_FORMS = 64


def forms(resource: Resource, text: str) -> list[str]:
    """The `parent_key`s that it may stand for: itself first, then each way to part it into keys of the parents.

    Below a single parent `a/b` can only be the key `a/b`, which the mirror writes `a%2Fb`.
    """
    from changes.resources import join_keys

    found = [text]
    for keys in _parted(text.split("/"), len(resource.ancestors)):
        form = join_keys(keys)
        if form not in found:
            found.append(form)
        if len(found) > MOST_FORMS:
            break
    return found


def _parted(parts: list[str], number: int) -> Iterator[tuple[str, ...]]:
    """The parts in `number` groups, in their order."""
    if not 0 < number <= len(parts):
        return
    for cuts in combinations(range(1, len(parts)), number - 1):
        ends = (*cuts, len(parts))
        yield tuple("/".join(parts[start:end]) for start, end in zip((0, *cuts), ends, strict=True))
