"""What the health is made of: checks with a status each, and the document that they make (draft-inadarei)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from web import formats


class Status(StrEnum):
    """The gravest last."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"  #: somebody should know; to restart anything here would not help
    FAIL = "fail"  #: somebody here can and must do something


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str  #: `component:measurement`
    component_type: str  #: `datastore`, `component` or `system`
    status: Status
    at: datetime
    component: str | None = None  #: which one, where there are several
    observed: Any = None
    unit: str | None = None
    output: str | None = None  #: what is wrong, and what to do

    def told(self) -> dict[str, Any]:
        """In the words of the draft."""
        found = {
            "componentId": self.component,
            "componentType": self.component_type,
            "observedValue": self.observed,
            "observedUnit": self.unit,
            "status": self.status,
            "time": formats.stamp(self.at),
            "output": self.output,
        }
        return {name: value for name, value in found.items() if value is not None}


def document(found: Sequence[Check], *, version: str) -> dict[str, Any]:
    """All of them, under the status of the gravest."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for check in found:
        by_name.setdefault(check.name, []).append(check.told())
    return {
        "status": gravest(found),
        "releaseId": version,
        "description": "Mirrorpoint",
        "checks": by_name,
    }


def gravest(found: Sequence[Check]) -> Status:
    """Of nothing: all is well."""
    order = list(Status)
    return max((check.status for check in found), key=order.index, default=Status.PASS)
