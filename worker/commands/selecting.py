"""Finds what a person means by RESOURCE and --source; used by the commands that take them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol

from worker.problems import UsageError, did_you_mean

if TYPE_CHECKING:
    from changes.resources import Resource


class HasResources(Protocol):
    """A catalogue, or what is left of one."""

    @property
    def resources(self) -> Mapping[str, Resource]: ...


Catalogues = Mapping[str, HasResources]  #: by the source's name


def source(catalogues: Catalogues, name: str) -> str:
    """The source of that name; UsageError with the one that was meant."""
    if name not in catalogues:
        raise UsageError(f'there is no source "{name}"', did_you_mean(name, catalogues))
    return name


def resource(catalogues: Catalogues, text: str, *, source_name: str | None) -> tuple[str, Resource]:
    """`products` or `backoffice:products`; the source may be left out where only one has the resource."""
    prefix, mark, name = text.rpartition(":")
    wanted = source(catalogues, prefix) if mark else source_name
    if mark and source_name and source_name != prefix:
        source(catalogues, source_name)
        raise two_sources(text, prefix, source_name)
    sources = [source(catalogues, wanted)] if wanted else list(catalogues)
    found = [each for each in sources if name in catalogues[each].resources]
    if not found:
        where = f" in {wanted}" if wanted else ""
        known = {known for each in sources for known in catalogues[each].resources}
        raise UsageError(f'there is no resource "{name}"{where}', _meant(name, known))
    if len(found) > 1:
        choices = ", ".join(f"{each}:{name}" for each in found)
        raise UsageError(f'several sources have "{name}"', f"say which with --source, or write one of {choices}")
    return found[0], catalogues[found[0]].resources[name]


def resources(
    catalogues: Catalogues, names: Iterable[str], *, source_name: str | None = None
) -> list[tuple[str, Resource]]:
    """All that the names or globs (`product_*`, `backoffice:*`) mean, in the catalogues' order; all without any."""
    sources = [source(catalogues, source_name)] if source_name else list(catalogues)
    everything = [(each, found) for each in sources for found in catalogues[each].resources.values()]
    wanted = list(names)
    for name in wanted:
        prefix = name.rpartition(":")[0]
        if source_name and prefix and not fnmatchcase(source_name, prefix):
            raise two_sources(name, prefix, source_name)
        if not any(_fits(name, each, found.name) for each, found in everything):
            known = {found.name for _, found in everything}
            raise UsageError(f'there is no resource "{name}"', _meant(name.rpartition(":")[2], known))
    if not wanted:
        return everything
    return [(each, found) for each, found in everything if any(_fits(name, each, found.name) for name in wanted)]


def two_sources(text: str, prefix: str, source_name: str) -> UsageError:
    """Of a text that names the source `prefix` itself, beside another --source."""
    return UsageError(f'"{text}" is of {prefix}, and --source says {source_name}', "leave one of them out")


def _meant(name: str, known: Collection[str]) -> str:
    """The hint: the name that is near, or what a record's name holds of one."""
    words = name.split("/")[:2]  # the source may be the first
    named = next((word for word in words if word in known), None) if len(words) > 1 else None
    return f"that names a record; write its resource alone: {named}" if named else did_you_mean(name, known)


def _fits(pattern: str, source_name: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(f"{source_name}:{name}", pattern)
