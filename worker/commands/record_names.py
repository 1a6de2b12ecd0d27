"""Finds the one record that a person means; the only place that reads how a record is written.

`products 42` or `products/42`, `product_currencies/42/7` below a parent; with the source before it, as commands print
it: `backoffice/products/42`, `backoffice:products/42`. Used by all commands that take a record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from worker.commands import former_rows, parents, selecting
from worker.problems import NotFound, UsageError

if TYPE_CHECKING:
    from changes.resources import Resource
    from storage.session import Session

FORM = "write RESOURCE/KEY, such as products/42"
#: Records that are listed where several may be meant.
_MOST_TOLD = 10


@dataclass(frozen=True, slots=True)
class Named:
    """A record as it was written on the command line."""

    text: str  #: its resource, or all of it where there is no key
    key: str | None = None
    parent_key: str | None = None
    source: str | None = None
    is_path: bool = False  #: one word, in which the keys of the parents may stand before its own; set by `find`


class Found(NamedTuple):
    """The record that is meant."""

    source: str
    resource: Resource
    row: Mapping[str, Any]  #: of the resource's table; that of a deleted record too


def find(session: Session, catalogues: selecting.Catalogues, named: Named) -> Found:
    """UsageError where it is not clear which one, NotFound where it was never seen."""
    if named.key is None:
        named = _in_parts(session, catalogues, named)
    elif "/" in named.text:
        raise UsageError(f'"{named.text}" names a record, and "{named.key}" is one word too many', FORM)
    source, resource = _meant(session, catalogues, named)
    return Found(source, resource, _one_row(session, source, resource, named))


def _in_parts(session: Session, catalogues: selecting.Catalogues, named: Named) -> Named:
    """A record in one word. Its key is what stands behind the resource, with the keys of the parents before it."""
    head, mark, path = named.text.partition("/")
    if ":" not in head and path and _is_source(session, catalogues, head, path):
        source, (head, mark, path) = head, path.partition("/")
        head = f"{source}:{head}"
    if not (head and mark and path):
        raise UsageError(f'"{named.text}" names no record', FORM)
    return replace(named, text=head, key=path, is_path=True)


def _is_source(session: Session, catalogues: selecting.Catalogues, name: str, rest: str) -> bool:
    """Whether a record's first word is its source. A resource of the same name goes before, unless the next fits."""
    everything = former_rows.with_former(session, catalogues)
    if name not in everything:
        return False
    is_resource = any(name in each.resources for each in everything.values())
    return not is_resource or rest.partition("/")[0] in everything[name].resources


def _meant(session: Session, catalogues: selecting.Catalogues, named: Named) -> tuple[str, Resource]:
    """What is configured goes before what is not any more: the log has both."""
    try:
        return selecting.resource(catalogues, named.text, source_name=named.source)
    except UsageError as error:
        former = former_rows.with_former(session, catalogues)
        known = {each for catalogue in former.values() for each in catalogue.resources}
        if named.text.rpartition(":")[2] in known:
            return selecting.resource(former, named.text, source_name=named.source)
        if (named.key or "").rpartition(":")[2] not in known:
            raise
        meant = ("/" if named.is_path else " ").join((named.key or "", named.text))
        raise UsageError(error.message, f"the resource stands before the key: {meant}") from None


def _one_row(session: Session, source: str, resource: Resource, named: Named) -> Mapping[str, Any]:
    from storage import reports

    rows: list[dict[str, Any]] = []
    for forms in _readings(resource, named):
        for key, parent_key in forms:
            rows += reports.rows(session, resource, source, key=key, parent_key=parent_key)
        if rows:
            break
    found = {(row["parent_key"], row["key"]): row for row in rows}
    if not found:
        raise _never_seen(session, source, resource, named)
    if len(found) > 1:
        raise _several(resource, named, list(found))
    return next(iter(found.values()))


def _never_seen(session: Session, source: str, resource: Resource, named: Named) -> UsageError | NotFound:
    from changes import events
    from changes.records import Id
    from storage import history, reports

    parent_key = named.parent_key
    others = _readings(resource, replace(named, parent_key=None)) if parent_key and named.is_path else ()
    is_another = any(
        reports.rows(session, resource, source, key=key, parent_key=form)
        for forms in others
        for key, form in forms
        if form
    )
    if is_another:
        text = f"{resource.name}/{named.key}"
        return UsageError(
            f'"{text}" says itself what it is below, and --parent says {parent_key}', "leave one of them out"
        )
    if parent_key and reports.rows(session, resource, source, key=named.key or "", parent_key=""):
        return UsageError(f"{resource.name} are below no other records, and --parent says {parent_key}", "leave it out")
    for key, form in (one for forms in _readings(resource, named) for one in forms):
        last = history.read(
            session, source=source, resource=resource.name, key=key, parent_key=form, newest_first=True, limit=1
        )
        if last:
            name = events.subject(resource.name, Id(last[0].parent_key, last[0].key))
            return NotFound(
                f"{name} has no row in the mirror, and the log tells of it up to version {last[0].version}: "
                "somebody else has removed the row",
                f"`mirrorpoint sync {resource.name}` puts it back",
            )
    under = f" under {parent_key}" if parent_key else ""
    return NotFound(
        f'{resource.name} "{named.key}"{under} was never seen in {source}',
        f"`mirrorpoint sync {resource.name}` looks now",
    )


#: Keys that a text may stand for, each with its parent_key; None: below any parent.
_Forms = list[tuple[str, "str | None"]]


def _readings(resource: Resource, named: Named) -> Iterator[_Forms]:
    """From what is written exactly to what may be meant; the first that is the key of any record counts."""
    from changes import keys

    assert named.key is not None  # noqa: S101  # find has seen to it
    typed = keys.typed(resource.key, named.key)
    if named.parent_key is not None:
        below: list[str | None] = list(parents.forms(resource, named.parent_key))
        yield [(typed[0], below[0])]
        yield [(text, form) for text in typed for form in below]
        if named.is_path:  # the parent's key stands there too
            for forms in _of_path(resource, named.key):
                yield [(key, form) for key, form in forms if form in below]
        return
    if named.is_path:
        yield from _of_path(resource, named.key)
    yield [(typed[0], None)]
    yield [(text, None) for text in typed]


def _of_path(resource: Resource, path: str) -> Iterator[_Forms]:
    """The keys of parents and the record's own in one text: with `%2F` in them as events have it, then as they are."""
    from changes import keys
    from changes.resources import split_keys

    steps, depth = path.split("/"), len(resource.ancestors)
    if len(steps) == depth + 1 and steps[-1]:
        yield [(split_keys(steps[-1])[0], "/".join(steps[:-1]))]
    if depth:
        ways = [(steps[:at], steps[at:]) for at in range(depth, len(steps))][: parents.MOST_FORMS]
        yield [
            (key, form)
            for outer, own in ways
            for key in keys.typed(resource.key, "/".join(own))
            for form in parents.forms(resource, "/".join(outer))
        ]


def _several(resource: Resource, named: Named, found: list[tuple[str, str]]) -> UsageError:
    """All that may be meant, written so that it is clear."""
    from changes import events
    from changes.records import Id

    message = f'{len(found)} {resource.name} have the key "{named.key}"'
    if named.is_path:
        names = [events.subject(resource.name, Id(*each)) for each in found]
        return UsageError(message, f"write one of {_listed(names)}")
    own = sorted({key for _, key in found})
    if len(own) > 1:
        return UsageError(
            f'{len(found)} {resource.name} may be meant by "{named.key}"', f"write its key as it is: {_listed(own)}"
        )
    return UsageError(message, f"say which with --parent: {_listed([parent_key for parent_key, _ in found])}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST_TOLD]) + (", …" if len(names) > _MOST_TOLD else "")
