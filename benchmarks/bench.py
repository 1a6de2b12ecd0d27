"""What every group of measurements is given: how thoroughly to measure, a folder, progress; and what it gives back."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import Quiet


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a figure, and what it must reach where there is a target."""

    work: str
    measure: str  #: what the value is: "of reading alone", "p50"
    value: float
    unit: str = "x"  #: x: a ratio
    target: float | None = None
    is_most: bool = False  #: the target must not be exceeded; else it must be reached
    ours: str = ""  #: medians of this run
    theirs: str = ""
    by_cpu: float | None = None  #: the same ratio by processor time, which other work on the machine does not move

    @property
    def is_met(self) -> bool | None:
        """None: there is no target."""
        if self.target is None:
            return None
        return self.value <= self.target if self.is_most else self.value >= self.target


@dataclass(slots=True)
class Bench:
    """One call of `python -m benchmarks`."""

    is_quick: bool
    quiet: Quiet
    peers: Path | None  #: the Python that peers run in; None: they are left out
    root: Path
    notes: list[str] = field(default_factory=list)  #: what is to be known beside the figures
    _number: int = 0

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new one, gone afterwards."""
        made = Path(tempfile.mkdtemp(prefix="bench-", dir=self.root))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def size(self, full: int, quick: int) -> int:
        """One or the other."""
        return quick if self.is_quick else full

    def note(self, text: str) -> None:
        """Something that the page must tell, once."""
        if text not in self.notes:
            self.notes.append(text)

    def tell(self, text: str) -> None:
        """What is being measured: one line that the next overwrites on a terminal."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K  {text}")
        else:
            sys.stderr.write(f"  {text}\n")
        sys.stderr.flush()


Group = Callable[[Bench], list[Row]]


def rate(number: float, seconds: float) -> float:
    """So many a second."""
    return number / seconds


def per_second(rates: list[float], what: str = "rows") -> str:
    """The median for a table."""
    import statistics

    return f"{statistics.median(rates):,.0f} {what}/s"
