"""How people are told of changes and records; used by the checks of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from changes import events
from changes.records import Id
from tasks.mirror_checks.compared import shown
from tasks.record.checks.outcome import Problem


@dataclass(frozen=True, slots=True)
class Naming:
    """With the source where there are several."""

    has_several_sources: bool

    def record(self, source: str, resource: str, id: Id) -> str:  # noqa: A002
        """`products/42`."""
        subject = events.subject(shown(resource), Id(shown(id.parent_key), shown(id.key)))
        return f"{shown(source)}:{subject}" if self.has_several_sources else subject

    def change(self, row: Sequence[Any], what: str) -> Problem:
        """A problem with a row of the log, as `log_rows` gives it."""
        seq, _, source, resource, parent_key, key, version, *_ = row
        name = self.record(source, resource, Id(parent_key, key))
        number = "without a number" if seq is None else f"{seq:,}"
        text = f"change {number}, {name} version {shown(version)}: {what}"
        return Problem(text, seq=seq, resource=shown(resource), key=shown(key))

    def mirrored(self, source: str, resource: str, id: Id, what: str) -> Problem:  # noqa: A002
        """A problem with a row of a mirrored table."""
        return Problem(f"{self.record(source, resource, id)}: {what}", resource=resource, key=shown(id.key))
