"""The mirror as it was at a moment, from the change log; given by `Mirror.at`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import cast

from changes import normalise
from changes.records import Id
from changes.resources import Resource
from mirrorpoint import names
from mirrorpoint.rows import Row
from storage import history, mirror_tables
from storage.engine import Database
from worker.problems import UsageError

#: Rows read at a time.
_BATCH = 500


class Past:
    """Rows are instances of the classes that `Mirror.model` gives; their `fingerprint` is empty, as it is not kept.

    A change counts from the moment it was seen: one that was seen at ten may have happened since the scan before,
    which its `observed_after` says. Where the content of that time was erased, `document` and all columns are None.
    """

    def __init__(self, database: Database, catalogues: names.Catalogues, moment: datetime) -> None:
        self._database = database
        self._catalogues = catalogues
        self.moment = moment

    def get(self, resource: str, key: str | int, *, parent_key: str = "", source: str | None = None) -> Row | None:
        """The record as it was; None where it was not there, or not known yet."""
        name, found = names.one(self._catalogues, resource, source)
        if found.parent is not None and not parent_key:
            raise UsageError(f'"{resource}" stands below {found.parent}', "give parent_key=, the parent's key")
        rows = self._read(name, found, id_=Id(parent_key, str(key)))
        return next((_row(found, each) for each in rows if each.is_living), None)

    def all(self, resource: str, *, parent_key: str | None = None, source: str | None = None) -> Iterator[Row]:
        """Every record that was there, by parent and key; of one parent where it is given."""
        name, found = names.one(self._catalogues, resource, source)
        return self._all(name, found, parent_key)

    def _all(self, source: str, resource: Resource, parent_key: str | None) -> Iterator[Row]:
        after: Id | None = None
        while True:
            rows = self._read(source, resource, parent_key=parent_key, after=after)
            for each in rows:
                if each.is_living:
                    yield _row(resource, each)
            if len(rows) < _BATCH:
                return
            after = rows[-1].change.id

    def _read(
        self,
        source: str,
        resource: Resource,
        *,
        id_: Id | None = None,
        parent_key: str | None = None,
        after: Id | None = None,
    ) -> list[history.Standing]:
        with self._database.read() as session:
            return history.standing(
                session,
                source,
                resource.name,
                at=self.moment,
                key=None if id_ is None else id_.key,
                parent_key=parent_key if id_ is None else id_.parent_key,
                after=after,
                limit=_BATCH,
            )


def _row(resource: Resource, standing: history.Standing) -> Row:
    change = standing.change
    columns, _ = normalise.columns(resource, change.document)
    row = mirror_tables.model_for(resource)(
        source=change.source,
        parent_key=change.id.parent_key,
        key=change.id.key,
        **{mirror_tables.attribute(name): value for name, value in columns.items()},
        document=change.document,
        version=change.version,
        fingerprint="",
        first_seen_at=standing.first_seen_at,
        changed_at=change.observed_at,
        deleted_at=None,
    )
    return cast("Row", row)
