"""One version of a record as the log has it, and what it says of the record's content.

Used by whoever compares versions, and by the commands that show them. Content may be missing: the record was deleted,
or what the log had of it was erased later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Final

from changes import pointers
from changes.records import Json, Kind


class Missing(Enum):
    """Why there is no value; no text, so that it is equal to no value of a document."""

    ABSENT = "absent"  #: the record, or the field in it, was not there
    ERASED = "erased"  #: it was there, and the log does not have it any more


ABSENT: Final = Missing.ABSENT
ERASED: Final = Missing.ERASED


@dataclass(frozen=True, slots=True)
class Version:
    """One change of a record, and the record behind it."""

    seq: int
    number: int  #: 1, 2, … per record
    kind: Kind
    observed_after: datetime | None  #: the last time that the version before was seen; None: never
    observed_at: datetime
    changed: tuple[str, ...] = ()
    previous: Mapping[str, Json] = field(default_factory=dict)
    document: Json | None = None
    is_retired: bool = False  #: its record was not deleted in the source, but is not read any more

    @property
    def is_living(self) -> bool:
        return self.kind is not Kind.DELETED

    @property
    def content(self) -> Json | Missing:
        """The record as of this version."""
        if not self.is_living:
            return ABSENT
        return ERASED if self.document is None else self.document  # no record is null by itself

    @property
    def last_content(self) -> Json | Missing:
        """The same, and of a deletion what was there until then."""
        return self.content if self.is_living else self.previous.get("", ERASED)

    @property
    def is_erased(self) -> bool:
        return self.last_content is ERASED

    @property
    def head(self) -> Version:
        """Without its document and fields, for who keeps many of them."""
        return replace(self, changed=(), previous={}, document=None)

    def old(self, pointer: str) -> Json | Missing:
        """What one of the `changed` fields was before."""
        return self.previous.get(pointer, ERASED if self.is_erased else ABSENT)

    def new(self, pointer: str) -> Json | Missing:
        """What it is in this version."""
        return value(self.content, pointer)


def value(content: Json | Missing, pointer: str) -> Json | Missing:
    """What stands at the pointer; `ABSENT` where nothing does."""
    if isinstance(content, Missing):
        return content
    try:
        return pointers.resolved(content, pointer)
    except (LookupError, ValueError):
        return ABSENT
