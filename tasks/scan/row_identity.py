"""The identity of a row before it is normalised: by it the walk tells rows apart, and finds its place again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from changes import fingerprint, keys
from changes.records import Json
from changes.resources import Key, Resource

#: Longer identities are hashed, since a position holds some of them and is written with each page.
LONGEST_IDENTITY = 600


def identify(resource: Resource) -> Callable[[Json], str]:
    """The function that gives a row's identity: what the row is keyed by, else the whole row."""
    if not keys.is_plain(resource.key):
        return _by_alternatives(resource.key)
    names = tuple(str(name) for name in keys.named(resource.key))

    def of_row(row: Json) -> str:
        if isinstance(row, str):
            return _short(row)
        if isinstance(row, dict):
            for name in names:
                value = row.get(name)
                if isinstance(value, (str, int, float)):
                    return _short(f"{name}={value}")
        return _hash(row)

    return of_row


def label(resource: Resource) -> str | None:
    """What stands before `=` and the key in the identity of a row that has the first alternative of the key."""
    named = keys.named(resource.key)
    return keys.label(named[0]) if named else None


def _by_alternatives(key: Key) -> Callable[[Json], str]:
    named = [(keys.label(each), each) for each in keys.named(key)]

    def of_row(row: Json) -> str:
        if isinstance(row, str):
            return _short(row)
        try:
            for name, alternative in named:
                text = keys.read(key, alternative, row)
                if text is not None:
                    return _short(f"{name}={text}")
        except ValueError:  # a member that cannot be a key
            pass
        return _hash(row)

    return of_row


def _short(text: str) -> str:
    """The identity in a form that comes back from the database as it was."""
    return fingerprint.repaired_key(text) if len(text) <= LONGEST_IDENTITY else _hash(text)


def _hash(row: Json) -> str:
    try:
        form = fingerprint.canonical(row)
    except ValueError:
        form = _rough(row)
    return hashlib.blake2b(form, digest_size=16).hexdigest()


def _rough(row: Json) -> bytes:
    """Bytes of a row that has no canonical form (numbers beyond all bounds, nested too deep); equal for equal rows.

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
