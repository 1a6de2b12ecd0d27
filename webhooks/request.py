"""The part of a request to a point that is the same for every event: what is dialled, and its head; for the sender."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from urllib.parse import quote

import httpx

from webhooks import address_guard, signature, tls
from webhooks.proxy import Proxy, parsed
from webhooks.target import Target, header_problems, is_sendable

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
#: Characters of a point's code that stay; those that no header can carry, and `%` itself, are percent-encoded.
_PLAIN = " !\"#$&'()*+,/:;<=>?@[\\]^`{|}"

Headers = list[tuple[str, str]]


class UnsendableError(Exception):
    """No request can be made for this point; the text says why, for people."""


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """How an event gets to a point."""

    host: str
    port: int
    server_name: str | None  #: the name that its certificate must have; None: without TLS
    tls: tls.Files
    proxy: Proxy | None
    path: bytes  #: or the whole URL, for a proxy that passes on whole requests
    headers: Headers = field(repr=False)  #: the headers that are the same for every event


def way(target: Target) -> Way:
    """How events get to this point; UnsendableError or proxy.ProxyError if there is no way."""
    problems = address_guard.url_problems(target.url)
    if problems:
        raise UnsendableError(f"the point's URL cannot be used: {problems[0]}")
    url = httpx.URL(target.url)
    is_secure = url.scheme == "https"
    host, netloc, path = url.raw_host.decode("ascii"), url.netloc.decode("ascii"), url.raw_path
    # A name may end in a dot, so that the resolver adds nothing; certificates and servers know it without.
    name = host.removesuffix(".")
    netloc = name + netloc.removeprefix(host) if name != host else netloc
    proxy = parsed(target.proxy) if target.proxy else None
    headers = _headers(target, netloc)
    if proxy is not None and not is_secure:
        path = f"http://{netloc}".encode() + path
        headers += proxy.headers
    return Way(
        host=host,
        port=url.port or (443 if is_secure else 80),
        server_name=name if is_secure else None,
        tls=tls.Files(target.ca, target.client_certificate, target.client_key) if is_secure else tls.USUAL,
        proxy=proxy,
        path=path,
        headers=headers,
    )


def head(way: Way, target: Target, *, event_id: str, body: bytes, attempted_at: datetime) -> Headers:
    """All headers of one attempt."""
    signed = signature.headers(event_id, body, secrets=target.secrets, attempted_at=attempted_at)
    return [*way.headers, ("Content-Length", str(len(body))), *signed.items()]


def _headers(target: Target, netloc: str) -> Headers:
    found = {
        "host": ("Host", netloc),
        "content-type": ("Content-Type", target.content_type or CONTENT_TYPE),
        "user-agent": ("User-Agent", user_agent()),
        "accept-encoding": ("Accept-Encoding", "identity"),
        "mirrorpoint-point": ("Mirrorpoint-Point", quote(target.point, safe=_PLAIN)),
    }
    if target.token:
        if not is_sendable(target.token):
            raise UnsendableError("the point's token has characters that no header can carry")
        found["authorization"] = ("Authorization", f"Bearer {target.token}")
    for name, value in target.headers:
        problems = header_problems(name, value)
        if problems:
            raise UnsendableError(f"the point's headers cannot be used: {problems[0]}")
        found[name.lower()] = (name, value)
    if not is_sendable(target.content_type or ""):
        raise UnsendableError("the point's content_type has characters that no header can carry")
    return list(found.values())


def user_agent() -> str:
    """Who we are, for those who are called."""
    try:
        return f"mirrorpoint/{metadata.version('mirrorpoint')}"
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "mirrorpoint/0"
