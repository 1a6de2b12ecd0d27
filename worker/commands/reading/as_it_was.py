"""What `show --at` prints: a record as it was at a moment, or both that it may have been."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from worker import output
from worker.commands.reading import erased
from worker.problems import NotFound

if TYPE_CHECKING:
    from changes.moments import At
    from changes.resources import Resource
    from changes.versions import Version
    from storage.session import Session

Row = dict[str, Any]  #: of the resource's table


class AsItWas(NamedTuple):
    """What the log says of a moment."""

    seen: Row | None  #: as it had been seen by then; None: it was not there
    perhaps: Row | None = None  #: as it was seen next, where it may have been so already
    sentence: str = ""  #: between which looks that came
    observed_after: datetime | None = None
    observed_at: datetime | None = None
    note: str = ""  #: why even that may not be all

    @property
    def json(self) -> Any:
        """The row; where that is not certain, both."""
        if self.perhaps is None:
            return self.seen
        return {
            "uncertain": True,
            "observed_after": self.observed_after,
            "observed_at": self.observed_at,
            "either": [self.seen, self.perhaps],
        }


def read(session: Session, source: str, resource: Resource, row: Mapping[str, Any], moment: datetime) -> AsItWas:
    """`row`: as it is now. NotFound where it was not there, or nothing is known of it."""
    from changes import moments
    from changes.records import Id
    from storage import history, versions

    id_ = Id(row["parent_key"], row["key"])
    last = history.as_of(session, source, resource.name, id_, moment)
    seen = None if last is None else versions.of_row(last)
    number = 1 if seen is None else seen.number + 1
    following = next(versions.of_record(session, source, resource.name, id_, first=number, last=number), None)
    at = moments.stood(moment, seen=seen, following=following)
    if at.seen is None and at.perhaps is None:
        raise _not_there(session, source, resource, row, following, moment)
    then, perhaps = (
        None if found is None else erased.marked(session, source, resource, found)
        for found in (_row_of(resource, row, at.seen), _row_of(resource, row, at.perhaps))
    )
    if at.perhaps is None:
        return AsItWas(then, note=_note(session, source, resource, moment, following))
    return AsItWas(
        then,
        perhaps,
        _sentence(at, at.perhaps, moment),
        moments.came_after(at.perhaps, at.seen),
        at.perhaps.observed_at,
    )


def _sentence(at: At, perhaps: Version, moment: datetime) -> str:
    from changes import moments

    after = output.moment(moments.came_after(perhaps, at.seen))
    looks = f"between {after} and {output.moment(perhaps.observed_at)}"
    if at.seen is None:
        return f"at {output.moment(moment)} not there yet, or version 1: it was {perhaps.kind} {looks}"
    what = "changed" if perhaps.kind == "updated" else f"was {perhaps.kind}"
    return f"at {output.moment(moment)} version {at.seen.number} or {perhaps.number}: it {what} {looks}"


def _row_of(resource: Resource, row: Mapping[str, Any], version: Version | None) -> Row | None:
    """The row as the change log says that it was; the fingerprint of that time is not kept."""
    from changes import normalise
    from changes.versions import Missing

    if version is None:
        return None
    content = version.last_content
    document = None if isinstance(content, Missing) else content
    columns, _ = normalise.columns(resource, document)
    return {
        **row,
        **columns,
        "document": document,
        "version": version.number,
        "fingerprint": None,
        "changed_at": version.observed_at,
        "deleted_at": None if version.is_living else version.observed_at,
    }


def _not_there(
    session: Session,
    source: str,
    resource: Resource,
    row: Mapping[str, Any],
    first: Version | None,
    moment: datetime,
) -> NotFound:
    """Not there yet, or not known yet: what a first scan saw may have been there long before."""
    from changes import moments
    from changes.records import Kind
    from storage import reach

    name, at = f'{resource.name} "{row["key"]}"', output.moment(moment)
    seen_at = output.moment(row["first_seen_at"] if first is None else first.observed_at)
    is_created = first is not None and first.kind is not Kind.SNAPSHOT and first.observed_after is not None
    how = f"it was first seen at {seen_at}, and may have been there before"
    if is_created and first is not None:
        how = f"it was {first.kind} between {output.moment(moments.came_after(first, None))} and {seen_at}"
    begins_at = reach.reaches(session, [(source, resource.name)])[source, resource.name].begins_at
    if begins_at is not None and moment < begins_at:
        begins = f"the record of {resource.name} begins at {output.moment(begins_at)}"
        return NotFound(f"nothing is known of {name} at {at}: {begins}", how)
    if is_created:
        return NotFound(f"{name} was not there yet at {at}", how)
    return NotFound(f"nothing is known of {name} at {at}", how)


def _note(session: Session, source: str, resource: Resource, moment: datetime, following: Version | None) -> str:
    """What was not looked at by then cannot have been seen."""
    from storage import reach

    read_at = reach.reaches(session, [(source, resource.name)])[source, resource.name].read_at
    if following is not None or read_at is None or read_at >= moment:
        return ""
    return f"{resource.name} was last read whole at {output.moment(read_at)}: what changed since is not known"
