"""Which proxy of the environment a source is reached through, if any; used by transport.py.

httpx reads the same variables, but one entry of NO_PROXY that it cannot take ends every source, and it knows no
networks. Here an entry that means nothing is passed over.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.request import getproxies

import httpx

_PORTS = {"http": 80, "https": 443}
_ENTRY = re.compile(r"(?:(?P<scheme>https?)://)?(?:\[(?P<bracketed>[^\]]*)\]|(?P<host>[^:]*))(?::(?P<port>[0-9]+))?/?")


@dataclass(frozen=True, slots=True)
class Through:
    """A proxy, and who named it."""

    url: str
    variable: str


def proxy_for(url: httpx.URL) -> Through | None:
    """The proxy for requests to `url`; None where they go straight there."""
    named = getproxies()
    proxy = named.get(url.scheme) or named.get("all")
    if not proxy or is_excepted(url, named.get("no", "")):
        return None
    names = [f"{scheme}_proxy" for scheme in (url.scheme, "all")]
    set_ones = (spelt for name in names for spelt in (name, name.upper()) if os.environ.get(spelt))
    variable = next(set_ones, f"{url.scheme.upper()}_PROXY")
    return Through(proxy if "://" in proxy else f"http://{proxy}", variable)


def is_excepted(url: httpx.URL, no_proxy: str) -> bool:
    """Whether an entry of NO_PROXY means the host: a name with all below it, an address, a network, `*`."""
    return any(_means(entry.strip().lower(), url) for entry in re.split(r"[,;\s]+", no_proxy))


def _means(entry: str, url: httpx.URL) -> bool:
    if not entry:
        return False
    host = url.host.lower().rstrip(".")
    network = _network(entry)
    if network is not None:
        return _is_within(host, network)
    found = _ENTRY.fullmatch(entry)
    if found is None:
        return False
    if found["scheme"] not in (None, url.scheme):
        return False
    if found["port"] is not None and int(found["port"]) != (url.port or _PORTS.get(url.scheme)):
        return False
    name = found["bracketed"] or found["host"] or ""
    network = _network(name)
    if network is not None:
        return _is_within(host, network)
    if "*" in name.removeprefix("*."):
        return fnmatchcase(host, name)
    name = name.removeprefix("*.").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """An address is a network of one."""
    try:
        return ipaddress.ip_network(re.sub(r"^\[(.*)\](/[0-9]+)?$", r"\1\2", text), strict=False)
    except ValueError:
        return None


def _is_within(host: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]) in network
    except ValueError:
        return False  # a name: what addresses it has is not looked up
