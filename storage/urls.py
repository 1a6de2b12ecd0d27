"""What `storage.url` may be: one SQLite file, or a PostgreSQL database on one host or several; used by engine.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode

from storage.errors import DatabaseRefused

_HINT = 'write "sqlite:///mirrorpoint.db" or "postgresql+psycopg://user@host/name"'
#: What may stand before "://", and which database it means.
_SCHEMES = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "postgresql+psycopg": "postgresql",
}
_PARTS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+]*)://(?:(?P<user>[^:/?]*)(?::(?P<password>[^@]*))?@)?"
    r"(?P<hosts>[^/?]*)(?:/(?P<database>[^?]*))?(?:\?(?P<options>.*))?",
    re.DOTALL,
)
_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.%]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]+))?")
_DEFAULT_PORT = "5432"


@dataclass(frozen=True, slots=True)
class Url:
    """A database's address, in its parts."""

    dialect: str  #: "sqlite" or "postgresql"
    database: str = ""  #: the file's path, or the name
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    hosts: tuple[tuple[str, str | None], ...] = ()  #: names, and ports where they are given
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  #: of PostgreSQL's client library

    def connecting(self) -> dict[str, str]:
        """PostgreSQL: how its client library is told all of it; what stands in the options comes first."""
        names = ",".join(name for name, _ in self.hosts)
        given = {"user": self.user, "password": self.password, "host": names, "dbname": self.database}
        if any(port for _, port in self.hosts):
            default = _DEFAULT_PORT if len(self.hosts) > 1 else ""
            given["port"] = ",".join(port or default for _, port in self.hosts)
        return {name: value for name, value in given.items() if value} | dict(self.options)

    def text(self, *, hide_password: bool = True) -> str:
        """As it is written; of a file its path, for people."""
        if self.dialect == "sqlite":
            return f"sqlite:///{self.database}"
        user = "" if self.user is None else quote(self.user, safe=" +")
        if self.password is not None:
            user += ":" + ("***" if hide_password else quote(self.password, safe=" +"))
        hosts = ",".join(
            (f"[{name}]" if ":" in name else quote(name, safe="")) + (f":{port}" if port else "")
            for name, port in self.hosts
        )
        options = {n: v for n, v in self.options.items() if not (hide_password and "password" in n)}
        tail = f"?{urlencode(options)}" if options else ""
        at = "@" if user else ""
        return f"postgresql+psycopg://{user}{at}{hosts}/{quote(self.database, safe=' +')}{tail}"


def usable(text: str) -> Url:
    """Its parts; `DatabaseRefused` where it names nothing that can be used."""
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise DatabaseRefused("storage.url is no database URL", _HINT)  # not repeated: it may hold a password
    dialect = _SCHEMES.get(parts["scheme"])
    if dialect is None:
        raise DatabaseRefused(f"storage.url names {parts['scheme']}, which cannot be used", _HINT)
    if dialect == "sqlite":
        return _of_file(parts)
    if "@" in parts["hosts"] or (parts["password"] and "@" in (parts["database"] or "")):
        raise DatabaseRefused("storage.url has an @ too many", "write an @ in its password as %40, and a / as %2F")
    if "\0" in unquote(text):
        raise DatabaseRefused("storage.url has a zero byte (%00) in it", "take it out")
    hosts = _hosts(parts["hosts"])
    pairs = parse_qsl(parts["options"] or "", keep_blank_values=True)
    options = dict(pairs)
    if len(options) < len(pairs):
        raise DatabaseRefused("storage.url has an option twice", "write several hosts as host=first,second")
    user, password = (None if parts[name] is None else unquote(parts[name]) for name in ("user", "password"))
    return Url(dialect, unquote(parts["database"] or ""), user, password, hosts, options)


def prepare_threshold(url: Url) -> int | None:
    """After how many executions the server keeps a statement; never, where the URL does not say: a pooler in
    transaction mode gives each transaction another session, which does not know it.
    """
    said = url.options.get("prepare_threshold", "none")
    if said == "none":
        return None
    if said.isdecimal():
        return int(said)
    raise DatabaseRefused(
        "prepare_threshold in storage.url is neither a whole number nor none", "leave it out: nothing is prepared"
    )


def _of_file(parts: re.Match[str]) -> Url:
    database = parts["database"] or ""
    if database in ("", ":memory:") or "mode=memory" in f"{database}?{parts['options'] or ''}":
        raise DatabaseRefused("storage.url names a database in memory, which processes cannot share", _HINT)
    if parts["hosts"] or parts["user"]:
        raise DatabaseRefused("storage.url has a host before its file", "write three slashes: sqlite:///mirrorpoint.db")
    if parts["options"]:
        raise DatabaseRefused("storage.url has options, and SQLite takes none", "leave out what follows the file")
    return Url("sqlite", unquote(database))


def _hosts(text: str) -> tuple[tuple[str, str | None], ...]:
    """PostgreSQL's own tools take `h1:5432,h2:5432`, and so do we."""
    if not text:
        return ()
    found = [_HOST.fullmatch(each) for each in text.split(",")]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        raise DatabaseRefused("storage.url is no database URL", _HINT)
    return tuple((each["v6"] or unquote(each["name"]), each["port"]) for each in known)
