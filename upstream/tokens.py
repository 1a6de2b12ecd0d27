"""Finds tokens and their end in the answer of a sign-in, and fills the body of its request; used by auth.py."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote_plus, urlencode

from changes import normalise, pointers
from changes.records import Json
from changes.resources import PLACEHOLDER
from upstream.catalogue import SignIn

#: Taken for the life of a token that says nothing believable about it.
ASSUMED_SECONDS = 300.0
#: A token is renewed this long before its end, or after nine tenths of a short life.
EARLY_SECONDS = 30.0
#: A number below is a span in seconds, one above a moment (2001 and later).
LEAST_MOMENT = 1e9
LONGEST_LIFE_SECONDS = 30 * 86_400.0

_ASKS_FOR_MORE = ("2faRequired", "2fa_required")
_DETAILS = "2faDetails"

#: What may be told of an answer: names of members, as far as they look like names, and never a value.
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$-]{0,39}|2fa[A-Za-z_]{0,20}")
_MOST_PLACES = 12


@dataclass(frozen=True, slots=True)
class Found:
    """The tokens of an answer."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    expires_at: float  #: seconds since the epoch, a little early


class NoTokenError(ValueError):
    """Where the catalogue expects the token there is none, and the answer asks for nothing more."""


def found(body: bytes, sign_in: SignIn, *, now: float) -> Found | None:
    """None where the answer asks for a second factor; ValueError says why it cannot be read."""
    document = normalise.parse(body)
    if not isinstance(document, dict):
        raise ValueError("it is not an object")  # noqa: TRY004  the answer is wrong, not our call
    access = _text_at(document, sign_in.token)
    if any(document.get(name) is True for name in _ASKS_FOR_MORE) or (access is None and document.get(_DETAILS)):
        return None
    if access is None:
        places = list(_places(document))
        there = ", ".join(places[:_MOST_PLACES]) + (", …" if len(places) > _MOST_PLACES else "") or "nothing"
        raise NoTokenError(f"no token at {' or '.join(sign_in.token)}; what it has: {there}")
    if not access.isascii() or not access.isprintable():
        raise ValueError("its token holds characters that no header can carry")
    life = min(_life_seconds(document, sign_in.expires, access, now), LONGEST_LIFE_SECONDS)
    refresh = _text_at(document, sign_in.refresh.token) if sign_in.refresh is not None else None
    return Found(access, refresh, now + life - min(EARLY_SECONDS, life / 10))


def _places(document: Mapping[str, Json], above: str = "") -> Iterator[str]:
    """Pointers to all that stands in the objects of an answer."""
    for name, value in document.items():
        pointer = f"{above}/{name if _NAME.fullmatch(name) else '…'}"
        if isinstance(value, dict) and value:
            yield from _places(value, pointer)
        else:
            yield pointer


def names(template: Json) -> set[str]:
    """The names in braces of a body."""
    if isinstance(template, str):
        return set(PLACEHOLDER.findall(template))
    if isinstance(template, Mapping):
        return {name for value in template.values() for name in names(value)}
    return {name for value in template for name in names(value)} if isinstance(template, list) else set()


def asked(sign_in: SignIn) -> set[str]:
    """The members of a source's `auth` that its sign-in takes."""
    refresh = names(sign_in.refresh.body) - {"refresh_token"} if sign_in.refresh is not None else set()
    return names(sign_in.body) | names(list(sign_in.basic or ())) | refresh


def basic(sign_in: SignIn, values: Mapping[str, str]) -> str:
    """The Basic header's value; empty where the sign-in has none. Each part is encoded as RFC 6749 wants it."""
    if sign_in.basic is None:
        return ""
    user, password = (quote_plus(str(filled(part, values))) for part in sign_in.basic)
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def form(body: Json) -> bytes:
    """The members of a body as a form writes them."""
    members = body if isinstance(body, Mapping) else {}
    return urlencode(
        {name: value if isinstance(value, str) else json.dumps(value) for name, value in members.items()}
    ).encode()


def filled(template: Json, values: Mapping[str, str]) -> Json:
    """A body with the names in braces replaced; braces inside of a value are left alone."""
    if isinstance(template, str):
        return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)
    if isinstance(template, Mapping):
        return {name: filled(value, values) for name, value in template.items()}
    return [filled(value, values) for value in template] if isinstance(template, list) else template


def _life_seconds(document: Json, expires: tuple[str, ...], access: str, now: float) -> float:
    """How long the token lives: as the answer says, else as the token itself says, else a short time.

    Stamps may lie: an example of the documentation has the end at the beginning, and the source's clock may be wrong.
    So the span between two of its stamps counts more than the one between its stamp and our clock.
    """
    for pointer in expires:
        value = _at(document, pointer)
        seconds = _number(value)
        if seconds is not None and 0 < seconds < LEAST_MOMENT:
            return seconds
        end = _moment(value)
        if end is None:
            continue
        begin = _moment(_at(document, pointer.rpartition("/")[0] + "/createdAt"))
        if begin is not None:
            if end > begin:
                return end - begin
        elif end > now:
            return end - now
    claims = _claims(access)
    end, begin = _number(claims.get("exp")), _number(claims.get("iat"))
    if end is not None and begin is not None and end > begin:
        return end - begin
    return end - now if end is not None and end > now else ASSUMED_SECONDS


def _claims(token: str) -> Mapping[str, Json]:
    """What a JWT says of itself; nothing where it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = normalise.parse(base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_"))
    except (ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}


def _moment(value: Json) -> float | None:
    """Seconds since the epoch of an ISO stamp or a number."""
    number = _number(value)
    if number is not None:
        return number if number >= LEAST_MOMENT else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _number(value: Json) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]+)?", value):
        return float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e15:
        return float(value) if value < 1e11 else value / 1000  # milliseconds
    return None


def _text_at(document: Json, places: tuple[str, ...]) -> str | None:
    """The first of the pointers that leads to a text."""
    return next((value for pointer in places if isinstance(value := _at(document, pointer), str) and value), None)


def _at(document: Json, pointer: str) -> Json:
    try:
        return pointers.resolved(document, pointer)
    except (LookupError, TypeError, ValueError):
        return None
