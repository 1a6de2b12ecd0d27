"""What `status` was asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be told, as it was written on the command line."""

    resources: tuple[str, ...] = ()  #: names or globs; none: all, with points and processes
    source: str | None = None
    has_only_problems: bool = False
