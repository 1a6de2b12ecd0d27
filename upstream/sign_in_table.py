"""Reads what [source.sign_in] of a catalogue says beside path and pointers; used by catalogue.py."""

from __future__ import annotations

import re
from collections.abc import Mapping

from changes import schedules
from changes.records import Json
from changes.strict_toml import Table
from upstream.token_store import SIGN_INS_KEPT

#: What such a table may hold.
MEMBERS = frozenset({"path", "body", "token", "expires", "refresh", "form", "basic", "expired"})

#: How many sign-ins in how many seconds where the catalogue does not say: enough for tokens that live a few seconds.
USUAL_LIMIT = (30, 60.0)
#: The stores that all processes share keep no more, and look back no longer.
MOST_SIGN_INS, LONGEST_SECONDS = SIGN_INS_KEPT, 3600


def limit(source: Table) -> tuple[int, float]:
    """`sign_in_limit = "4/1m"`: how many sign-ins in how many seconds."""
    text = source.text("sign_in_limit")
    if text is None:
        return USUAL_LIMIT
    times, _, span = text.partition("/")
    try:
        seconds = schedules.seconds(span)
    except ValueError:
        seconds = 0
    if not re.fullmatch(r" *[0-9]{1,3} *", times) or not 1 <= int(times) <= MOST_SIGN_INS:
        seconds = 0
    if not 1 <= seconds <= LONGEST_SECONDS:
        hint = f'Write up to {MOST_SIGN_INS} times and up to an hour, as in "4/1m"'
        raise source.error("sign_in_limit", f'"{text}" does not say how often in how long', hint)
    return int(times), float(seconds)


def form(body: Table) -> Mapping[str, Json]:
    """The body of a form: a text or a number for each name."""
    for name, value in body.values().items():
        if isinstance(value, (dict, list)):
            hint = "Leave form = true out where the API wants JSON"
            raise body.error(name, "a form holds texts and numbers only", hint)
    return body.values()


def basic(sign_in: Table) -> tuple[str, str] | None:
    """User and password."""
    pair = sign_in.texts("basic", ())
    if pair and len(pair) != 2:
        raise sign_in.error("basic", "a user and a password are expected", 'Write ["{client_id}", "{client_secret}"]')
    return (pair[0], pair[1]) if pair else None


def expired(sign_in: Table) -> tuple[int, ...] | None:
    """Statuses; None where the catalogue does not say."""
    statuses = sign_in.numbers("expired")
    for status in statuses or ():
        if not 400 <= status < 500 or status in (404, 429):
            hint = "Write those that it answers to a token that is over, such as [401, 403, 419]"
            raise sign_in.error("expired", f"{status} cannot mean that a token is over", hint)
    return statuses
