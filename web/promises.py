"""What the configuration promises, in numbers that the metrics and the health set beside what is; handed in by
worker/commands/serve/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple


class Limits(NamedTuple):
    """What a source is spared, over all processes together."""

    requests_per_second: float
    concurrency: int


Intervals = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Promises:
    """All of it stays the same as long as the process runs."""

    #: (source, resource) -> seconds of the longest time between two scans; without what is off. Slow at first.
    intervals: Callable[[], Intervals] = dict
    limits: Mapping[str, Limits] = field(default_factory=lambda: MappingProxyType({}))  #: by source
    keep: Sequence[str] = ()  #: the places where heads of the record are kept
    keep_every_seconds: float = 0.0
