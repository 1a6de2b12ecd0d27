"""Loads and checks a catalogue: the list of a kind of source's resources, as data; called by worker/bootstrap.py.

A catalogue is a TOML file, built in (`catalogues/`) or the user's own. What would go wrong later because of a typing
error is refused here, with the file, the place in it and the cure.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from changes import strict_toml
from changes.records import Json
from changes.resources import PLACEHOLDER, Envelope, Resource
from changes.strict_toml import CatalogueError, Table, meant
from upstream import paging_table, resource_table, sent_texts, sign_in_table
from upstream.paging_table import Paging
from upstream.resource_table import Defaults

__all__ = ["Catalogue", "CatalogueError", "Paging", "Refresh", "SignIn", "Sorting", "builtin_names", "load", "parse"]

#: What [source] may hold.
_SOURCE_MEMBERS = frozenset(
    {"title", "paging", "page_size", "sorting", "envelope", "sign_in", "sign_in_limit", "headers", "params"}
)
_BUILTIN = Path(__file__).with_name("catalogues")


@dataclass(frozen=True, slots=True)
class Sorting:
    """Names of the query parameters that choose the order; without `order` the source only sorts its own way."""

    by: str
    order: str | None = None  #: gets "asc" or "desc"


@dataclass(frozen=True, slots=True)
class Refresh:
    """How a new token is had without the password."""

    path: str
    token: tuple[str, ...]  #: where the sign-in's answer has the refresh token: JSON Pointers, the first that fits
    body: Mapping[str, Json]  #: may hold `{refresh_token}`; its answer is read as the sign-in's


@dataclass(frozen=True, slots=True)
class SignIn:
    """How credentials become a token. All pointers are into the answer, the first that fits counts."""

    path: str
    body: Mapping[str, Json]  #: names in braces are members of the source's `auth`, such as `{password}`
    token: tuple[str, ...]
    expires: tuple[str, ...] = ()  #: a moment in ISO 8601 or in seconds since 1970, or the seconds that the token lives
    refresh: Refresh | None = None
    form: bool = False  #: the bodies are sent as forms, not as JSON
    basic: tuple[str, str] | None = None  #: user and password of a Basic header, with names in braces as in the body
    expired: tuple[int, ...] | None = None  #: statuses that mean that the token is over; None: the usual ones
    limit: tuple[int, float] = (4, 60.0)  #: how many sign-ins in how many seconds


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a kind of source offers."""

    name: str
    origin: str  #: where it came from, for messages
    title: str
    paging: Paging
    sorting: Sorting | None
    sign_in: SignIn | None
    resources: Mapping[str, Resource]  #: by name; parents stand before their children
    headers: Mapping[str, str] = field(default_factory=dict)  #: sent with every request, the sign-in's too
    params: Mapping[str, str] = field(default_factory=dict)  #: sent with every request but the sign-in
    own_paging: Mapping[str, Paging] = field(default_factory=dict)  #: of resources that have another than the source

    def paging_of(self, resource: Resource) -> Paging:
        return self.own_paging.get(resource.name, self.paging)

    def references(self) -> Iterator[tuple[str, str]]:
        """Each value that only says where it is, and its place in the catalogue, such as `source.params.api_key`."""
        return sent_texts.references(self.headers, self.params, self.resources.values())


def builtin_names() -> tuple[str, ...]:
    """The catalogues that come with the program."""
    return tuple(sorted(file.stem for file in _BUILTIN.glob("*.toml")))


def load(name_or_path: str, *, base: Path | None = None) -> Catalogue:
    """The built-in catalogue of that name, else the file; `base` is the folder where a relative path starts."""
    if name_or_path in builtin_names():
        file = _BUILTIN / f"{name_or_path}.toml"
        return parse(_read(file), name=name_or_path, origin=f"{file.name} (built in)")
    path = Path(name_or_path)
    with contextlib.suppress(RuntimeError):  # ~nobody: not found, like any other wrong path
        path = path.expanduser()
    file = (base or Path()) / path
    if not file.suffix and not _is_there(file):
        hint = f"A catalogue of your own is a file that ends in .toml. {meant(name_or_path, builtin_names())}"
        raise CatalogueError(name_or_path, "", "there is no built-in catalogue of this name", hint)
    return parse(_read(file), name=file.stem, origin=str(file))


def parse(text: str, *, name: str, origin: str) -> Catalogue:
    """The catalogue that `text` describes; `origin` names it in messages."""
    try:
        values = strict_toml.parsed(text)
    except strict_toml.NotToml as error:
        raise CatalogueError(origin, "", str(error), error.hint) from None
    top = Table(values, file=origin, where="", members=("source", "resources"))
    source = top.table("source", _SOURCE_MEMBERS)
    source = source or Table({}, file=origin, where="source", members=())
    paging, sorting = paging_table.read(source, Paging()), _sorting(source)
    defaults = _defaults(source, paging, sorting)
    drafts = _drafts(top)
    own_paging = {name: paging_table.read(draft, paging) for name, draft in drafts.items()}
    return Catalogue(
        name=name,
        origin=origin,
        title=source.text("title") or name,
        paging=paging,
        sorting=sorting,
        sign_in=_sign_in(source),
        resources=_resources(drafts, own_paging, sorting, defaults),
        headers=defaults.headers,
        params=defaults.params,
        own_paging={name: own for name, own in own_paging.items() if own is not paging},
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise CatalogueError(str(file), "", "there is no such file", "Check `catalogue` of the source") from None
    except UnicodeDecodeError:
        raise CatalogueError(str(file), "", "the file is not UTF-8 text", "Save it as UTF-8") from None
    except OSError as error:
        raise CatalogueError(str(file), "", f"it cannot be read: {error.strerror}", "Check its rights") from None
    except ValueError:
        raise CatalogueError(str(file), "", "no file has such a name", "Check `catalogue` of the source") from None


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except (OSError, ValueError):  # a name that no file system would take
        return False


def _sorting(source: Table) -> Sorting | None:
    sorting = source.table("sorting", ("by", "order"))
    return None if sorting is None else Sorting(by=sorting.required_text("by"), order=sorting.text("order"))


def _sign_in(source: Table) -> SignIn | None:
    sign_in = source.table("sign_in", sign_in_table.MEMBERS)
    limit = sign_in_table.limit(source)
    if sign_in is None:
        return None
    refresh = sign_in.table("refresh", ("path", "token", "body"))
    form = sign_in.flag("form", default=False)
    return SignIn(
        path=_call_path(sign_in),
        body=_body(sign_in, is_form=form),
        token=_places(sign_in, "token", is_required=True),
        expires=_places(sign_in, "expires", is_required=False),
        refresh=None
        if refresh is None
        else Refresh(
            path=_call_path(refresh),
            token=_places(refresh, "token", is_required=True),
            body=_body(refresh, is_form=form),
        ),
        form=form,
        basic=sign_in_table.basic(sign_in),
        expired=sign_in_table.expired(sign_in),
        limit=limit,
    )


def _call_path(table: Table) -> str:
    path = table.required_text("path")
    if not path.startswith("/") or PLACEHOLDER.search(path):
        raise table.error("path", f'"{path}" is not a path', 'Begin it with "/"; the host stands in base_url')
    return path


def _body(table: Table, *, is_form: bool) -> Mapping[str, Json]:
    body = table.table("body", None)
    if body is None:
        return {}
    return sign_in_table.form(body) if is_form else body.values()


def _places(table: Table, name: str, *, is_required: bool) -> tuple[str, ...]:
    pointers = table.texts(name, ())
    if is_required and not pointers:
        raise table.error(name, "this key is missing", 'Say where the answer has it, such as "/access_token"')
    return tuple(resource_table.pointer(table, name, each) for each in pointers)


def _defaults(source: Table, paging: Paging, sorting: Sorting | None) -> Defaults:
    return Defaults(
        envelope=resource_table.envelope(source, Envelope()),
        page_size=resource_table.page_size(source),
        headers=sent_texts.headers(source, {}),
        params=sent_texts.params(source, {}, paging.names | _names(sorting)),
    )


def _names(sorting: Sorting | None) -> frozenset[str]:
    return frozenset({sorting.by, sorting.order or sorting.by} if sorting else ())


def _drafts(top: Table) -> Mapping[str, Table]:
    tables = top.table("resources", None)
    if tables is None or not tables.names():
        raise top.error("resources", "the catalogue lists no resource", "Add a table such as [resources.products]")
    drafts: dict[str, Table] = {}
    for name in tables.names():
        resource_table.check_name(tables, name)
        drafts[name] = _draft(tables, name)
    return drafts


def _resources(
    drafts: Mapping[str, Table], paging: Mapping[str, Paging], sorting: Sorting | None, defaults: Defaults
) -> Mapping[str, Resource]:
    lineages = {name: _lineage(drafts, name) for name in drafts}
    resources: dict[str, Resource] = {}
    for name in dict.fromkeys(each for lineage in lineages.items() for each in (*lineage[1], lineage[0])):
        ancestors = {each: resources[each].key for each in lineages[name]}
        taken = paging[name].names | _names(sorting)
        resource = resource_table.read(drafts[name], name=name, ancestors=ancestors, defaults=defaults, taken=taken)
        if resource.sort and sorting is None:
            hint = 'Add sorting = { by = "…" } to [source], or leave sort out'
            raise drafts[name].error("sort", "the source has no parameter to sort by", hint)
        resources[name] = resource
    return resources


def _draft(tables: Table, name: str) -> Table:
    table = tables.table(name, resource_table.MEMBERS)
    assert table is not None  # noqa: S101  # its name comes from the table's own names
    return table


def _lineage(drafts: Mapping[str, Table], name: str) -> tuple[str, ...]:
    """The ancestors of a resource from the outermost to its parent."""
    line: list[str] = []
    child = name
    while (parent := drafts[child].text("parent")) is not None:
        if parent not in drafts:
            hint = meant(parent, drafts.keys() - {child})
            raise drafts[child].error("parent", f'there is no resource "{parent}"', hint)
        if parent == name or parent in line:
            circle = " -> ".join((name, *line, parent))
            hint = "Leave out the parent of one of them"
            raise drafts[name].error("parent", f"the parents go in a circle: {circle}", hint)
        line.append(parent)
        child = parent
    return tuple(reversed(line))
