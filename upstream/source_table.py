"""[source] of a catalogue, with its tables below; part of catalogue.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from changes import schedules
from changes.explain import unfit
from changes.problems import Misfit
from changes.resources import Envelope
from changes.tables import Flag, Table, Text
from upstream.catalogue_fields import Body, CallPath, Headers, Members, PageSize, Params, Places, statuses
from upstream.paging_table import Paging
from upstream.token_store import SIGN_INS_KEPT

#: How many sign-ins in how many seconds where the catalogue does not say: enough for tokens that live a few seconds.
USUAL_LIMIT = (30, 60.0)
#: The stores that all processes share keep no more, and look back no longer.
MOST_SIGN_INS, LONGEST_SECONDS = SIGN_INS_KEPT, 3600


def _limit(text: object) -> tuple[int, float]:
    """`"4/1m"`: how many sign-ins in how many seconds."""
    if not isinstance(text, str):
        raise unfit("a text", text)
    times, _, span = text.partition("/")
    try:
        seconds = schedules.seconds(span)
    except ValueError:
        seconds = 0
    is_number = re.fullmatch(r" *[0-9]{1,3} *", times) and 1 <= int(times) <= MOST_SIGN_INS
    if not is_number or not 1 <= seconds <= LONGEST_SECONDS:
        hint = f'write up to {MOST_SIGN_INS} times and up to an hour, as in "4/1m"'
        raise Misfit(f'"{text}" does not say how often in how long', hint)
    return int(times), float(seconds)


def _pair(value: object) -> tuple[str, str]:
    if not isinstance(value, list | tuple) or len(value) != 2 or not all(isinstance(one, str) and one for one in value):
        raise Misfit("a user and a password are expected", 'write ["{client_id}", "{client_secret}"]')
    return (value[0], value[1])


def _somewhere(places: tuple[str, ...]) -> tuple[str, ...]:
    if not places:
        raise Misfit("the list is empty", 'say where the answer has it, such as "/access_token"')
    return places


Token = Annotated[Places, AfterValidator(_somewhere)]
Limit = Annotated[tuple[int, float], PlainValidator(_limit)]
Pair = Annotated[tuple[str, str], PlainValidator(_pair)]
#: Statuses that say that a token is over.
Expired = Annotated[
    tuple[int, ...],
    statuses(
        "cannot mean that a token is over",
        "write those that it answers to a token that is over, such as [401, 403, 419]",
        never=(404, 429),
    ),
]


class EnvelopeTable(Table):
    """Where rows and total are in an answer; what is left out is as for all others."""

    rows: Members | None = None
    total: Members | None = None
    more: Members | None = None  #: true where more rows follow; [] where nothing says so rightly

    @model_validator(mode="after")
    def _check(self) -> EnvelopeTable:
        if self.rows == ():
            hint = 'name the member that holds the rows, or "$" for the body itself'
            raise Misfit("the list is empty", hint, at="rows")
        if self.total and "$" in self.total:
            hint = "name a member, or write total = []"
            raise Misfit('"$" is the whole answer, which is no number', hint, at="total")
        return self

    def over(self, usual: Envelope) -> Envelope:
        """The envelope, where `usual` is that of all others."""
        return replace(usual, **{name: found for name, found in self if found is not None})


class Sorting(Table):
    """Names of the query parameters that choose the order; without `order` the source only sorts its own way."""

    by: Text = Field(examples=["sort"])
    order: Text | None = None  #: gets "asc" or "desc"

    @property
    def names(self) -> frozenset[str]:
        """The parameters that it sends."""
        return frozenset({self.by, self.order or self.by})


class Refresh(Table):
    """How a new token is had without the password."""

    path: CallPath = Field(examples=["/refresh"])
    #: Where the sign-in's answer has the refresh token: JSON Pointers, the first that fits.
    token: Token = Field(examples=["/refresh_token"])
    body: Body = Field(default_factory=dict)  #: may hold `{refresh_token}`; its answer is read as the sign-in's


class SignInTable(Table):
    """How credentials become a token. All pointers are into the answer, the first that fits counts."""

    path: CallPath = Field(examples=["/signin"])
    #: Names in braces are members of the source's `auth`, such as `{password}`.
    body: Body = Field(default_factory=dict)
    token: Token = Field(examples=["/access_token"])
    expires: Places = ()  #: a moment in ISO 8601 or in seconds since 1970, or the seconds that the token lives
    refresh: Refresh | None = None
    form: Flag = False  #: the bodies are sent as forms, not as JSON
    basic: Pair | None = None  #: user and password of a Basic header, with names in braces as in the body
    expired: Expired | None = None  #: statuses that mean that the token is over; None: the usual ones

    @model_validator(mode="after")
    def _check(self) -> SignInTable:
        for place, body in (("body", self.body), ("refresh.body", self.refresh.body if self.refresh else {})):
            for name in body if self.form else ():
                if isinstance(body[name], dict | list):
                    hint = "leave form = true out where the API wants JSON"
                    raise Misfit("a form holds texts and numbers only", hint, at=f"{place}.{name}")
        return self


class SignIn(SignInTable, defer_build=True):
    """The same, and what stands beside it."""

    limit: tuple[int, float] = (4, 60.0)  #: how many sign-ins in how many seconds


class SourceTable(Table):
    """What holds for all resources."""

    title: Text | None = None
    paging: Paging = Field(default_factory=Paging)
    page_size: PageSize | None = None
    sorting: Sorting | None = None
    envelope: EnvelopeTable | None = None
    headers: Headers = Field(default_factory=dict)  #: sent with every request, the sign-in's too
    params: Params = Field(default_factory=dict)  #: sent with every request but the sign-in
    sign_in: SignInTable | None = None
    sign_in_limit: Limit = USUAL_LIMIT

    @model_validator(mode="after")
    def _check(self) -> SourceTable:
        refuse_taken(self.params, self.set_by_scans(self.paging))
        return self

    @property
    def usual_envelope(self) -> Envelope:
        """Where rows and total are, where a resource does not say."""
        return self.envelope.over(Envelope()) if self.envelope else Envelope()

    def set_by_scans(self, paging: Paging) -> frozenset[str]:
        """The parameters that a scan sets itself, where the list is paged so."""
        return paging.names | (self.sorting.names if self.sorting else frozenset())


def refuse_taken(params: Mapping[str, str], taken: frozenset[str]) -> None:
    """`taken`: parameters that the scan sets itself."""
    for name in params:
        if name in taken:
            hint = "leave it out; see paging and sorting of [source]"
            raise Misfit("the scan sets this parameter itself", hint, at=f"params.{name}")
