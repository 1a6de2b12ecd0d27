"""The records that one list below a parent has brought; gathered by the walk, weighed by judgement.py."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from changes import fingerprint
from changes.records import Batch, Id
from storage import seen_ids


@dataclass(slots=True)
class Came:
    """The records of one list below a parent, and how often each came on another page."""

    ids: Counter[Id] = field(default_factory=Counter)
    gone: set[Id] = field(default_factory=set)  #: rows that said that their records are gone

    def add(self, batch: Batch) -> None:
        self.ids.update(batch.ids)
        self.gone.update(batch.gone)

    @property
    def different(self) -> int:
        """Rows with different keys."""
        return len(self.ids) + len(self.gone - self.ids.keys())

    def digest(self) -> str:
        """Of the records whatever their order, where some came twice."""
        if len(self.ids) == self.ids.total():
            return ""
        return fingerprint.hashed(repr(sorted(self.ids.items())).encode())

    def repeated(self) -> dict[str, int]:
        return {seen_ids.name_of(id_): times for id_, times in self.ids.items() if times > 1}
