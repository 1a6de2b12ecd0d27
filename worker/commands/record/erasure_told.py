"""What `erase` says: what would go and what stays, before it asks; and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker import output

if TYPE_CHECKING:
    from changes.records import Id
    from storage.erasures import Extent
    from tasks.erasing import Erased

_ELSEWHERE = "copies elsewhere are yours to erase: backups, exports, logs, and whoever was sent it"
_ELSEWHERE_POSTGRESQL = (
    "copies elsewhere are yours to erase: archives of the write-ahead log, dumps and base backups, replicas that do\n"
    "  not follow, exports, logs, and whoever was sent it; the log's own files (pg_wal) are used again by and by"
)
#: More children are not counted one by one.
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """A record, and what there is of it."""

    source: str
    resource: str
    id: Id
    is_living: bool  #: in the mirror
    is_empty: bool  #: its row has no content
    is_scanned: bool  #: by itself: so it may come back
    extent: Extent
    children: Mapping[str, int]  #: resource -> living records below it
    size_bytes: int  #: of what is written anew
    is_file: bool  #: the database is one

    @property
    def name(self) -> str:
        from changes import events

        return f"{self.source}:{events.subject(self.resource, self.id)}"

    def json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "resource": self.resource,
            "parent_key": self.id.parent_key,
            "key": self.id.key,
            "versions": self.extent.full,
            "owed": self.extent.due,
            "under_way": self.extent.under_way,
            "living": self.is_living,
            "children": dict(self.children),
            "bytes": self.size_bytes,
        }


def before(found: Found) -> None:
    """What would go, and what would not."""
    extent = found.extent
    if extent.full or not found.is_empty:
        output.say(
            f"{found.name}: the content of {_count(extent.full, 'version')} goes, and that of its row", style="bold"
        )
    else:
        output.say(f"{found.name}: its content was erased before; only the files are written anew", style="bold")
    output.say("  what stays: its key, digests and times, and the names of the fields that changed")
    if found.children:
        listed = ", ".join(f"{_about(number)} of {name}" for name, number in found.children.items())
        output.say(f"  what is below it stays as it is, and is erased record by record: {listed}")
    if extent.due:
        output.say(f"  {_count(extent.due, 'delivery', 'deliveries')} that {_is(extent.due)} owed will be skipped")
    if extent.under_way:
        output.say(f"  {_count(extent.under_way, 'delivery', 'deliveries')} under way may still arrive")
    if found.is_living:
        back = "at the next scan" if found.is_scanned else "when somebody scans it, since nothing does so by itself"
        output.say(
            f"  if {found.source} still has it, it comes back {back}, as `restored` with its next version:\n"
            f"  delete it there first, or switch {found.resource} off"
        )
    what = "the database's file is" if found.is_file else "the tables that held it are"
    output.say(f"  {what} written anew ({found.size_bytes:,} bytes); other processes wait meanwhile")
    output.say(f"  {_ELSEWHERE if found.is_file else _ELSEWHERE_POSTGRESQL}")


def after(found: Found, erased: Erased, left: Sequence[str]) -> None:
    """What came of it, and what is left to do."""
    skipped = f"; {_count(erased.skipped, 'delivery', 'deliveries')} skipped" if erased.skipped else ""
    output.say(f"erased the content of {_count(erased.versions, 'version')} of {found.name}{skipped}")
    for sentence in left:
        output.warn(sentence, "run the same command again when nothing else uses the database: it finishes this")


def _count(number: int, one: str, several: str = "") -> str:
    return f"1 {one}" if number == 1 else f"{number:,} {several or one + 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _about(number: int) -> str:
    return f"{MOST_COUNTED:,} or more" if number >= MOST_COUNTED else f"{number:,}"
