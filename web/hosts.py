"""Where a request came from and which host it names, behind proxies that are trusted; pure, used by guard.py."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

#: `name`, `name:8480`, `[::1]:8480`.
_HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Seen:
    """What a request says of its way, as far as it is believed."""

    address: str  #: of who sends it
    host: str  #: the Host header, or what a trusted proxy was asked for
    origin: str  #: `https://host:port`, as the sender's browser would name us


@dataclass(frozen=True, slots=True)
class Hosts:
    """Which names are ours. A name of somebody else that leads here is how a page of his would read ours."""

    listen_host: str
    public_url: str = ""
    trusted_proxies: Sequence[Network] = ()

    def seen(self, peer: str, headers: Mapping[str, str], *, scheme: str) -> Seen:
        """`X-Forwarded-*` counts where it comes from a proxy that is trusted."""
        host = headers.get("host", "")
        if not self._is_proxy(peer):
            return Seen(peer, host, f"{scheme}://{host}")
        host = headers.get("x-forwarded-host", host).split(",")[-1].strip()
        scheme = headers.get("x-forwarded-proto", scheme).split(",")[-1].strip()
        hops = [address_alone(hop.strip()) for hop in headers.get("x-forwarded-for", "").split(",") if hop.strip()]
        address = next((hop for hop in reversed(hops) if not self._is_proxy(hop)), hops[0] if hops else peer)
        return Seen(address, host, f"{scheme}://{host}")

    def are_ours(self, host: str, *, server: str) -> bool:
        """Whether the Host header names us: loopback, where we listen, `server` (the address that was dialled), or
        `public_url`."""
        name = host_name(host)
        ours = {*_LOOPBACK, self.listen_host, server, urlsplit(self.public_url).hostname or ""}
        return bool(name) and name.rstrip(".") in {each.lower() for each in ours if each}

    def origins(self, seen: Seen) -> set[str]:
        """What the Origin header of our own pages is."""
        public = urlsplit(self.public_url)
        return {seen.origin.lower(), *([f"{public.scheme}://{public.netloc}".lower()] if public.netloc else [])}

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.trusted_proxies)


def host_name(host: str) -> str:
    """The name in a Host header, without its port; empty where it is more, or less, than a name and a port."""
    found = _HOST.fullmatch(host)
    return "" if found is None else found["name"].strip("[]").lower()


def address_alone(hop: str) -> str:
    """An address of `X-Forwarded-For` without its port, which some proxies put behind it."""
    found = _HOST.fullmatch(hop)
    return hop if found is None else found["name"].strip("[]")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
