"""Faults to order: which requests they befall; the control API writes the book, the API reads it at each request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random

from sandbox.fields import Json

KINDS = frozenset(
    {
        # the answer or its way
        "status", "delay", "slow_body", "cut_connection", "cut_json", "html", "content_type", "redirect", "huge",
        "gzip_bomb", "expire_tokens", "charset", "gone",
        # the whole list
        "empty", "total", "sort", "unstable_order", "shift", "ties", "twice", "literal", "wall",
        # offset and limit
        "cap", "short_page", "ignore_offset", "duplicate", "endless", "hole", "clamp", "snap", "page_number",
        "refuse_unaligned", "window", "refuse_behind",
        # one page
        "repeat", "hide", "nothing_here", "numbered",
    }
)  # fmt: skip
#: These need a position, and wait for a request that has one.
BEHIND_THE_FIRST_PAGE = frozenset({"shift", "duplicate", "ignore_offset"})


@dataclass(slots=True)
class Fault:
    """One order: what is to happen, to which requests, how often."""

    id: int
    kind: str
    path: str = "/*"  #: glob over the path of the request
    method: str = "*"
    after: int = 0  #: so many fitting requests are spared first
    count: int | None = None  #: happens so often, then never again; None: always
    probability: float = 1.0
    settings: Mapping[str, Json] = field(default_factory=dict)  #: of the kind
    hits: int = 0
    random: Random = field(default_factory=Random)

    def befalls(self, method: str, path: str, *, is_first_page: bool) -> bool:
        if is_first_page and self.kind in BEHIND_THE_FIRST_PAGE:
            return False
        if self.count is not None and self.hits >= self.count:
            return False
        if not fnmatchcase(path, self.path) or not fnmatchcase(method, self.method):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.probability < 1 and self.random.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def to_json(self) -> Json:
        return {"id": self.id, "kind": self.kind, "path": self.path, "method": self.method, "count": self.count,
                "probability": self.probability, "hits": self.hits, **self.settings}  # fmt: skip


class FaultBook:
    """All orders, in the order in which they came."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._last = 0

    def order(self, wanted: Mapping[str, Json]) -> Fault:
        """From the members of a `Fault`; others are settings of the kind. ValueError where there is no such kind."""
        kind = wanted.get("kind")
        if kind not in KINDS:
            raise ValueError(f"kind: one of {', '.join(sorted(KINDS))} is wanted, not {kind!r}")
        members = {"path", "method", "after", "count", "probability"}
        known = {name: value for name, value in wanted.items() if name in members}
        settings = {name: value for name, value in wanted.items() if name not in {*members, "kind", "seed"}}
        self._last += 1
        fault = Fault(self._last, kind, **known, settings=settings, random=Random(wanted.get("seed")))
        self.faults.append(fault)
        return fault

    def strike(self, method: str, path: str, query: Mapping[str, str]) -> list[Fault]:
        """The faults that befall this request; counted as having happened."""
        is_first_page = all(query.get(name, "") in ("", "0") for name in ("offset", "skip"))
        return [fault for fault in self.faults if fault.befalls(method, path, is_first_page=is_first_page)]

    def cancel(self, fault_id: int | None = None) -> None:
        self.faults = [fault for fault in self.faults if fault_id is not None and fault.id != fault_id]
