"""The canonical form of a JSON value, and the fingerprint of a document made from it.

Called by normalise for every row that is read; by sealing, diff and events wherever two values must be told apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache

import orjson

from changes import numbers, pointers, unordered
from changes.records import Json
from changes.resources import Resource

#: Raise it when the canonical form changes: records with fingerprints of another version are compared by documents.
RULE = "1"

KEY_MARK_DIGITS = 4
#: Stands in place of the fingerprint of a document that was erased: a small one could be guessed from its own.
ERASED = "erased:"

#: Levels of objects and lists that a document may have: orjson writes no more.
DEEPEST_DOCUMENT = 254
#: A change or an event has some more levels around its document.
_DEEPEST = DEEPEST_DOCUMENT + 16

#: What the mirror's databases and UTF-8 cannot hold: NUL becomes its picture, half a character the replacement sign.
_UNHOLDABLE = re.compile("[\x00\ud800-\udfff]")
_HALF = re.compile("[\ud800-\udfff]")
_NUL_PICTURE = "\u2400"
_REPLACEMENT = "\ufffd"

_BEYOND = "holds a number beyond all bounds"
_INTEGRAL_FLOAT = re.compile(rb"\.0[],}]")
_SORTED = orjson.OPT_SORT_KEYS


class Unholdable:
    """Stands in a parsed body for a value that nothing can hold, so that only its row is refused."""

    __slots__ = ("reason",)

    def __init__(self, reason: str = _BEYOND) -> None:
        self.reason = reason  #: for people, after "row 7"


def canonical(value: Json) -> bytes:
    """UTF-8 JSON with sorted members; equal if and only if the values are equal: 1.0 is 1; 1, "1" and true differ.

    Numbers of any size and length stay exact. `ValueError` if it is nested too deep or holds a number beyond all
    bounds.
    """
    return written(value, levels=_DEEPEST)[0]


def written(value: Json, *, levels: int = DEEPEST_DOCUMENT) -> tuple[bytes, bool]:
    """The canonical form, and whether text in it had to be repaired (NUL, lone surrogates)."""
    form = plain(value)
    if form is not None:
        return form, False
    try:
        settled = _settled(value, levels)
        return part(settled), settled != value and _has_repairs(value)
    except RecursionError:
        raise ValueError("is nested too deep") from None


def plain(value: Json) -> bytes | None:
    """The canonical form of a value that equals its form when read back; None if it may differ from it."""
    try:
        form = orjson.dumps(value, option=_SORTED)
    except TypeError:  # an integer beyond 64 bits, half a character, or nested too deep
        return None
    # The bytes are searched, since that costs a fraction of a walk through the value. A false alarm (a part of a text,
    # a written backslash) only costs that walk. orjson writes an exponent with `+` from 1e16 on. One rare character is
    # found more quickly than two, and two are found more quickly from the end.
    if (
        _INTEGRAL_FLOAT.search(form)
        or form.endswith(b".0")
        or (b"+" in form and form.rfind(b"e+") >= 0)
        or (b"\\" in form and form.rfind(b"\\u0000") >= 0)
    ):
        return None
    return form


def compact(value: Json) -> bytes:
    """The JSON of any value as it is: members in their order, numbers exact."""
    return part(value, option=0)


def part(settled: Json, *, option: int = _SORTED) -> bytes:
    """The canonical form of values that have no other form: texts, integers, and what was read from such a form."""
    try:
        return orjson.dumps(settled, option=option)
    except TypeError:
        # What orjson cannot write is put together from what it can, so that a part has the same form as within a whole.
        if isinstance(settled, dict):
            names = sorted(settled) if option & _SORTED else settled
            members = (part(name) + b":" + part(settled[name], option=option) for name in names)
            return b"{" + b",".join(members) + b"}"
        if isinstance(settled, list | tuple):
            return b"[" + b",".join(part(element, option=option) for element in settled) + b"]"
        if isinstance(settled, int | Decimal):  # an integer beyond 64 bits, or a fraction beyond a double
            return numbers.text(settled).encode()
        raise


def _settled(value: Json, levels: int) -> Json:
    """The value with integral floats as integers and with text that can be held."""
    if isinstance(value, str):
        return repaired(value)
    if isinstance(value, float):
        if value.is_integer():
            return numbers.whole(value)
        if value - value != 0:
            raise ValueError(_BEYOND)
        return value
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, Decimal):
        return _held(numbers.exact(value))
    if isinstance(value, dict | list | tuple):
        if levels == 0:
            raise ValueError(f"is nested deeper than {DEEPEST_DOCUMENT} levels")
        if isinstance(value, dict):
            members = {repaired(name): _settled(member, levels - 1) for name, member in value.items()}
            if len(members) < len(value):
                raise ValueError("has members whose names cannot be told apart")
            return members
        return [_settled(element, levels - 1) for element in value]
    raise ValueError(value.reason if isinstance(value, Unholdable) else "is not JSON")


def _has_repairs(value: Json) -> bool:
    """Whether text in the value had to be repaired; a float that became an integer is no repair."""
    if isinstance(value, str):
        return repaired(value) != value
    if isinstance(value, dict):
        return any(_has_repairs(name) or _has_repairs(member) for name, member in value.items())
    return isinstance(value, list | tuple) and any(map(_has_repairs, value))


def _held(number: int | Decimal | None) -> Json:
    if number is None:
        raise ValueError(_BEYOND)
    return number


def repaired(text: str) -> str:
    """The text as UTF-8 and PostgreSQL can hold it."""
    if text.isascii() and "\0" not in text:
        return text
    if _UNHOLDABLE.search(text) is None:
        return text
    return _UNHOLDABLE.sub(lambda match: _NUL_PICTURE if match[0] == "\x00" else _REPLACEMENT, text)


def repaired_key(text: str) -> str:
    """The same for a key: if characters were lost, a hash keeps two different keys apart."""
    held = repaired(text)
    if held == text or _HALF.search(text) is None:
        return held
    return f"{held}~{hashed(text.encode('utf-8', 'surrogatepass'))[:8]}"


def prefix(resource: Resource) -> str:
    """The rule's version and a short digest of what the catalogue says of secrets, volatile members and orders.

    If it is another one, fingerprints are made anew, and no change is told.
    """
    return _prefix(resource.secrets, resource.volatile, resource.unordered)


def key_mark(seal: Callable[[Json], Json]) -> str:
    """Stands behind the prefix where a resource has secrets: another seal key makes each of them look changed."""
    return hashed(canonical(seal("which key")))[:KEY_MARK_DIGITS]


@lru_cache(maxsize=1024)
def _prefix(*lists: Iterable[str]) -> str:
    secrets, volatile, *others = map(sorted, lists)
    # What the language got later counts only if it is used, so that all other resources keep their prefix.
    return RULE + hashed(canonical([secrets, volatile, *filter(None, others)]))[:4]


def fingerprint(resource: Resource, document: Json) -> str:
    """`<prefix>:<32 hex>`; if some members make no change, then `:<32 hex>` of those, or of all."""
    volatile, passes = pointers.compiled(resource.volatile), unordered.passes(resource.unordered)
    return stamped(prefix(resource), volatile, passes, document, canonical(document))


def stamped(rule: str, volatile: pointers.Paths, passes: unordered.Passes, document: Json, form: bytes) -> str:
    """The fingerprint of a document whose canonical form is known."""
    if not volatile and not passes:
        return f"{rule}:{hashed(form)}"
    rest, taken = pointers.parted(document, volatile)
    if not passes:
        return f"{rule}:{hashed(canonical(rest))}:{hashed(canonical(taken))}"
    return f"{rule}:{hashed(canonical(unordered.settled(rest, passes, canonical)))}:{hashed(form)}"


def hashed(form: bytes) -> str:
    """128 bits as 32 hexadecimal digits; SHA-256, since it is the only strong hash that processors have built in."""
    return hashlib.sha256(form).hexdigest()[:32]


def main_hash(text: str) -> str:
    """The 32 digits of a fingerprint for the document without what makes no change."""
    return text.split(":", 2)[1]


def same_meaning(a: str, b: str) -> bool:
    """Whether two fingerprints are equal apart from what makes no change."""
    return a == b or a.split(":", 2)[:2] == b.split(":", 2)[:2]


def same_rule(a: str, b: str) -> bool:
    """Whether two fingerprints were made by the same rule, so that they can be compared at all."""
    return a.split(":", 1)[0] == b.split(":", 1)[0]
