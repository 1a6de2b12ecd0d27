"""What tells the rows of two answers apart; used by sampling.py and style_sampling.py, for `check`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

from changes import fingerprint, keys, pointers
from changes.records import Json
from changes.resources import Resource


def identity_of(resource: Resource, rows: Sequence[Json]) -> tuple[Callable[[Json], str], set[str]]:
    """What tells rows of two answers apart: their keys where these do, since other members may move meanwhile.

    And the keys of these rows.
    """
    read = keys.reader(resource.key)

    def by_key(row: Json) -> str:
        try:
            return read(row, None)
        except ValueError:
            return whole(row)

    known = set()
    for row in rows:
        with contextlib.suppress(ValueError):
            known.add(read(row, None))

    paths = pointers.compiled(resource.volatile)

    def whole(row: Json) -> str:
        try:
            return fingerprint.canonical(pointers.parted(row, paths)[0]).decode("utf-8", "replace")
        except ValueError:
            return repr(row)

    return by_key if len(known) == len(rows) else whole, known
