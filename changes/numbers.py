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

#: Turns every character of a number but its signs into `0`, so that a search for zeros finds any long number: 10 times
#: faster than a pattern.
_IN_NUMBER = frozenset(b"0123456789.eE")
_TO_ZEROS = bytes(0x30 if byte in _IN_NUMBER else 0x20 for byte in range(256))
#: 16 digits and a point or an exponent: the shortest that a double may not hold. An integer may have 18 digits.
_LONG_RUN, _LONG_INTEGER = b"0" * 17, 19
_DIGITS = frozenset(b"0123456789")
_BEFORE, _BEHIND = frozenset(b" \t\r\n[:,-"), frozenset(b" \t\r\n],}")


def are_long(raw: bytes) -> bool:
    """Whether a body may hold a number that orjson would round without saying so; most texts are not taken for one."""
    zeros = raw.translate(_TO_ZEROS)
    start = zeros.find(_LONG_RUN)
    while start >= 0:
        end = start + len(_LONG_RUN)
        while end < len(raw) and raw[end] in _IN_NUMBER:
            end += 1
        if (start == 0 or raw[start - 1] in _BEFORE) and _is_rounded(raw, start, end):
            return True
        start = zeros.find(_LONG_RUN, end)
    return any(_has_tiny(raw, sign) for sign in (b"e-", b"E-"))


def _is_rounded(raw: bytes, start: int, end: int) -> bool:
    run, behind = raw[start:end], raw[end : end + 1]
    if behind in (b"+", b"-"):
        return run[-1:] in (b"e", b"E")  # its exponent goes on
    if behind and behind[0] not in _BEHIND:
        return False
    if run.isdigit():
        return len(run) >= _LONG_INTEGER
    try:
        return not isinstance(read(run.decode()), float)
    except ValueError:  # such characters, and no number
        return False


def _has_tiny(raw: bytes, sign: bytes) -> bool:
    """Whether there is a number with a negative exponent of three digits or more: a double may make 0 of it."""
    at = raw.find(sign)
    while at >= 0:
        end = start = at + len(sign)
        while end < len(raw) and raw[end] in _DIGITS:
            end += 1
        if end - start >= 3 and at and raw[at - 1] in _IN_NUMBER and (end == len(raw) or raw[end] in _BEHIND):
            return True
        at = raw.find(sign, end)
    return False


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
