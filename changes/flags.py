"""Rows that say of themselves that their record is gone, as a catalogue's `deleted` describes them; for normalise."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from changes import members
from changes.conversions import CONVERSIONS
from changes.records import Json
from changes.resources import ColumnType, Resource

#: Texts that mean yes, however they are written.
_YES = frozenset({"1", "true", "t", "yes", "y", "on"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: What databases and languages write where a moment was never set.
_NEVER = re.compile(r"(?:0000-00-00|0001-01-01|1970-01-01T00:00:00|1970-01-01 00:00:00|1970-01-01$)")


def reader(resource: Resource) -> Callable[[Json], bool] | None:
    """Whether a row says that it is gone; None where rows of the resource never do. Decided once per resource."""
    if not resource.deleted:
        return None
    tests = [(name, values) for name, values in resource.deleted.items()]

    def is_gone(row: Json) -> bool:
        return isinstance(row, dict | list) and any(
            _is_one_of(members.value(row, name), values) if values else _is_set(members.value(row, name))
            for name, values in tests
        )

    return is_gone


def _is_set(value: Json) -> bool:
    """A flag that is true, or a moment that has come. Whatever could mean anything else is no deletion."""
    if value is None or isinstance(value, bool | dict | list):
        return bool(value)
    text = value.strip() if isinstance(value, str) else ""
    if text.lower() in _YES or (isinstance(value, int | float | Decimal) and value == 1):
        return True
    if _NEVER.match(text):
        return False
    try:
        moment = CONVERSIONS[ColumnType.TIME](text or value)
    except ValueError:
        return False
    return isinstance(moment, datetime) and _EPOCH < moment <= datetime.now(UTC)


def _is_one_of(value: Json, values: tuple[Json, ...]) -> bool:
    """`true` is not 1, and "1" is neither."""
    return any(isinstance(value, bool) == isinstance(each, bool) and value == each for each in values)
