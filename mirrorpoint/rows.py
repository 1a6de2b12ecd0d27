"""What type checkers know of a mirrored table's class: the columns that every table has; others are Any.

`mirrorpoint models` writes classes with all columns typed.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import SQLModel

if TYPE_CHECKING:
    from sqlmodel.main import SQLModelMetaclass

    class _AnyColumn(SQLModelMetaclass):
        def __getattr__(cls, name: str) -> Any: ...  # noqa: N805  # of a metaclass

    class Row(SQLModel, metaclass=_AnyColumn):
        """A record of a mirrored table."""

        source: str
        parent_key: str
        key: str
        document: Any
        version: int
        fingerprint: str
        first_seen_at: datetime
        changed_at: datetime
        deleted_at: datetime | None

        def __getattr__(self, name: str) -> Any: ...

else:
    Row = SQLModel
