"""Whether the broker can be reached, and why not; asked by `status` and `check`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from worker.embedded import Place
    from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Broker:
    """How it stands."""

    url: str  #: without user, password and query
    is_reachable: bool
    problem: str = ""  #: why it is not


def look(settings: Settings) -> Broker:
    """The embedded one answers as long as a `run` is there."""
    from worker import embedded, liveness

    if settings.broker.url == "embedded":
        answers = embedded.answers(place(settings))
        return Broker("embedded", answers, "" if answers else "it is started by `mirrorpoint run`")
    problem = liveness.trouble(settings.broker.url)
    return Broker(without_secrets(settings.broker.url), problem is None, problem or "")


def place(settings: Settings) -> Place:
    """Where the embedded one lives."""
    from worker import embedded, state_folder

    return embedded.found(state_folder.of(settings))


def without_secrets(url: str) -> str:
    """Of an address what may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
