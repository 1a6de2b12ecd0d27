"""What identifies a row: the text of its key, made of one member or of several.

A resource's key is a list of alternatives, and the first one that a row has counts. An alternative is a member, `$`
(the row itself), `#` (its fingerprint), or several members together: a composite key, whose text is that of its parts
as `join_keys` joins them. Called by normalise for every row, by the walk, and where a record's own path has answered.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import combinations, islice

from changes import bodies, fingerprint, members
from changes.records import Json
from changes.resources import Alternative, Key, Resource, join_keys, split_keys

LONGEST_KEY = 500  #: characters; databases cannot index what is much longer
#: Members that a reason names at the most.
_NAMED = 3
#: Ways to part a text that are tried.
_MOST_WAYS = 64
_LIKE_AN_ID = re.compile(r"(?:\w{0,40}[a-z0-9])?(?:Id|ID)|(?:\w{0,40}_)?(?:[iI]d|ID)|\w{0,40}[uUgG](?:uid|UID)|id")

#: From a row and its fingerprint, if that is known, to its key; `ValueError` says why it has none.
KeyOf = Callable[[Json, "str | None"], str]


@lru_cache(maxsize=1024)
def reader(key: Key) -> KeyOf:
    """What reads the keys of a resource's rows; decided once, since it is asked for every row."""
    if is_plain(key):
        return partial(_of_members, tuple(str(name) for name in key))
    return partial(_of_alternatives, key)


def is_plain(key: Key) -> bool:
    """Whether its alternatives are all members of the row itself, one each."""
    return all(isinstance(each, str) and not members.is_pointer(each) for each in key)


def label(alternative: Alternative) -> str:
    """The alternative as people read it: `wh + sku`."""
    return alternative if isinstance(alternative, str) else " + ".join(alternative)


def named(key: Key) -> list[Alternative]:
    """The alternatives that name members."""
    return [each for each in key if each not in ("$", "#")]


def read(key: Key, alternative: Alternative, row: Json) -> str | None:
    """The key by this one of its alternatives; None where the row does not have it. `ValueError`: it cannot be one."""
    names = (alternative,) if isinstance(alternative, str) else alternative
    values = [row if name == "$" else members.value(row, name) for name in names]
    if any(value is None for value in values):
        return None
    what = ["the row itself" if name == "$" else name for name in names]
    return _joined(key, [_text(value, each) for value, each in zip(values, what, strict=True)], label(alternative))


def every(key: Key, row: Json) -> set[str]:
    """Every text that the row could be keyed by, whichever of the alternatives its list was read by."""
    if isinstance(row, str):
        return {row, fingerprint.repaired_key(row)}
    found = set()
    for alternative in (each for each in key if each != "#"):
        try:
            text = read(key, alternative, row)
        except ValueError:
            continue
        if text is not None:
            found |= {text, fingerprint.repaired_key(text)}
    return found


def parts(key: Key, text: str) -> dict[str, str]:
    """Member -> its value in the key's text, where that is one of a composite key whose parts can be told from it."""
    values = split_keys(text)
    fitting = [each for each in key if isinstance(each, tuple) and len(each) == len(values)]
    return dict(zip(fitting[0], values, strict=True)) if len(fitting) == 1 else {}


def whole(key: Key, text: str) -> str:
    """The key as it is sent where a path wants the whole of it: one member as it is, several as they are joined."""
    values = split_keys(text) if _is_escaped(key) else (text,)
    return values[0] if len(values) == 1 else text


def typed(key: Key, text: str) -> list[str]:
    """The keys that a person may mean: what was typed, then each way to part it into the members of a composite key."""
    found = [text]
    steps = text.split("/")
    for number in {len(each) for each in key if isinstance(each, tuple)}:
        for cuts in islice(combinations(range(1, len(steps)), number - 1), _MOST_WAYS):
            ends = zip((0, *cuts), (*cuts, len(steps)), strict=True)
            found.append(join_keys(tuple("/".join(steps[start:end]) for start, end in ends)))
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Shared:
    """What a look at some rows says of a key that does not tell them apart."""

    rows: int  #: rows of the sample whose key another, different row of it has too; 0: the key tells all apart
    by: Alternative  #: what these rows were keyed by
    better: tuple[str, ...] | None  #: members that together tell all rows of the sample apart, if there are any


def shared(resource: Resource, rows: Sequence[Json]) -> Shared:
    """How many rows of a sample have the key of another one, and which members together would tell them apart.

    Rows that are equal throughout are the same row, sent twice. Nothing that the rows contain is told.
    """
    keyed: dict[str, set[bytes]] = {}
    used: dict[str, Alternative] = {}
    different: dict[bytes, dict[str, Json]] = {}
    for row in rows:
        alternative, text = _alternative_of(resource.key, row)
        if text is None or not isinstance(row, dict):
            continue
        try:
            form = fingerprint.canonical(row)
        except ValueError:
            continue
        keyed.setdefault(text, set()).add(form)
        used[text] = alternative
        different[form] = row
    doubled = Counter[Alternative]()
    for text, forms in keyed.items():
        doubled[used[text]] += len(forms) if len(forms) > 1 else 0
    doubled = +doubled
    if not doubled:
        first = named(resource.key)
        return Shared(0, first[0] if first else "$", None)
    by = doubled.most_common(1)[0][0]
    return Shared(sum(doubled.values()), by, _better(by, resource.key, list(different.values())))


def _alternative_of(key: Key, row: Json) -> tuple[Alternative, str | None]:
    for alternative in named(key):
        try:
            text = read(key, alternative, row)
        except ValueError:
            break
        if text is not None:
            return alternative, text
    return "", None


def _better(by: Alternative, key: Key, rows: Sequence[dict[str, Json]]) -> tuple[str, ...] | None:
    """First the other alternatives of the key, then members whose names say that they identify, then the rest."""
    first = (by,) if isinstance(by, str) else by
    others = [each for each in named(key) if isinstance(each, str) and each not in first]
    common = [name for name in rows[0] if all(name in row for row in rows)]
    for name in dict.fromkeys([*others, *sorted(common, key=lambda name: not _looks_like_id(name))]):
        together = (*first, name)
        try:
            texts = [read((together,), together, row) for row in rows]
        except ValueError:
            continue
        if name not in first and None not in texts and len(set(texts)) == len(rows):
            return together
    return None


def _of_members(names: tuple[str, ...], row: Json, stamp: str | None) -> str:
    if isinstance(row, str):
        return _text(row, "its text")
    for name in names:
        if name == "#":
            return _of_stamp(stamp)
        if name == "$":
            value, what = row, "the row itself"
        else:
            value, what = row.get(name) if isinstance(row, dict) else None, name
        if value is not None:
            return _text(value, what)
    raise _missing(names, row)


def _of_alternatives(key: Key, row: Json, stamp: str | None) -> str:
    if isinstance(row, str):
        return _joined(key, [_text(row, "its text")], "its text")
    for alternative in key:
        if alternative == "#":
            return _of_stamp(stamp)
        text = read(key, alternative, row)
        if text is not None:
            return text
    raise _missing(key, row)


def _of_stamp(stamp: str | None) -> str:
    if stamp is None:
        raise ValueError("has no fingerprint that could be its key")
    return fingerprint.main_hash(stamp)


def _joined(key: Key, texts: list[str], what: str) -> str:
    text = join_keys(tuple(texts)) if _is_escaped(key) else texts[0]
    if len(text) > LONGEST_KEY:
        raise ValueError(f"cannot be keyed by {what}: it is {len(text)} characters long, at most {LONGEST_KEY} fit")
    return text


def _is_escaped(key: Key) -> bool:
    """Beside a composite key a single member is written like a part, so that `a/b` is never taken for `a` and `b`."""
    return any(isinstance(each, tuple) for each in key)


def _text(value: Json, what: str) -> str:
    if not isinstance(value, str):
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"cannot be keyed by {what}: it is {bodies.what(value)}")  # noqa: TRY004  # a bad row
        value = str(value)
    if not value:
        raise ValueError(f"cannot be keyed by {what}: it is empty")
    if len(value) > LONGEST_KEY:
        raise ValueError(f"cannot be keyed by {what}: it is {len(value)} characters long, at most {LONGEST_KEY} fit")
    return str(value)


def _missing(key: Key, row: Json) -> ValueError:
    """Why a row has no key, with what the catalogue may have meant; members are named, values are not."""
    if not isinstance(row, dict):
        return ValueError(f"is {bodies.what(row)}, not an object")
    wanted = [each for each in key if each != "$"]
    reason = f"has no {' or '.join(label(each) for each in wanted)} that could be its key"
    names = [name for each in wanted for name in ((each,) if isinstance(each, str) else each)]
    pointer = next((found for name in names if (found := members.meant(row, name))), None)
    if pointer is not None:
        return ValueError(f'{reason}; what stands inside of a member is written "{pointer}"')
    usable = (name for name in row if name not in names and isinstance(row[name], str | int) and row[name] != "")
    like_ids = sorted(filter(_looks_like_id, usable), key=len)[:_NAMED]
    return ValueError(f"{reason}; it has {', '.join(like_ids)}" if like_ids else reason)


def _looks_like_id(name: str) -> bool:
    return _LIKE_AN_ID.fullmatch(name) is not None
