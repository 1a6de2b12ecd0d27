"""The resources of the first page: worst first, in words and shapes; the quiet ones by source. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from markupsafe import Markup

from web import formats
from web.pages import charts, sentence

#: So few resources are all shown, however quiet they are.
_ALL_SHOWN = 12


class Look(StrEnum):
    """A state as it is shown: shape and colour follow from it, and the word is told beside them."""

    BROKEN = "broken"
    TROUBLE = "trouble"
    TO_COME = "to-come"
    KEPT = "kept"
    OFF = "off"


_ORDER = tuple(Look)


@dataclass(frozen=True, slots=True)
class Line:
    """One resource."""

    name: str
    source: str
    href: str
    look: Look
    word: str
    row: Mapping[str, Any]
    bar: Markup
    spark: Markup
    changed: int | None  #: changes of the last 24 h; None: they are not counted

    @property
    def id(self) -> str:
        return f"{self.source}:{self.name}"

    def has(self, wanted: str) -> bool:
        """Whether the filter box lets it through; as the script of the page does it."""
        told = f"{self.name} {self.source} {self.word} {self.row['problem'] or ''}"
        return wanted.casefold() in told.casefold()

    @property
    def is_quiet(self) -> bool:
        return self.look in {Look.KEPT, Look.OFF} and not self.changed and not self.row["problem"]


@dataclass(frozen=True, slots=True)
class Fold:
    """The quiet resources of one source."""

    source: str
    lines: Sequence[Line]
    quiet: int  #: that keep their promise
    oldest: datetime | None  #: when the first of these was seen
    off: int

    def has(self, wanted: str) -> bool:
        return any(each.has(wanted) for each in self.lines)


def lines(rows: Sequence[Mapping[str, Any]], *, hours: Mapping[tuple[str, str], Sequence[int]] | None) -> list[Line]:
    """Worst first. `hours`: changes in each of the last 24 hours, by source and resource."""
    found = [_line(row, None if hours is None else hours.get((row["source"], row["resource"]), ())) for row in rows]
    return sorted(found, key=_worst_first)


def folded(found: Sequence[Line]) -> tuple[list[Line], list[Fold]]:
    """What is shown by itself, and the quiet ones by source."""
    if len(found) <= _ALL_SHOWN:
        return list(found), []
    loud, quiet = [each for each in found if not each.is_quiet], [each for each in found if each.is_quiet]
    quiet.sort(key=lambda each: (each.source, each.name))
    folds = []
    for source, its in itertools.groupby(quiet, key=lambda each: each.source):
        of_source = list(its)
        kept = [each for each in of_source if each.look is Look.KEPT]
        seen = [each.row["last_complete_at"] for each in kept if each.row["last_complete_at"] is not None]
        folds.append(Fold(source, of_source, len(kept), min(seen, default=None), len(of_source) - len(kept)))
    return loud, folds


def _line(row: Mapping[str, Any], counts: Sequence[int] | None) -> Line:
    look, word = _look(row)
    return Line(
        name=row["resource"],
        source=row["source"],
        href=f"/resources/{formats.quoted(row['source'])}:{formats.quoted(row['resource'])}",
        look=look,
        word=word,
        row=row,
        bar=charts.bar(row),
        spark=charts.sparkline(counts or ()),
        changed=None if counts is None else sum(counts),
    )


def _look(row: Mapping[str, Any]) -> tuple[Look, str]:
    """The gravest that can be said of it."""
    if row["held"]:
        return Look.TROUBLE, "held"
    if row["schedule"] == "off":
        return Look.OFF, "off"
    if sentence.is_broken(row):
        return Look.BROKEN, "late"
    if row["state"] in {"failed", "partial", "drifted", "interrupted"}:
        return Look.TROUBLE, row["state"]
    if row["last_problem"]:
        return Look.TROUBLE, "trouble"
    if row["last_complete_at"] is None:
        return Look.TO_COME, "being read" if row["state"] == "running" else "to come"
    return Look.KEPT, "kept"


def _worst_first(line: Line) -> tuple[int, float, int, str, str]:
    late = line.row["late_seconds"] or 0.0
    return _ORDER.index(line.look), -late, -(line.changed or 0), line.source, line.name
