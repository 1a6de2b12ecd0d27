"""Headers and query parameters that a catalogue has sent with each request; used by catalogue.py and the client.

A value may say where it is (`env:NAME`, `file:PATH`). What it is, the client is given by who wires, and never shows it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from changes.strict_toml import Table

if TYPE_CHECKING:
    from changes.resources import Resource

_PLACES = ("env:", "file:")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: Headers that the connection, the body or the source's `auth` decide.
_TAKEN = {
    "authorization": "Credentials belong into `auth` of the source",
    **dict.fromkeys(
        ("accept-encoding", "connection", "content-length", "content-type", "cookie", "host", "transfer-encoding"),
        "Leave it out: Mirrorpoint sets it, or never sends it",
    ),
}


def is_reference(value: str) -> bool:
    """Whether the value only says where it is."""
    return value.startswith(_PLACES)


def headers(table: Table, defaults: Mapping[str, str]) -> Mapping[str, str]:
    """Those of `defaults` with the table's own laid over them, whatever the case of their names."""
    own = table.table("headers", None)
    if own is None:
        return defaults
    seen: set[str] = set()
    for name, value in own.all_texts().items():
        if not _HEADER_NAME.fullmatch(name):
            raise own.error(name, "this is not the name of a header", 'Write it as in "X-Api-Version"')
        if name.lower() in _TAKEN:
            raise own.error(name, "this header is not the catalogue's to set", _TAKEN[name.lower()])
        if not is_carried(value):
            raise own.error(name, "the value holds characters that no header can carry", "Write it in plain ASCII")
        if name.lower() in seen:
            raise own.error(name, "this header is there twice", "Case makes no difference: name it only once")
        seen.add(name.lower())
    return {name: value for name, value in defaults.items() if name.lower() not in seen} | own.all_texts()


def params(table: Table, defaults: Mapping[str, str], taken: Collection[str]) -> Mapping[str, str]:
    """Those of `defaults` with the table's own laid over them; `taken`: parameters that the scan sets itself."""
    own = table.table("params", None)
    if own is None:
        return defaults
    for name in own.names():
        if name in taken:
            hint = "Leave it out; see paging and sorting of [source]"
            raise own.error(name, "the scan sets this parameter itself", hint)
    return {**defaults, **own.all_texts()}


def is_carried(value: str) -> bool:
    """Whether a header can carry the text."""
    return value.isascii() and value.isprintable()


def references(
    headers: Mapping[str, str], params: Mapping[str, str], resources: Iterable[Resource]
) -> Iterator[tuple[str, str]]:
    """Each value that only says where it is, and its place in the catalogue, such as `source.params.api_key`."""
    places = [("source", headers, params)]
    places += [(f"resources.{each.name}", each.headers, each.params) for each in resources]
    for place, *tables in places:
        for kind, table in zip(("headers", "params"), tables, strict=True):
            yield from ((text, f"{place}.{kind}.{name}") for name, text in table.items() if is_reference(text))
