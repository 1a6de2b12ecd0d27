"""Where events go: a point as the sender sees it, and which headers it may add; also used by `check`, `points add`."""

from __future__ import annotations

from dataclasses import dataclass, field

#: The delivery sets these itself, like all that begin with webhook-: another value would break the request.
OWN_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "content-encoding",
        "mirrorpoint-point",
    }
)
#: These belong to the connection and its two ends, and not to what is sent over it.
CONNECTION_HEADERS = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_NAME = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class Target:
    """Where an event goes; holds the point's secrets in clear, so it shows none of them in its `repr`."""

    point: str
    url: str = field(repr=False)  #: may carry a secret in its query
    token: str | None = field(default=None, repr=False)  #: sent as a bearer token
    secrets: tuple[str, ...] = field(default=(), repr=False)  #: each signs
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)  #: sent besides our own
    content_type: str | None = None  #: None: request.CONTENT_TYPE
    timeout_seconds: float | None = None  #: None: the sender's
    ca: str | None = None  #: PEM file of the authorities that its certificate is checked against; None: the usual ones
    client_certificate: str | None = None  #: PEM file
    client_key: str | None = None  #: PEM file; None: it is in that of the certificate
    proxy: str | None = field(default=None, repr=False)  #: `http://user:password@host:port`


def header_problems(name: str, value: str) -> list[str]:
    """What keeps a header from being added to deliveries; never quotes the value, which may be a secret."""
    lower = name.lower()
    problems = []
    if not name or not _NAME.issuperset(lower):
        problems.append(f"{name!r} is not the name of a header")
    elif lower in OWN_HEADERS or lower.startswith("webhook-"):
        problems.append(f"{name} is set by each delivery itself")
    elif lower == "content-type":
        problems.append("Content-Type is set by content_type")
    elif lower in CONNECTION_HEADERS:
        problems.append(f"{name} belongs to the connection and not to what is sent over it")
    if not is_sendable(value):
        problems.append(f"the value of {name} has characters that no header can carry")
    elif not value or value != value.strip(" "):
        problems.append(f"the value of {name} is empty, or begins or ends with a space")
    return problems


def is_sendable(text: str) -> bool:
    """Whether a header can carry the text; h11 would refuse others too, but quote them in its error."""
    return text.isascii() and (not text or text.isprintable())
