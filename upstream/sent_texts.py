"""Headers and query parameters that a catalogue has sent with each request; used by catalogue.py and the client.

A value may say where it is (`env:NAME`, `file:PATH`). What it is, the client is given by who wires, and never shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from changes.resources import Resource

_PLACES = ("env:", "file:")


def is_reference(value: str) -> bool:
    """Whether the value only says where it is."""
    return value.startswith(_PLACES)


def is_carried(value: str) -> bool:
    """Whether a header can carry the text."""
    return value.isascii() and value.isprintable()


def over(usual: Mapping[str, str], own: Mapping[str, str]) -> Mapping[str, str]:
    """Headers of `usual` with one's own laid over them, whatever the case of their names."""
    replaced = {name.lower() for name in own}
    return {name: value for name, value in usual.items() if name.lower() not in replaced} | dict(own)


def references(
    headers: Mapping[str, str], params: Mapping[str, str], resources: Iterable[Resource]
) -> Iterator[tuple[str, str]]:
    """Each value that only says where it is, and its place in the catalogue, such as `source.params.api_key`."""
    places = [("source", headers, params)]
    places += [(f"resources.{each.name}", each.headers, each.params) for each in resources]
    for place, *tables in places:
        for kind, table in zip(("headers", "params"), tables, strict=True):
            yield from ((text, f"{place}.{kind}.{name}") for name, text in table.items() if is_reference(text))
