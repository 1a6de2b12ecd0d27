"""Keeps deliveries out of the inside of the network: judges URLs and addresses, and dials only what passed.

The sender and `check` dial through `Dialler` (connecting.py); `points add` and `points edit` ask `check_url`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import httpx

from webhooks import trouble

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
AnyProtocol = TypeVar("AnyProtocol", bound=asyncio.Protocol)
#: `socket.getaddrinfo` or what a test puts in its place.
Resolve = Callable[..., Sequence[tuple[Any, ...]]]

#: The well-known prefix of NAT64: how a public IPv4 receiver is reached from an IPv6-only network.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
#: Not reachable from everywhere, but `ipaddress` of the oldest supported Python does not know that.
SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata service lives there
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4: wraps any IPv4 address
        "3fff::/20",  # documentation
    )
)
#: All of IPv6 that has been assigned for use between networks.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
#: How many addresses of one name are tried; each gets an equal share of the time.
MOST_ADDRESSES = 4
#: If a proxy dials, a name is only looked up to refuse it; names that nobody here knows must not hold up a delivery.
JUDGE_SECONDS = 2.0

Dialled = socket.socket


class Finding(NamedTuple):
    """What would keep a delivery from being sent, in words for people."""

    text: str
    is_refusal: bool  #: we refuse; else it is the state of the network


class NotDialledError(Exception):
    """A name has no address, or an address to which no delivery may go; the text says which, for people."""


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The CIDRs of `allow_networks`; ValueError names a text that is none."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise ValueError(f"{text!r} is not a network: {error}; write it as 10.1.0.0/16 or fd00::/8") from error
    return tuple(found)


def refusal(address: str, *, allow: Sequence[Network]) -> str | None:
    """Why no delivery may go to `address`; None if it may."""
    meant = _meant(ipaddress.ip_address(address))
    if any(meant in network for network in allow):
        return None
    inner = ipaddress.IPv4Address(int(meant) & 0xFFFF_FFFF) if meant in NAT64 else meant
    if meant.is_loopback or meant.is_unspecified:
        return f"{address} is this machine itself"
    if inner.is_multicast or not inner.is_global or any(inner in network for network in SPECIAL):
        return f"{address} is not a public address"
    if inner.version == 6 and inner not in GLOBAL_UNICAST:
        return f"{address} is not a public address"
    return None


def url_problems(text: str) -> list[str]:
    """What is wrong with a point's URL as it is written; nothing is looked up."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):  # idna's errors are ValueErrors
        return ["not a valid URL"]
    problems = []
    if url.scheme not in ("http", "https"):
        problems.append("only http:// and https:// are possible")
    if not url.raw_host:  # `host` decodes, and raises for what is no IDNA
        problems.append("it names no host")
    if url.userinfo:
        problems.append("a name or password in the URL is not sent; use the point's token")
    if url.port is not None and not 0 < url.port < 65536:
        problems.append(f"there is no port {url.port}")
    return problems


def check_url(text: str, *, allow: Sequence[Network], resolve: Resolve = socket.getaddrinfo) -> list[Finding]:
    """What would keep a delivery from being sent to this URL now; looks the name up."""
    problems = url_problems(text)
    if problems:
        return [Finding(problem, is_refusal=True) for problem in problems]
    url = httpx.URL(text)
    host = url.raw_host.decode("ascii")
    try:
        addresses = _addresses(host, url.port or (443 if url.scheme == "https" else 80), resolve=resolve)
    except (OSError, ValueError) as error:
        return [Finding(f"{host} does not resolve ({_words(error)})", is_refusal=False)]
    reasons = [reason for address in addresses if (reason := refusal(address, allow=allow))]
    return [Finding(_refused(host, reason), is_refusal=True) for reason in reasons]


class Dialler:
    """Resolves each name itself, at every connection, and dials an address that it has judged.

    One bad address among several refuses the connection: the order of an answer must not decide which is dialled.
    """

    def __init__(self, allow: Sequence[Network], *, resolve: Resolve = socket.getaddrinfo) -> None:
        self._allow = tuple(allow)
        self._resolve = resolve
        # Threads of its own: names that hang must not hold up other users of the loop's threads.
        self._resolvers = ThreadPoolExecutor(32, thread_name_prefix="resolve")

    async def dial(self, host: str, port: int, *, share_seconds: float, is_own: bool = False) -> Dialled:
        """A connected socket; OSError or NotDialledError.

        `share_seconds` is the time for all addresses of the name together; the caller bounds the whole. `is_own`: it is
        a proxy from the configuration, which may be anywhere.
        """
        addresses = await self._look_up(host, port)
        if not is_own:
            self._refuse(host, addresses)
        tried = addresses[:MOST_ADDRESSES]
        for address in tried[:-1]:
            try:
                async with asyncio.timeout(share_seconds / len(tried)):
                    return await _dial_address(address, port)
            except OSError as error:  # TimeoutError is one
                if trouble.is_ours(error):
                    raise
        return await _dial_address(tried[-1], port)

    async def judge(self, host: str, port: int) -> None:
        """NotDialledError if a proxy must not be asked for this; a name that only the proxy may know passes."""
        try:
            async with asyncio.timeout(JUDGE_SECONDS):
                addresses = await self._look_up(host, port)
        except (NotDialledError, TimeoutError):
            return
        self._refuse(host, addresses)

    async def _look_up(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._resolvers, lambda: _addresses(host, port, resolve=self._resolve))
        except (OSError, ValueError) as error:
            _need_descriptor()
            raise NotDialledError(f"{host} does not resolve ({_words(error)})") from error

    def _refuse(self, host: str, addresses: Sequence[str]) -> None:
        for address in addresses:
            reason = refusal(address, allow=self._allow)
            if reason is not None:
                raise NotDialledError(_refused(host, reason))

    def close(self) -> None:
        """Release the threads; one that still waits for a name ends by itself."""
        self._resolvers.shutdown(wait=False, cancel_futures=True)


def _need_descriptor() -> None:
    """OSError if this process may open no file: a resolver would then say that the name has no address."""
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


async def _dial_address(address: str, port: int) -> socket.socket:
    dialled = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        dialled.setblocking(False)
        await asyncio.get_running_loop().sock_connect(dialled, (address, port))
    except BaseException:
        dialled.close()
        raise
    return dialled


def _meant(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _addresses(host: str, port: int, *, resolve: Resolve) -> list[str]:
    """Every address of a name, each once, in the resolver's order; odd spellings become the address that they mean."""
    found = resolve(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "no address")
    return addresses


def _refused(host: str, reason: str) -> str:
    return f"{host} is refused: {reason}; if it is meant, list its network in [delivery] allow_networks"


def _words(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "not a host name"
