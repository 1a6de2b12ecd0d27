"""What can go wrong with a source, grouped by what to do next; raised in this room, judged by the steps and commands.

    UpstreamError
     |-- TryLater                   ask again, after `retry_after_seconds` where the source said how long
     |    |-- Unreachable           no connection, name, certificate or answer in time
     |    |-- Overloaded            429, 503, or the source is paused because it said so a moment ago
     |    |-- ServerError           other 5xx, 408, 425
     |    '-- MalformedResponse     what cannot be the answer: cut, HTML, huge, redirected, misshapen
     |-- GiveUp                     this resource will not answer before somebody changes something
     |    |-- NotAvailable          403, 404, 405, 410, 501
     |    '-- Rejected              other 4xx
     '-- StopSource                 nothing of this source will answer before somebody changes something
          |-- CredentialsRefused    401 with a new token, or no token to be had
          '-- SecondFactorDemanded  the sign-in asks for a code that a daemon cannot give

Messages are for operators: what happened, where, what to do. They never hold credentials, and of a body at most a short
excerpt. All arguments go to `Exception.__init__` by position, or pickling between processes would lose them.
"""

from __future__ import annotations


class UpstreamError(Exception):
    """Something went wrong between us and a source."""

    def __init__(self, source: str, resource: str, message: str, hint: str = "", *more: object) -> None:
        super().__init__(source, resource, message, hint, *more)
        self.source = source
        self.resource = resource  #: empty where the source as a whole is meant
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.source}, {self.resource}" if self.resource else self.source
        return f"{where}: {self.message}. {self.hint}." if self.hint else f"{where}: {self.message}."


class TryLater(UpstreamError):  # noqa: N818  named by what to do next
    """It may work when asked again."""

    def __init__(
        self,
        source: str,
        resource: str,
        message: str,
        hint: str = "",
        retry_after_seconds: float | None = None,
        is_untouched: bool = False,
        *more: object,
    ) -> None:
        super().__init__(source, resource, message, hint, retry_after_seconds, is_untouched, *more)
        self.retry_after_seconds = retry_after_seconds  #: what the source asked for, within bounds
        self.is_untouched = is_untouched  #: the source did nothing yet: even a creation may be sent again


class Unreachable(TryLater):
    """No complete answer came."""


class Overloaded(TryLater):
    """The source asks to be left alone for a while."""


class ServerError(TryLater):
    """The source failed."""


class MalformedResponse(TryLater):
    """The source answered, but not what was asked for."""

    def __init__(
        self,
        source: str,
        resource: str,
        message: str,
        hint: str = "",
        retry_after_seconds: float | None = None,
        is_untouched: bool = False,
        is_lasting: bool = False,
    ) -> None:
        super().__init__(source, resource, message, hint, retry_after_seconds, is_untouched, is_lasting)
        self.is_lasting = is_lasting  #: asking again at once is of no use, as with a redirect


class GiveUp(UpstreamError):  # noqa: N818  named by what to do next
    """The source has answered clearly, and the answer is no."""

    def __init__(self, source: str, resource: str, message: str, hint: str, status: int) -> None:
        super().__init__(source, resource, message, hint, status)
        self.status = status


class NotAvailable(GiveUp):
    """The source does not have this, or not for this user."""


class Rejected(GiveUp):
    """The source does not accept the request."""


class StopSource(UpstreamError):  # noqa: N818  named by what to do next
    """The source does not let us in."""


class CredentialsRefused(StopSource):
    """The credentials are wrong, or no longer valid."""


class SecondFactorDemanded(StopSource):
    """The sign-in asks for a second factor."""
