"""`open` and the `Mirror` that it gives: the first thing that a program uses."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, cast

from changes.records import Kind
from mirrorpoint import change_log, names, past, writing
from mirrorpoint.change_log import Change
from mirrorpoint.rows import Row
from storage import mirror_columns, mirror_tables
from storage.engine import Database
from worker import bootstrap
from worker import settings as configuration
from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class MirroredResource:
    """A list that the mirror has, and its table's columns beside those that every table has."""

    source: str
    name: str  #: also that of the table
    title: str
    path: str
    parent: str | None
    #: The member that identifies a record, or the members that do so together: the first that is there.
    key: tuple[str | tuple[str, ...], ...]
    columns: Mapping[str, str] = field(default_factory=dict)  #: column -> text, integer, number, boolean, time, json


class Mirror:
    """A database with its configuration. Close it, or use it in a `with`; threads may share it."""

    def __init__(self, settings: configuration.Settings, catalogues: names.Catalogues, database: Database) -> None:
        self._settings = settings
        self._catalogues = catalogues
        self._database = database
        self._closed = threading.Event()
        self._writers: set[writing.Writer] = set()

    def __enter__(self) -> Mirror:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """End what follows the changes, and close every connection."""
        self._closed.set()
        for writer in list(self._writers):
            writer.close()
        self._database.dispose()

    def resources(self, *, source: str | None = None) -> tuple[MirroredResource, ...]:
        """All lists of the configured sources, parents before their children."""
        return tuple(
            MirroredResource(
                source=name,
                name=each.name,
                title=each.title,
                path=each.path,
                parent=each.parent,
                key=each.key,
                columns={column: kind.value for column, kind in mirror_columns.typed_columns(each).items()},
            )
            for name in names.sources(self._catalogues, source)
            for each in self._catalogues[name].resources.values()
        )

    def model(self, resource: str, *, source: str | None = None) -> type[Row]:
        """The SQLModel class of the resource's table, whose columns docs/resources.md names."""
        hits = names.found(self._catalogues, resource, source)
        models = {mirror_tables.model_for(each): name for name, each in hits}
        if len(models) > 1:
            raise UsageError(
                f'"{resource}" has other columns in each of {", ".join(models.values())}', "give source=, one of these"
            )
        return cast("type[Row]", next(iter(models)))

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that only reads; what it has read may be used after it."""
        self._refuse_closed()
        with self._database.read() as session:
            yield session.objects

    def changes(
        self,
        *,
        after: int = 0,
        follow: bool = False,
        source: str | None = None,
        resource: str | None = None,
        key: str | None = None,
        parent_key: str | None = None,
        kinds: Iterable[Kind | str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Change]:
        """The change log behind the number `after`, in its order; first sights (`snapshot`) are among them.

        `follow`: then those to come as well, until the loop is left or the mirror closed. `since` and `until` are
        compared with `observed_at`; `until` itself is left out.
        """
        self._refuse_closed()
        if resource is None:
            names.sources(self._catalogues, source)
        else:
            names.found(self._catalogues, resource, source)
        wanted = change_log.Wanted(
            after=after,
            source=source,
            resource=resource,
            key=key,
            parent_key=parent_key,
            kinds=None if kinds is None else frozenset(_kind(each) for each in kinds),
            since=names.utc(since, name="since"),
            until=names.utc(until, name="until"),
        )
        return change_log.read(self._database, wanted, follow=follow, closed=self._closed)

    def at(self, time: datetime) -> past.Past:
        """The records as they were at that moment."""
        self._refuse_closed()
        moment = names.utc(time, name="the time")
        assert moment is not None  # noqa: S101  # only None gives None
        return past.Past(self._database, self._catalogues, moment)

    def write(self, source: str) -> writing.Writer:
        """The write verbs of that source, within its limits as the daemon keeps them; use it in a `with`."""
        self._refuse_closed()
        names.sources(self._catalogues, source)
        writer = writing.connect(self._settings, source, closed=self._writers.discard)
        self._writers.add(writer)
        return writer

    def _refuse_closed(self) -> None:
        if self._closed.is_set():
            raise UsageError("the mirror has been closed", "open another one")


def open(config: str | os.PathLike[str] | None = None) -> Mirror:  # noqa: A001  # the verb that a reader expects
    """The mirror of a configuration file: the one given, else MIRRORPOINT_CONFIG, else ./mirrorpoint.toml.

    Nothing is made or changed. `storage.errors.DatabaseEmpty`: it was never filled; `DatabaseOlder`: it
    has not been brought up to this version yet.
    """
    settings = configuration.load(None if config is None else os.fspath(config))
    catalogues = bootstrap.load_catalogues(settings)
    return Mirror(settings, catalogues, bootstrap.open_reading(settings, catalogues=catalogues))


def _kind(text: Kind | str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        raise UsageError(f'there is no kind "{text}"', did_you_mean(text, [kind.value for kind in Kind])) from None
