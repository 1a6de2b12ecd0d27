"""The whole configuration: one frozen tree, one line of meaning per field; read by bootstrap and the commands.

`load` reads the file, lays the environment over it (worker/environment.py) and checks the result.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, Field, PrivateAttr, ValidationError

from changes import explain as words
from changes.tables import Table, Text
from worker import environment, explain
from worker.field_types import BrokerUrl, SourceName, StorageUrl
from worker.problems import SettingsError
from worker.record_table import Record
from worker.secret import Secret, expanded
from worker.sending_tables import Delivery, Point, RouteTable
from worker.serve_table import Serve
from worker.source_tables import Source

DEFAULT_FILE = "mirrorpoint.toml"
DEFAULT_STORAGE_URL = "sqlite:///mirrorpoint.db"


class Storage(Table):
    """Where the mirror is kept."""

    url: StorageUrl = Field(
        default=DEFAULT_STORAGE_URL,
        description="The database: `sqlite:///FILE` or `postgresql+psycopg://user:password@host/name`.",
    )
    seal_key: Secret = Field(
        default_factory=lambda: Secret("file:mirrorpoint.key"),
        description="32 bytes, url-safe base64: seals secrets before they are stored. Lost key, lost tokens.",
    )
    state_folder: Text | None = Field(
        default=None,
        description="What `run` keeps beside the database: its private broker. By itself beside an SQLite file, else "
        "in systemd's `STATE_DIRECTORY`, beside this file, or in `~/.local/state/mirrorpoint`.",
    )


class Broker(Table):
    """What carries wake-ups from the clock to the workers."""

    url: BrokerUrl = Field(
        default="embedded",
        description="`embedded`: a private server started by `run`; or `redis://host:6379/0`. `rediss://` verifies the "
        "certificate: `?ssl_ca_certs=FILE` names an authority of your own, `?ssl_cert_reqs=none` looks at none.",
    )


class Settings(Table):
    """`mirrorpoint.toml` with the environment laid over it."""

    _file: Path = PrivateAttr(default=Path(DEFAULT_FILE))
    _ignored_variables: tuple[str, ...] = PrivateAttr(default=())
    _environ: Mapping[str, str] = PrivateAttr(default_factory=dict)

    storage: Storage = Field(default_factory=Storage, description="Where the mirror is kept.")
    broker: Broker = Field(default_factory=Broker, description="What carries wake-ups from clock to workers.")
    sources: dict[SourceName, Source] = Field(default_factory=dict, description="What is mirrored, by name.")
    points: tuple[Point, ...] = Field(default=(), description="Points of your own.")
    routes: tuple[RouteTable, ...] = Field(default=(), description="Which changes go to which points.")
    delivery: Delivery = Field(default_factory=Delivery, description="How events are sent.")
    record: Record = Field(default_factory=Record, description="The proof that nobody edited what was written.")
    serve: Serve = Field(default_factory=Serve, description="The page, the feed, metrics and health.")

    @property
    def file(self) -> Path:
        """The configuration file."""
        return self._file

    @property
    def ignored_variables(self) -> tuple[str, ...]:
        """Variables that begin with our name and can be no setting."""
        return self._ignored_variables

    @property
    def folder(self) -> Path:
        """What relative paths of the configuration are relative to."""
        return self._file.parent

    def secret(self, text: str, *, file: str, field: str) -> Secret:
        """A value of another file, with the variables of this configuration; paths start in that file's folder."""
        secret = Secret(text)
        secret.bind(file=file, field=field, folder=Path(file).parent, environ=self._environ)
        return secret

    def secrets(self) -> Iterator[Secret]:
        """All that are set, each knowing its `field`."""
        for _, secret in _secrets_below(self, ""):
            yield secret


def find_file(named: str | None, environ: Mapping[str, str]) -> Path:
    """`--config`, else MIRRORPOINT_CONFIG, else ./mirrorpoint.toml; absolute."""
    return expanded(named or environ.get("MIRRORPOINT_CONFIG") or DEFAULT_FILE).absolute()


def load(named: str | None = None, *, environ: Mapping[str, str] | None = None) -> Settings:
    """The configuration of this process; SettingsError says what is wrong with it."""
    environ = os.environ if environ is None else environ
    file = find_file(named, environ)
    try:
        text = file.read_text("utf-8-sig")
    except FileNotFoundError:
        is_named = named or environ.get("MIRRORPOINT_CONFIG")
        hint = "`mirrorpoint init` writes one here; --config names another"
        if is_named:
            hint = "see whether --config, or MIRRORPOINT_CONFIG, names the right file"
        raise SettingsError(str(file), "", "there is no such file", hint) from None
    except OSError as error:
        raise SettingsError(str(file), "", f"cannot be read: {error.strerror}", "--config names another file") from None
    except UnicodeDecodeError:
        raise SettingsError(str(file), "", "is not UTF-8 text", "save it as UTF-8") from None
    return parse(text, file=file, environ=environ)


def parse(text: str, *, file: Path, environ: Mapping[str, str]) -> Settings:
    """The configuration out of a file's text; reads nothing else."""
    try:
        written = words.parsed(text)
    except words.NotToml as error:
        raise SettingsError(str(file), "", str(error), error.hint) from None
    merged, variables, ignored = environment.lay_over(Settings, written, environ=environ)
    _anchor_database(merged, file.parent)
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        raise explain.first_problem(error, Settings, file=str(file), variables=variables) from None
    explain.refuse_doubles(settings.points, file=str(file))
    settings._file = file  # noqa: SLF001
    settings._ignored_variables = ignored  # noqa: SLF001
    settings._environ = environ  # noqa: SLF001
    for field, secret in _secrets_below(settings, ""):
        secret.bind(file=str(file), field=field, folder=file.parent, environ=environ)
    return settings


def _anchor_database(merged: dict[str, Any], folder: Path) -> None:
    """A relative SQLite file belongs beside the configuration, whatever folder a command is called in."""
    storage = merged.setdefault("storage", {})
    if isinstance(storage, dict):
        url = storage.setdefault("url", DEFAULT_STORAGE_URL)
        if isinstance(url, str) and url.startswith("sqlite:///") and url not in {"sqlite:///", "sqlite:///:memory:"}:
            written, mark, query = url.removeprefix("sqlite:///").partition("?")
            path = folder / expanded(unquote(written))
            # Of a folder's name these two would be read as something else in a URL.
            quoted = str(path).replace("%", "%25").replace("?", "%3F")
            storage["url"] = f"sqlite:///{quoted}{mark}{query}"


def _secrets_below(value: object, field: str) -> Iterator[tuple[str, Secret]]:
    if isinstance(value, Secret):
        yield field, value
    elif isinstance(value, BaseModel):
        for name, member in value:
            yield from _secrets_below(member, f"{field}.{name}" if field else name)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _secrets_below(member, f"{field}.{key}")
    elif isinstance(value, tuple):
        for position, member in enumerate(value):
            name = member.code if isinstance(member, Point) else str(position)
            yield from _secrets_below(member, f"{field}[{name}]")
