"""What tells two rows of a list apart before they are normalised: by the walk, which must find its place again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from changes import fingerprint
from changes.records import Json
from changes.resources import Resource

#: Longer identities are hashed: a position holds some of them and is written with each page.
LONGEST_IDENTITY = 600


def identify(resource: Resource) -> Callable[[Json], str]:
    """What tells two rows of a list apart before they are normalised: the key's member, else the whole row."""
    members = tuple(name for name in resource.key if name not in ("$", "#"))

    def of_row(row: Json) -> str:
        if isinstance(row, str):
            return _short(row)
        if isinstance(row, dict):
            for member in members:
                value = row.get(member)
                if isinstance(value, (str, int, float)):
                    return _short(f"{member}={value}")
        return _hash(row)

    return of_row


def _short(text: str) -> str:
    """What goes to the position and comes back from the database as it was."""
    return fingerprint.repaired(text) if len(text) <= LONGEST_IDENTITY else _hash(text)


def _hash(row: Json) -> str:
    try:
        form = fingerprint.canonical(row)
    except ValueError:
        form = _rough(row)
    return hashlib.blake2b(form, digest_size=16).hexdigest()


def _rough(row: Json) -> bytes:
    """The same for the same row, also where that has no canonical form: numbers beyond all bounds, nested too deep.

    What is deeper than a document may be is left out: how much of it could be read depends on the rows beside it.
    """
    parts: list[str] = []
    rest = [(row, 1)]
    while rest:
        value, level = rest.pop()
        if level > fingerprint.DEEPEST_DOCUMENT:
            continue
        if isinstance(value, dict):
            parts.append(f"{{{len(value)}")
            for name in sorted(value):
                rest += ((value[name], level + 1), (name, level))
        elif isinstance(value, list):
            parts.append(f"[{len(value)}")
            rest += ((element, level + 1) for element in value)
        else:
            parts.append(value.reason if isinstance(value, fingerprint.Unholdable) else repr(value))
    return "\0".join(parts).encode("utf-8", "surrogatepass")
