"""What a record was at a moment: the version that was seen by then, and the next one where it may have been there too.

The log knows of each change between which two looks it came, and not when. Called by `diff` and `show --at`.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from changes.versions import Version


class At(NamedTuple):
    """What a record was at a moment."""

    seen: Version | None  #: the last version that was seen by then; None: none was
    perhaps: Version | None = None  #: the next one, where it may have been there already

    @property
    def is_certain(self) -> bool:
        return self.perhaps is None

    @property
    def possible(self) -> tuple[Version | None, ...]:
        """What it may have been, the version that was seen by then first."""
        return (self.seen,) if self.perhaps is None else (self.seen, self.perhaps)


def stood(moment: datetime, *, seen: Version | None, following: Version | None) -> At:
    """`following`: the version behind `seen`, or the first one."""
    return At(seen, following if following and may_be_there(following, moment, before=seen) else None)


def may_be_there(version: Version, moment: datetime, *, before: Version | None) -> bool:
    """Whether the version, which was seen later, may have been there at the moment: nobody looked in between.

    Of what came with a first scan that is not said, since nothing at all is known of the time before it.
    """
    return version.observed_after is not None and came_after(version, before) < moment < version.observed_at


def came_after(version: Version, before: Version | None) -> datetime:
    """The last moment at which it is known that the version was not there yet."""
    looks = [] if version.observed_after is None else [version.observed_after]
    if before is not None:
        looks.append(before.observed_at)
    return max(looks, default=version.observed_at)
