"""What of the configuration is about sending: points, routes and deliveries; part of worker/settings.py."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from changes import schedules
from changes.problems import Misfit
from changes.records import Kind
from changes.tables import HeaderName, Table, Text
from worker.field_types import ContentType, Duration, FinalStatus, HttpUrl, Network, Pointer
from worker.secret import Secret


class Point(Table):
    """An integration point of your own."""

    code: Annotated[str, Field(pattern=r"^\S(.{0,198}\S)?$")] = Field(description="What routes and commands call it.")
    url: HttpUrl | None = Field(default=None, description="Where events are posted; without one the point pulls.")
    type: Text = Field(default="public", description="The entity's type: what routes with `types` go by.")
    token_local: Secret | None = Field(
        default=None, description="With it the point reads the feed. A point without a `url` needs it."
    )
    token_remote: Secret | None = Field(default=None, description="Sent as a bearer token where set.")
    secret: Secret | None = Field(default=None, description="`whsec_…`: signs every delivery to this point.")
    headers: dict[HeaderName, Secret] = Field(
        default_factory=dict, description='Sent with each delivery besides its own: `{ "X-Api-Key" = "env:KEY" }`.'
    )
    content_type: ContentType | None = Field(
        default=None, description="In place of `application/cloudevents+json; charset=utf-8`; the body is the same."
    )
    timeout: Duration | None = Field(default=None, description="In place of that of `[delivery]`.")
    retries: tuple[Duration, ...] | None = Field(default=None, description="In place of those of `[delivery]`.")
    requests_per_second: float | None = Field(
        default=None, strict=True, gt=0, le=10_000, description="Attempts started in any second, by all processes."
    )
    ca: Text | None = Field(
        default=None, description="PEM file: the certificate authorities that this point's certificate is held against."
    )
    client_certificate: Text | None = Field(
        default=None, description="PEM file: how we show who we are; with its key, where `client_key` names no other."
    )
    client_key: Text | None = Field(default=None, description="PEM file: the key of `client_certificate`.")
    proxy: Secret | None = Field(default=None, description="In place of that of `[delivery]`.")

    @model_validator(mode="after")
    def _check(self) -> Point:
        if self.url is None and self.token_local is None:
            raise Misfit("is missing", "or set token_local: then the point reads the feed and needs no url", at="url")
        return self


class RouteTable(Table):
    """Which changes, and which notices, go to which points."""

    points: tuple[Text, ...] = Field(min_length=1, description="Codes or globs, of own and mirrored points alike.")
    types: tuple[Text, ...] = Field(
        default=(), description="Types of points, or globs: of those points only the ones that have one of these."
    )
    resources: tuple[Text, ...] = Field(
        default=("*",),
        min_length=1,
        description="Resources or globs; `mirrorpoint.*` or a notice's type asks for notices, which `*` does not.",
    )
    kinds: tuple[Kind, ...] = Field(
        default=(Kind.CREATED, Kind.UPDATED, Kind.DELETED, Kind.RESTORED),
        min_length=1,
        description="Kinds of change; add `snapshot` to be sent the first scan too.",
    )
    fields: tuple[Pointer, ...] = Field(default=(), description="JSON Pointers: only updates that touch one of these.")


class Delivery(Table):
    """How events are sent."""

    timeout: Duration = Field(default=15.0, description="How long a point may take to answer.")
    retries: tuple[Duration, ...] = Field(
        default=tuple(
            float(schedules.seconds(pause)) for pause in ("5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h")
        ),
        description="Pauses before the next attempt, each ±20 %; after the last one the delivery is dead.",
    )
    concurrency: int = Field(
        default=8, strict=True, ge=1, le=256, description="Requests in flight per point, each for another record."
    )
    final: tuple[FinalStatus, ...] = Field(
        default=(400, 405, 413, 414, 415, 422),
        description="Answers that end a delivery at once, since no waiting mends them; redirects and 410 too.",
    )
    secret: Secret | None = Field(default=None, description="Signs for points that have no secret of their own.")
    proxy: Secret | None = Field(
        default=None,
        description="`http://user:password@host:port`: all deliveries go through it; the environment's are not used.",
    )
    allow_networks: tuple[Network, ...] = Field(
        default=(), description="CIDRs: private and loopback addresses are refused unless listed."
    )
