"""Loads and checks a catalogue: the list of a kind of source's resources, as data; called by worker/bootstrap.py.

A catalogue is a TOML file, built in (`catalogues/`) or the user's own. What would go wrong later because of a typing
error is refused here, with the file, the place in it and the cure.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError

from changes import explain
from changes.problems import CatalogueError, Misfit, did_you_mean
from changes.resources import Resource
from changes.tables import Table
from upstream import resource_table, sent_texts
from upstream.paging_table import Paging
from upstream.resource_table import ResourceName, ResourceTable
from upstream.source_table import Refresh, SignIn, Sorting, SourceTable

__all__ = ["Catalogue", "CatalogueError", "Paging", "Refresh", "SignIn", "Sorting", "builtin_names", "load", "parse"]

_BUILTIN = Path(__file__).with_name("catalogues")


class File(Table):
    """A catalogue file."""

    source: SourceTable = Field(default_factory=SourceTable)
    resources: dict[ResourceName, ResourceTable] = Field(default_factory=dict)


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
        hint = f"a catalogue of your own is a file that ends in .toml; {did_you_mean(name_or_path, builtin_names())}"
        raise CatalogueError(name_or_path, "", "there is no built-in catalogue of this name", hint)
    return parse(_read(file), name=file.stem, origin=str(file))


@lru_cache(maxsize=16)  # a daemon reads the same few files over and over
def parse(text: str, *, name: str, origin: str) -> Catalogue:
    """The catalogue that `text` describes; `origin` names it in messages."""
    try:
        file = File.model_validate(explain.parsed(text))
        resources = _resources(file)
    except explain.NotToml as error:
        raise CatalogueError(origin, "", str(error), error.hint) from None
    except ValidationError as error:
        found = explain.first(error, File)
        raise CatalogueError(origin, explain.spelt(found.path), found.message, found.hint or found.rest) from None
    except Misfit as fault:
        raise CatalogueError(origin, fault.at, str(fault), fault.hint) from None
    source = file.source
    return Catalogue(
        name=name,
        origin=origin,
        title=source.title or name,
        paging=source.paging,
        sorting=source.sorting,
        sign_in=SignIn.model_construct(**dict(source.sign_in), limit=source.sign_in_limit) if source.sign_in else None,
        resources=resources,
        headers=source.headers,
        params=source.params,
        own_paging={name: table.paging for name, table in file.resources.items() if table.paging is not None},
    )


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise CatalogueError(str(file), "", "there is no such file", "check `catalogue` of the source") from None
    except UnicodeDecodeError:
        raise CatalogueError(str(file), "", "the file is not UTF-8 text", "save it as UTF-8") from None
    except OSError as error:
        raise CatalogueError(str(file), "", f"it cannot be read: {error.strerror}", "check its rights") from None
    except ValueError:
        raise CatalogueError(str(file), "", "no file has such a name", "check `catalogue` of the source") from None


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except (OSError, ValueError):  # a name that no file system would take
        return False


def _resources(file: File) -> Mapping[str, Resource]:
    """Parents stand before their children; Misfit says what cannot work together."""
    tables = file.resources
    if not tables:
        raise Misfit("the catalogue lists no resource", "add a table such as [resources.products]", at="resources")
    lineages = {name: _lineage(tables, name) for name in tables}
    resources: dict[str, Resource] = {}
    for name in dict.fromkeys(each for lineage in lineages.items() for each in (*lineage[1], lineage[0])):
        ancestors = {each: resources[each].key for each in lineages[name]}
        try:
            resources[name] = resource_table.resource(tables[name], name=name, ancestors=ancestors, source=file.source)
        except Misfit as fault:
            raise Misfit(str(fault), fault.hint, at=f"resources.{name}.{fault.at}") from None
    return resources


def _lineage(tables: Mapping[str, ResourceTable], name: str) -> tuple[str, ...]:
    """The ancestors of a resource from the outermost to its parent."""
    line: list[str] = []
    child = name
    while (parent := tables[child].parent) is not None:
        if parent not in tables:
            hint = did_you_mean(parent, tables.keys() - {child})
            raise Misfit(f'there is no resource "{parent}"', hint, at=f"resources.{child}.parent")
        if parent == name or parent in line:
            circle = " -> ".join((name, *line, parent))
            hint = "leave out the parent of one of them"
            raise Misfit(f"the parents go in a circle: {circle}", hint, at=f"resources.{name}.parent")
        line.append(parent)
        child = parent
    return tuple(reversed(line))
