"""What stands behind the `?` of a page's address: filters as they were typed, the empty ones left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from starlette.requests import Request

from changes.problems import Problem
from web import formats


class BadQuery(Problem):  # named like the others that people read
    """A parameter that makes no sense."""

    exit_code = 2
    code = "usage"


def one(request: Request, name: str) -> str | None:
    """The last value of it that is not empty."""
    return next((each.strip() for each in reversed(request.query_params.getlist(name)) if each.strip()), None)


def every(request: Request, name: str) -> tuple[str, ...]:
    """All of them, also where several stand in one, parted by commas or spaces."""
    found = (word for text in request.query_params.getlist(name) for word in text.replace(",", " ").split())
    return tuple(dict.fromkeys(found))


def number(request: Request, name: str, *, most: int = 2**63 - 1) -> int | None:
    """A count or a number of a row; BadQuery for anything else."""
    text = one(request, name)
    if text is None:
        return None
    digits = text.replace(",", "")
    # Python itself refuses to read thousands of digits.
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= len(str(most))) or int(digits) > most:
        raise BadQuery(f'{name}="{formats.clipped(text, 60)}" is no number', f"write 0 to {most:,}")
    return int(digits)


def is_on(request: Request, name: str) -> bool:
    """Whether it is there, with whatever says yes."""
    return (one(request, name) or "").lower() in {"1", "true", "yes", "on"}


def written(values: Mapping[str, object], **more: object) -> str:
    """`?resource=products&kind=updated`; what is empty or None is left out."""
    pairs: list[tuple[str, str]] = []
    for name, value in {**values, **more}.items():
        if value is None or value == "" or value is False:
            continue
        several = value if isinstance(value, Iterable) and not isinstance(value, str) else [value]
        pairs += [(name, "1" if each is True else str(each)) for each in several]
    return f"?{urlencode(pairs)}" if pairs else ""
