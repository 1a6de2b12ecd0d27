"""docs/resources.md, from the built-in catalogues; called by `docs.generator`."""

from __future__ import annotations

from changes import keys
from changes.resources import Resource, Shape
from docs.generator import markdown
from storage import mirror_columns
from upstream import catalogue
from upstream.catalogue import Catalogue

_INTRODUCTION = """
Every list that the built-in catalogues read. A resource is a table of its name ([tables](tables.md)); in paths,
`{parent}` is the parent's key, `{key}` the record's own. `mirrorpoint resources` shows the same with the schedules of a
configuration, and those of catalogues of your own ([catalogues](catalogues.md)).

- **Own path**: where a record can be read by itself. A 404 there is what confirms a deletion. Where there is none, a
  record is deleted when two complete scans in a row did not have it.
- **Key**: the member that identifies a record, the first of them that is there; `$` is the row itself (lists of names),
  `#` the fingerprint, `a + b` two members together. A row that has none of them is skipped, and `status` names members
  of it that look like a key: a catalogue file of your own can name those.
- **Class**: `set-up` is what an operator arranges, `traffic` what comes of clients. The promises of
  [`schedule = "auto"`](how-fresh.md) go by it.
- **Schedule**: unless the configuration says otherwise. `off`: such a list costs a request per client.
- **inferred**: the path is not documented but follows from that of a sister list. Where an installation answers 404,
  `status` says so and nothing else suffers.
- **sealed**: members whose values are kept as a seal only. **volatile**: members whose change alone is no change.

What is not there, and why:

- The Back Office's list of devices stands in the table of contents of its documents, but none of them shows its path.
- `opts.comment` of an integration point is shown when the point is read by itself, and lists leave it out; the mirror
  reads lists, so it has no comment. That somebody edited it still shows, as `ext.lwt` moves.
- Members inside of objects have no columns of their own here: `opts` and `ext` of a point are one JSON column each.
  They are asked for in SQL as in `opts ->> 'title'`. A catalogue of your own may name them
  ([members and pointers](catalogues.md#members-and-pointers)).
- `numericCodes` and `currencyCode` of products are no columns: the first is only sent when a product is created and the
  second is only a filter. A product's currencies are `product_currencies`.
- `providerOptions` of a connection and `options` of an SMS provider hold secrets: they are in `document`, sealed.
"""

_SHAPES = {Shape.TREE: "a tree: one record per node", Shape.OBJECT: "one object per parent"}


def page() -> str:
    """The whole page."""
    catalogues = [catalogue.load(name) for name in catalogue.builtin_names()]
    return markdown.page("Resources", _INTRODUCTION, *(part for each in catalogues for part in _catalogue(each)))


def _catalogue(one: Catalogue) -> list[str]:
    resources = list(one.resources.values())
    return [
        f"## {one.title}: `{one.name}`",
        f"{len(resources)} resources." if len(resources) > 1 else "One resource.",
        markdown.table(
            ("resource", "what", "path", "own path", "key", "parent", "class", "schedule", "notes"),
            [
                (
                    markdown.code(each.name),
                    each.title,
                    markdown.code(each.path),
                    markdown.code(each.item_path or ""),
                    markdown.codes(keys.label(one) for one in each.key),
                    markdown.code(each.parent or ""),
                    markdown.code(each.class_ or ""),
                    markdown.code(each.schedule),
                    _notes(each),
                )
                for each in resources
            ],
        ),
        f"### Typed columns of `{one.name}`",
        "Beside those that every table has. All other members are in `document`.",
        markdown.table(
            ("table", "columns"),
            [
                (markdown.code(each.name), ", ".join(f"`{name}` {kind}" for name, kind in columns.items()))
                for each in resources
                if (columns := mirror_columns.typed_columns(each))
            ],
        ),
    ]


def _notes(resource: Resource) -> str:
    notes = [] if resource.documented else ["inferred"]
    if resource.shape in _SHAPES:
        notes.append(_SHAPES[resource.shape])
    if resource.params:
        notes.append("asked with " + markdown.codes(f"{name}={value}" for name, value in resource.params.items()))
    if resource.secrets:
        notes.append("sealed: " + markdown.codes(resource.secrets))
    if resource.volatile:
        notes.append("volatile: " + markdown.codes(resource.volatile))
    if resource.unordered:
        notes.append("in any order: " + markdown.codes(resource.unordered))
    if resource.deleted:
        notes.append("rows may say that they are gone: " + markdown.codes(resource.deleted))
    if resource.points:
        notes.append("its records are points")
    return "; ".join(notes)
