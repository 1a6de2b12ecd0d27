"""Where a scan stands: what is written with each page and read when somebody goes on; used by the scan step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from changes.records import Id
from upstream.paging import Proof, Walk


class Phase(StrEnum):
    """What a scan is at."""

    WALK = "walk"  #: reading lists
    CONFIRM = "confirm"  #: asking for the records that were in no list
    DELETE = "delete"  #: deleting those whose absence is confirmed


#: From best to worst.
_PROOFS = (Proof.COMPLETE, Proof.DRIFTED, Proof.PARTIAL)


@dataclass(slots=True)
class Position:
    """Goes to `mirrorpoint_scan.position` and back as plain JSON."""

    phase: Phase = Phase.WALK
    walk: Walk = field(default_factory=Walk)  #: through the list that is being read
    is_walked: bool = False  #: a flat list has been read to its end: who goes on must not read a part of it twice
    walks: int = 0  #: how often a flat list was walked to its end
    seen: int = 0  #: different rows seen in the walks before this one
    parent: Id | None = None  #: whose list is being read
    done_parent: Id | None = None  #: the last parent whose list was read to its end
    is_verified: bool = False  #: a short page with a fitting total has once proved to be a list's end
    gone: list[str] = field(default_factory=list)  #: `parent_key`s whose parent answered 404 on its own path
    unread: int = 0  #: parents whose list could not be read
    has_trouble: bool = False  #: one of them because the source did not answer as it should
    parts: int = 0  #: batches written: numbers the next one's seen ids
    proof: Proof = Proof.COMPLETE  #: the worst of the lists so far
    reason: str = ""  #: why, for the first of them
    skipped: str = ""  #: why the first row that could not be taken was not
    is_approved_settled: bool = False  #: suspects whose deletion was approved have been asked for
    asked_after: Id | None = None  #: the last suspect that was asked for
    confirmed: int = 0  #: suspects whose absence is confirmed
    missed: int = 0  #: suspects that their own path still has

    def note(self, proof: Proof, reason: str) -> None:
        """Take a list's end into account; the worst one decides, the first reason is told."""
        self.proof = max(self.proof, proof, key=_PROOFS.index)
        self.reason = self.reason or reason

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Position:
        values = dict(value or {})
        for name in ("parent", "done_parent", "asked_after"):
            values[name] = Id(*values[name]) if values.get(name) else None
        values["walk"] = Walk.from_json(values.get("walk") or {})
        values["phase"] = Phase(values.get("phase", Phase.WALK))
        values["proof"] = Proof(values.get("proof", Proof.COMPLETE))
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        return {
            name: value.to_json() if isinstance(value, Walk) else value
            for name in self.__slots__
            for value in (getattr(self, name),)
        }
