"""Which words may stand in braces, in paths and parameters, and what they stand for; for catalogues and addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from changes import keys, members, resources
from changes.problems import Misfit
from changes.records import Id
from changes.resources import PLACEHOLDER, Key, Resource, column_name

#: They mean something of their own, whatever a member is called.
_TAKEN = frozenset({"key", "parent"})


#: The names of one part of a composite key: as a column of it would be called, or by the last step of its pointer.
Names = frozenset[str]


@dataclass(frozen=True, slots=True)
class Words:
    """What a resource's paths may name."""

    parent: str | None
    of_path: Names
    parent_parts: tuple[Names, ...]
    own_parts: tuple[Names, ...]

    @property
    def of_item_path(self) -> Names:
        return self.of_path.union({"key"}, *self.own_parts)

    def names_parent(self, named: Collection[str]) -> bool:
        """Whether these words say which parent is meant."""
        return "parent" in named or self.parent in named or _has_all(named, self.parent_parts)

    def names_record(self, named: Collection[str]) -> bool:
        """Whether these words say which record below its parent is meant."""
        return "key" in named or _has_all(named, self.own_parts)


def of_resource(ancestors: Mapping[str, Key], key: Key) -> Words:
    """The words of a resource with this key; `ancestors` with theirs, from the outermost to the parent."""
    taken = frozenset({*ancestors, *(["parent"] if ancestors else [])})
    # Where a parent may be keyed by something else too, its parts cannot always be told.
    parts = [_without(taken, parts_of(each)) if len(each) == 1 else () for each in ancestors.values()]
    return Words(
        parent=list(ancestors)[-1] if ancestors else None,
        of_path=taken.union(*(names for each in parts for names in each)),
        parent_parts=parts[-1] if parts else (),
        own_parts=_without(taken, parts_of(key)),
    )


def parts_of(key: Key) -> tuple[Names, ...]:
    """The names of a composite key's parts; none where there are several such keys, and a text would fit more of them.

    The last step of a pointer is no name where that of another part is the same.
    """
    composites = [each for each in key if isinstance(each, tuple)]
    if len(composites) != 1:
        return ()
    short = [column_name(members.last_step(part)) for part in composites[0]]
    names = [
        frozenset({column_name(part), *([last] if short.count(last) == 1 else [])}) - _TAKEN
        for part, last in zip(composites[0], short, strict=True)
    ]
    return tuple(names)


def _without(taken: Names, parts: tuple[Names, ...]) -> tuple[Names, ...]:
    return tuple(names - taken for names in parts)


def _has_all(named: Collection[str], parts: tuple[Names, ...]) -> bool:
    columns = {column_name(word) for word in named}
    return bool(parts) and all(columns & names for names in parts)


def check(name: str, value: str, allowed: frozenset[str]) -> None:
    """Refuse what cannot be turned into an address; `name`: of the member that holds it."""
    if not value.startswith("/") or value.startswith("//") or re.search(r"[\s?#]", value):
        hint = 'begin it with "/"; the host stands in base_url of the source, a query in params'
        raise Misfit(f'"{value}" is not a path', hint, at=name)
    if re.search(r"[{}]", PLACEHOLDER.sub("", value)):
        raise Misfit(f'a brace of "{value}" has no partner', "write placeholders as {parent}", at=name)
    for word in PLACEHOLDER.findall(value):
        _check_word(name, word, allowed)


def check_param(name: str, value: str, allowed: frozenset[str]) -> None:
    """Refuse a value that is one word in braces and means nothing; other braces are sent as they are."""
    alone = PLACEHOLDER.fullmatch(value)
    if alone:
        _check_word(name, alone[1], allowed)


def _check_word(name: str, word: str, allowed: frozenset[str]) -> None:
    if word in allowed or column_name(word) in allowed:
        return
    if word == "parent" or not allowed - {"key"}:
        hint = 'add parent = "…", the resource whose records are meant'
    else:
        hint = "there is: " + ", ".join(f"{{{each}}}" for each in sorted(allowed))
    raise Misfit(f"{{{word}}} stands for nothing that is known", hint, at=name)


def filled(template: str, values: Mapping[str, str], write: Callable[[str], str] = str) -> str:
    """The template with `write` of each value in place of its word; braces that mean nothing here stay."""

    def value_of(found: re.Match[str]) -> str:
        value = values.get(found[1], values.get(column_name(found[1])))
        return found[0] if value is None else write(value)

    return PLACEHOLDER.sub(value_of, template)


def of_list(resource: Resource, parent_key: str) -> dict[str, str]:
    """Word -> what it stands for in the list below `parent_key`."""
    found = resources.split_keys(parent_key)
    if len(found) != len(resource.ancestors):
        raise ValueError(f"{resource.name} needs the keys of {len(resource.ancestors)} parents, not of {len(found)}")
    values: dict[str, str] = {}
    whole: dict[str, str] = {}
    ancestor_keys = resource.ancestor_keys or (("id",),) * len(found)
    for name, key, text in zip(resource.ancestors, ancestor_keys, found, strict=True):
        values |= _parts(key, text)
        values["parent"] = whole[name] = keys.whole(key, text)
    return values | whole


def of_record(resource: Resource, id: Id) -> dict[str, str]:  # noqa: A002  the word of the mirror
    """Word -> what it stands for in the record's own path; its parts only where its key has them."""
    outer = of_list(resource, id.parent_key)
    own = {word: value for word, value in _parts(resource.key, id.key).items() if word not in resource.ancestors}
    return outer | own | {"key": keys.whole(resource.key, id.key)}


def has_own_path(resource: Resource, id: Id) -> bool:  # noqa: A002  the word of the mirror
    """Whether the path of the record can be written: one that is keyed by another alternative has no parts.

    A row that somebody else has written may stand below more parents than there are, or below fewer.
    """
    if resource.item_path is None or not id.key or len(resources.split_keys(id.parent_key)) != len(resource.ancestors):
        return False
    return not PLACEHOLDER.search(filled(resource.item_path, of_record(resource, id), lambda _: ""))


def _parts(key: Key, text: str) -> dict[str, str]:
    values = keys.parts(key, text).values()
    return {name: value for names, value in zip(parts_of(key), values, strict=False) for name in names}
