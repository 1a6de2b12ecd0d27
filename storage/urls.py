"""What `storage.url` may be: one SQLite file, or a PostgreSQL database on one host or several; used by engine.py."""

from __future__ import annotations

import re
from urllib.parse import unquote

from sqlalchemy import URL, make_url
from sqlalchemy import exc as sqlalchemy_errors

from storage.errors import DatabaseRefused

_HINT = 'write "sqlite:///mirrorpoint.db" or "postgresql+psycopg://user@host/name"'
_PARTS = re.compile(r"(?P<scheme>[a-z+0-9]+)://(?P<place>[^/?]*)(?P<rest>.*)", re.DOTALL)
_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.%]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]+))?")
_DEFAULT_PORT = "5432"


def usable(text: str) -> URL:
    """The URL with the driver that is used; `DatabaseRefused` where there is none for it."""
    try:
        url = _parsed(text.replace("postgres://", "postgresql://", 1) if text.startswith("postgres://") else text)
    except (sqlalchemy_errors.ArgumentError, ValueError):
        # The text is not repeated: it may hold a password.
        raise DatabaseRefused("storage.url is no database URL", _HINT) from None
    if url.drivername in ("postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise DatabaseRefused(f"storage.url names {url.drivername}, which cannot be used", _HINT)
    if url.database in (None, "", ":memory:") or "mode=memory" in (url.database or ""):
        raise DatabaseRefused("storage.url names a database in memory, which processes cannot share", _HINT)
    return url.set(drivername="sqlite+pysqlite")


def shown(url: URL) -> str:
    """For messages: no password in it, several hosts as they were written."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database}"
    kept = {name: value for name, value in url.query.items() if "password" not in name}
    hosts, ports = str(kept.get("host", "")), str(kept.get("port", ""))
    if "," not in hosts:
        return url.set(query=kept).render_as_string(hide_password=True)
    pairs = zip(hosts.split(","), ports.split(","), strict=False)
    named = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in pairs)
    rest = url.set(query={name: value for name, value in kept.items() if name not in {"host", "port"}}, host="HOSTS")
    return rest.render_as_string(hide_password=True).replace("HOSTS", named, 1)


def prepare_threshold(url: URL) -> tuple[URL, int | None]:
    """After how many executions the server keeps a statement; never, where the URL does not say: a pooler in
    transaction mode gives each transaction another session, which does not know it.
    """
    said = url.query.get("prepare_threshold")
    if said is None or said == "none":
        threshold = None
    elif isinstance(said, str) and said.isdecimal():
        threshold = int(said)
    else:
        raise DatabaseRefused(
            "prepare_threshold in storage.url is neither a whole number nor none", "leave it out: nothing is prepared"
        )
    return url.difference_update_query(["prepare_threshold"]), threshold


def _parsed(text: str) -> URL:
    """SQLAlchemy knows one host before the path; PostgreSQL's own tools take `h1:5432,h2:5432`, and so do we."""
    parts = _PARTS.fullmatch(text)
    user, at, hosts = parts["place"].rpartition("@") if parts is not None else ("", "", "")
    if parts is None or "," not in hosts:
        return make_url(text)
    found = [_HOST.fullmatch(each) for each in hosts.split(",")]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        raise ValueError("a list of hosts in which one is none")
    url = make_url(f"{parts['scheme']}://{user}{at}{parts['rest']}")
    names = ",".join(each["v6"] or unquote(each["name"]) for each in known)
    ports = ",".join(each["port"] or _DEFAULT_PORT for each in known)
    return url.update_query_dict({"host": names, "port": ports})
