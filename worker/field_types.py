"""What single fields of the configuration may hold: addresses, times, networks; used by worker/settings.py."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from changes import schedules
from changes.problems import Misfit
from worker import broker_urls


def _duration(value: object) -> float:
    if not isinstance(value, str):
        raise ValueError('a time is written with its unit and in quotes: "30s", "5m", "6h", "1d" or "1w"')  # noqa: TRY004
    seconds = schedules.seconds(value)
    if seconds <= 0:
        raise Misfit("must be longer than nothing", 'write a time such as "5m"')
    return float(seconds)


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port  # read here, since only then it is looked at
    except ValueError:
        raise ValueError("is no address: look at its host and its port") from None
    if any(character.isspace() for character in value):
        raise ValueError("must not hold spaces")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must begin with https:// or http:// and name a host")
    if parts.username or parts.password:
        raise ValueError("must not hold a user or a password; they belong into secrets")
    return value


def _base_url(value: str) -> str:
    parts = urlsplit(_http_url(value))
    if parts.query or parts.fragment:
        raise ValueError("must be an address without ? and #")
    return value.rstrip("/")


def _storage_url(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must not hold control characters")
    if value in {"sqlite://", "sqlite:///", "sqlite:///:memory:"}:
        raise ValueError("must name a file: a database in memory is another one for each connection")
    for alias in ("postgres://", "postgresql://"):  # what hosting services hand out; the driver is always psycopg 3
        if value.startswith(alias):
            value = "postgresql+psycopg://" + value.removeprefix(alias)
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
    if value.startswith("sqlite") and "/" in value.partition("?")[2]:
        raise ValueError('has a "?" in its path: write it %3F')
    host = re.split("[/?]", value.partition("@")[2])[0]
    if "@" in host and not value.startswith("sqlite"):  # the rest of the password would be taken, and shown, as a host
        raise ValueError('has two "@": the one in the user or the password is written %40')
    return value


def _broker_url(value: str) -> str:
    if value != "embedded" and not value.startswith(("redis://", "rediss://", "redis+socket://")):
        raise ValueError('must be "embedded" or begin with redis:// or rediss://')
    if value.startswith(("redis://", "rediss://")):
        try:
            parts = urlsplit(value)
            is_whole = bool(parts.hostname) and (parts.port or 6379) > 0
        except ValueError:
            is_whole = False
        if not is_whole or not re.fullmatch(r"/?[0-9]*", parts.path):
            raise ValueError("must name a host, and a database by its number: redis://host:6379/0")
        said = dict(parse_qsl(parts.query, keep_blank_values=True)).get("ssl_cert_reqs", "required")
        if said not in broker_urls.CERTIFICATES:
            raise ValueError("ssl_cert_reqs must be required, optional or none")
    return value


def _source_name(value: str) -> str:
    if value == "mirrorpoint":
        raise ValueError("must be another name: Mirrorpoint's own notices are told under this one")
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise ValueError(f'"{value}" is not a network such as 10.0.0.0/8 or 192.168.1.7/32') from None


#: Written "30s", "5m", "6h", "1d" or "1w"; read as seconds.
Duration = Annotated[float, BeforeValidator(_duration)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
StorageUrl = Annotated[str, AfterValidator(_storage_url)]
BrokerUrl = Annotated[str, AfterValidator(_broker_url)]
Network = Annotated[str, AfterValidator(_network)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
#: Ends up in keys, events and names of environment variables.
SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$"), AfterValidator(_source_name)]
Pointer = Annotated[str, Field(pattern=r"^(/.*)?$")]
ContentType = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+(; ?[ -~]+)?$")]
#: An answer that is neither a success nor one that is decided otherwise.
FinalStatus = Annotated[int, Field(strict=True, ge=400, le=599)]
