"""Why `diff --field` may have found nothing: no record has such a field, or its differences are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changes import versions
from changes.records import Json
from storage import samples
from worker.commands.diff.asked import Asked
from worker.commands.reading import field_names

if TYPE_CHECKING:
    from storage.session import Session

#: Records of each resource that are looked at.
_LOOKED_AT = 1000
#: Documents of each resource from which names are proposed.
_PROPOSED_FROM = 10


def reason(session: Session, asked: Asked, field: str) -> str:
    """A sentence, empty where the field is simply the same; UsageError where certainly no record has it."""
    contents: list[Json] = []
    seen_all = True
    for (source, _), resource in asked.resources.items():
        documents = samples.documents(session, resource, source, limit=_LOOKED_AT)
        having = next((each for each in documents if versions.value(each, field) is not versions.ABSENT), None)
        if having is not None:
            is_volatile = field_names.is_volatile(resource, having, field)
            return f"{field} is volatile: that it changed is not kept" if is_volatile else ""
        seen_all = seen_all and len(documents) < _LOOKED_AT
        contents += documents[:_PROPOSED_FROM]
    names = sorted({name for _, name in asked.resources})
    of = f"no record of {names[0]}" if len(names) == 1 else "no record"
    if seen_all:
        raise field_names.unknown(field, of, contents)
    return f"among the first {_LOOKED_AT:,} of each resource {of} has a field {field}"
