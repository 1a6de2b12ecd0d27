"""What the web needs, handed in by worker/commands/serve/; one for the process, in `request.app.state.web`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from starlette.requests import Request

from changes.cadence.terms import Planned
from changes.resources import Resource
from changes.routes import Route
from changes.sealing import Vault
from storage.engine import Database, KeptDatabase
from storage.session import Session
from web.access import Token
from web.hosts import Hosts
from web.one_time import OneTimeCodes


class Noted(Protocol):
    """A document, and the sentences that a command puts beside it."""

    @property
    def value(self) -> Any: ...

    @property
    def notes(self) -> Sequence[str]: ...


class Documents(Protocol):
    """What a command says with `--json`, as Python values; its errors are those of the command.

    `document("status")`, `document("changes", resource="products")`: names and options are the command's.
    """

    def __call__(self, command: str, /, **options: Any) -> Any: ...

    def noted(self, command: str, /, **options: Any) -> Noted: ...


class Act(Protocol):
    """What a command does for a person, written down as done by `who` (`page: ops`); its document of `--json`."""

    def __call__(self, command: str, /, *, who: str, **options: Any) -> Any: ...


class Limits(NamedTuple):
    """What a source is spared, over all processes together."""

    requests_per_second: float
    concurrency: int


#: What is planned by (source, resource), without what is off.
Plans = Callable[[Session], Mapping[tuple[str, str], Planned]]


def _nothing_planned(_session: Session) -> Mapping[tuple[str, str], Planned]:
    return {}


@dataclass(frozen=True, slots=True)
class Web:
    """Everything that touches the world, in one place."""

    reading: KeptDatabase  #: sessions that cannot write
    writing: Database  #: for the little that is written: how far a reader is, points, whether writing works
    vault: Vault
    routes: tuple[Route, ...]
    resources: Mapping[str, Mapping[str, Resource]]  #: source -> name -> resource, of the configuration
    document: Documents
    act: Act
    hosts: Hosts
    now: Callable[[], datetime]
    version: str
    plans: Plans = _nothing_planned
    limits: Mapping[str, Limits] = field(default_factory=lambda: MappingProxyType({}))  #: by source
    keep: Sequence[str] = ()  #: the places where heads of the record are kept
    keep_every_seconds: float = 0.0
    tokens: Sequence[Token] = ()
    cookie_key: bytes = field(default=b"", repr=False)
    allow_networks: Sequence[str] = ()  #: CIDRs that points may be in though they are not public
    configuration: str = "mirrorpoint.toml"  #: the file that configured points stand in
    codes: OneTimeCodes | None = None  #: where no tokens are configured: the link that signs in

    @property
    def is_open(self) -> bool:
        """On loopback without tokens: health and metrics are open, and a link that is printed signs in."""
        return not self.tokens

    @property
    def root(self) -> str:
        """What stands before each path of our links: that of `public_url`."""
        from urllib.parse import urlsplit

        return urlsplit(self.hosts.public_url).path.rstrip("/")


def of(request: Request) -> Web:
    """The one of the application that answers this request."""
    web = request.app.state.web
    assert isinstance(web, Web)  # noqa: S101  # set by app.make
    return web
