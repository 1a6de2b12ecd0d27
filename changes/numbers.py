"""Numbers of JSON that are more than Python's or orjson's usual ones: found in a body, read, and written exactly.

A fraction that a double holds by its shortest text is a float; any other is a `Decimal` without zeros at its end, and
one that is whole is an integer. So equal numbers are equal values, however a source writes them.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

MOST_DIGITS = 4000  #: of a number, its zeros included; Python refuses to read integers of more than 4300
_MOST_CHARACTERS = 5 * MOST_DIGITS  #: that are looked at, whatever they come to

#: A text so short, without an exponent, has 15 digits at most: its double's shortest text is the same number.
_SHORT_CHARACTERS = 16
#: From here on not every integer is a double.
_DOUBLES_END = 2.0**53

_DIGITS = frozenset(b"0123456789")
_IN_NUMBER = _DIGITS | frozenset(b".")
#: Turns digits and points into `0` and leaves of all else only `e` and `-`, so that two searches find every number that
#: may be long: 10 times faster than a pattern.
_SKETCH = bytes(
    0x30 if byte in _IN_NUMBER else 0x65 if byte in b"eE" else 0x2D if byte == 0x2D else 0x20 for byte in range(256)
)
#: As many digits as a double may not hold any more; an integer may have 18.
_LONG_RUN, _LONG_INTEGER = b"0" * 16, 19
#: So small a double may be 0, or have lost digits.
_TINY = b"e-000"
_BEFORE, _BEHIND = frozenset(b" \t\r\n[:,-"), frozenset(b" \t\r\n],}")


def are_long(raw: bytes) -> bool:
    """Whether a body may hold a number that orjson would round without saying so; most texts are not taken for one."""
    sketch = raw.translate(_SKETCH)
    start = sketch.find(_LONG_RUN)
    while start >= 0:
        end = start + len(_LONG_RUN)
        while end < len(raw) and raw[end] in _IN_NUMBER:
            end += 1
        if (start == 0 or raw[start - 1] in _BEFORE) and _is_rounded(raw, start, end):
            return True
        start = sketch.find(_LONG_RUN, end)
    at = sketch.rfind(_TINY)  # searched from behind since that takes a third of the time
    while at >= 0:
        end = at + len(_TINY)
        while end < len(raw) and raw[end] in _DIGITS:
            end += 1
        if at and raw[at - 1] in _IN_NUMBER and (end == len(raw) or raw[end] in _BEHIND):
            return True
        at = sketch.rfind(_TINY, 0, at)
    return False


def _is_rounded(raw: bytes, start: int, end: int) -> bool:
    if end == len(raw) or raw[end] in _BEHIND:
        digits = raw[start:end]
        return len(digits) >= _LONG_INTEGER if b"." not in digits else not isinstance(_read(digits), float)
    return raw[end] in b"eE"


def _read(digits: bytes) -> float | int | Decimal | None:
    try:
        return read(digits.decode())
    except ValueError:  # points and digits that are no number
        return 0.0


def read(digits: str) -> float | int | Decimal | None:
    """The fraction, or number with an exponent, that JSON writes so; None where it is beyond all bounds."""
    if len(digits) > _MOST_CHARACTERS:
        return None
    number = float(digits)
    if len(digits) <= _SHORT_CHARACTERS and "e" not in digits and "E" not in digits:
        return number
    try:
        value = Decimal(digits)
    except InvalidOperation:  # an exponent of more digits than any number could have
        return None
    if abs(number) < _DOUBLES_END and value == Decimal(repr(number)):
        return number
    return exact(value)


def exact(value: Decimal) -> int | Decimal | None:
    """The number in the one form that it has here; None where it is longer than any that is kept."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):  # not a number, or endless
        return None
    size = len(digits)
    while size > 1 and exponent < 0 and digits[size - 1] == 0:
        size, exponent = size - 1, exponent + 1
    if max(size, size + exponent, -exponent) > MOST_DIGITS:
        return None
    value = Decimal((sign, digits[:size], exponent))
    return int(value) if exponent >= 0 else value


def whole(value: float) -> int:
    """The integer that a float without a fraction stands for: the one that its shortest text names."""
    return int(value) if abs(value) < _DOUBLES_END else int(Decimal(repr(value)))


def text(number: int | Decimal) -> str:
    """Its digits, without an exponent."""
    return format(number, "f") if isinstance(number, Decimal) else str(number)
