"""What of the configuration is about the page, the feed and metrics; for worker/settings.py."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from changes.tables import Table
from worker.field_types import BaseUrl, Network
from worker.secret import Secret


def listen_address(value: str) -> str:
    """`off`, or `HOST:PORT`; ValueError says what is wrong with it."""
    if value == "off":
        return value
    host, mark, port = value.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not mark or not host or not port.isdecimal() or not port.isascii() or int(port) > 65535:
        raise ValueError('must be HOST:PORT, such as "127.0.0.1:8480", or "off"')
    return value


class ServeToken(Table):
    """One of those who may look, or act."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")] = Field(
        description="What actions and metrics call it."
    )
    token: Secret = Field(description="Sent as `Authorization: Bearer …`, or typed once into the page.")
    role: Literal["read", "operate", "metrics"] = Field(
        description="`metrics`: metrics and health; `read`: these, the pages and the feed; `operate`: all."
    )


class Serve(Table):
    """The page, the feed, metrics and health."""

    listen: Annotated[str, AfterValidator(listen_address)] = Field(
        default="127.0.0.1:8480",
        description='Where it listens; any address but this machine\'s own needs tokens. `"off"`: nowhere.',
    )
    public_url: Literal[""] | BaseUrl = Field(
        default="", description="Where it is reached behind a proxy: links, cookies and the Host check follow it."
    )
    trusted_proxies: tuple[Network, ...] = Field(
        default=(), description="CIDRs: `X-Forwarded-For`, `-Host` and `-Proto` count where they come from there."
    )
    tokens: tuple[ServeToken, ...] = Field(default=(), description="Who may look, or act.")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; not where it is `off`."""
        return split_address(self.listen)


def split_address(listen: str) -> tuple[str, int]:
    """`[::1]:8480` -> (`::1`, 8480)."""
    host, _, port = listen.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)
