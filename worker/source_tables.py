"""What of the configuration is about a source: how it is entered, its limits, what may be planned with, its schedules;
part of worker/settings.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from changes.cadence import terms
from changes.resources import Class
from changes.tables import HeaderName, Schedule, Table, Text
from worker.field_types import BaseUrl, Duration
from worker.secret import Secret


class SignIn(BaseModel):
    """E-mail and password (or what else the catalogue's sign-in asks for) are exchanged for a token."""

    # Other names are those a user's own catalogue puts in braces; bootstrap compares them with the catalogue.
    model_config = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True, defer_build=True)
    __pydantic_extra__: dict[str, Secret] = Field(init=False)

    method: Literal["sign-in"] = Field(
        default="sign-in", description="`sign-in`, `bearer`, `basic`, `header` or `none`."
    )
    email: Text | None = Field(default=None, description="Sent to the source's sign-in.")
    username: Text | None = Field(default=None, description="Sent to the source's sign-in where that asks for a name.")
    password: Secret | None = Field(default=None, description="Sent to the source's sign-in.")


class Bearer(Table):
    """A token of one's own."""

    method: Literal["bearer"] = "bearer"
    token: Secret = Field(description="Sent as `Authorization: Bearer …`.")


class Basic(Table):
    """User and password with each request."""

    method: Literal["basic"] = "basic"
    username: Text = Field(description="Sent with each request.")
    password: Secret = Field(description="Sent with each request.")


class Header(Table):
    """A fixed header."""

    method: Literal["header"] = "header"
    name: HeaderName = Field(description="The header's name.")
    value: Secret = Field(description="The header's value.")


class NoAuth(Table):
    """Nothing is sent."""

    method: Literal["none"] = "none"


Auth = Annotated[SignIn | Bearer | Basic | Header | NoAuth, Field(discriminator="method")]


class Limits(Table):
    """What a source is spared, over all processes together."""

    requests_per_second: float = Field(
        default=20.0, strict=True, gt=0, le=10_000, description="Requests started in any second."
    )
    concurrency: int = Field(default=4, strict=True, ge=1, le=256, description="Requests under way at the same time.")
    page_size: int = Field(
        default=100,
        strict=True,
        ge=1,
        le=10_000,
        description=(
            "Rows asked for in one request. A catalogue may name a number of its own: then this is the most that is "
            "asked for, where it is written."
        ),
    )

    @property
    def own_page_size(self) -> int | None:
        """None where it is not written: then it holds back no number of a catalogue."""
        return self.page_size if "page_size" in self.model_fields_set else None

    def page_size_of(self, own: int | None) -> int | None:
        """What holds for a resource whose catalogue says `own`; None: `page_size`."""
        return min(own, self.page_size) if own is not None and self.own_page_size is not None else own


class Budget(Table):
    """What the plan may spend of a source's limits, and how late it may see what changes."""

    share: float = Field(
        default=0.5,
        strict=True,
        gt=0,
        le=1,
        description="The part of `limits.requests_per_second` that scheduled scans plan with; more than 0, at most 1.",
    )
    promise: dict[Class, Duration] = Field(
        default_factory=dict,
        description=(
            'A change is seen at the latest so long after it happened, where the schedule is `"auto"`: `set-up` '
            "(`5m`) and `traffic` (`4h`), the two classes of resources."
        ),
    )

    def planned_with(self, requests_per_second: float) -> terms.Budget:
        """As the plan reads it; a class that is not named keeps its default."""
        whole = terms.Budget(requests_per_second, self.share)
        return replace(whole, promise_seconds={**whole.promise_seconds, **self.promise})


class Source(Table):
    """One API installation that is mirrored."""

    catalogue: Text = Field(description="`backoffice`, `integration-platform`, or the path of a catalogue file.")
    base_url: BaseUrl = Field(description="Where the API is: `https://host.name`.")
    language: Annotated[str, Field(pattern=r"^[A-Za-z0-9*,;=. -]+$")] = Field(
        default="en", description="Sent as `Accept-Language` with each request, since it changes the answers."
    )
    timeout: Duration = Field(default=30.0, description="How long an answer may take.")
    auth: Auth = Field(default_factory=NoAuth, description="How the source knows us.")
    limits: Limits = Field(default_factory=Limits, description="What the source is spared.")
    budget: Budget = Field(
        default_factory=Budget, description="What the plan may spend of these limits, and what it is to promise."
    )
    schedule: dict[str, Schedule] = Field(
        default_factory=dict,
        description=(
            'Resource or glob -> a time, a cron line, `"auto"`, `"off"` or `{ head = "30s", full = "4h" }`; the most '
            "specific wins, `default` comes last."
        ),
    )

    @property
    def plan_budget(self) -> terms.Budget:
        """What scheduled scans may plan with."""
        return self.budget.planned_with(self.limits.requests_per_second)
