"""Menus and folders: rows that name their parent, shown as nested nodes; the world and the Back Office use it."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.fields import Draw, Json, id_of


def believable_parent(draw: Draw) -> int | None:
    """None for about every third node; else an earlier one."""
    if draw.number == 1 or draw.roll() < 0.3:
        return None
    return id_of(1 + int(draw.roll() * (draw.number - 1)))


def children_of(rows: Mapping[str, Json]) -> dict[str, list[str]]:
    """Parent's key ("" for the roots) -> keys of its children; a node whose parent is not there is a root."""
    children: dict[str, list[str]] = {"": []}
    for key, document in rows.items():
        parent = str(document.get("parentId"))
        children.setdefault(parent if parent in rows and parent != key else "", []).append(key)
    return children


def with_child_ids(rows: Mapping[str, Json]) -> dict[str, Json]:
    """Each node as one record; `children` holds ids."""
    children = children_of(rows)
    return {
        key: {**row, "children": [rows[child]["id"] for child in children.get(key, ())]} for key, row in rows.items()
    }


def subtree(rows: Mapping[str, Json], key: str) -> list[str]:
    """The node, then all below it."""
    children = children_of(rows)
    found = [key]
    for one in found:
        found.extend(child for child in children.get(one, ()) if child not in found)
    return found


def nested(rows: Mapping[str, Json], *, is_deep: bool = True) -> list[Json]:
    """As the Back Office answers: roots with nodes in nodes; without `is_deep` the roots alone."""
    children = children_of(rows)

    def node(key: str) -> Json:
        return {**rows[key], "children": [node(child) for child in children.get(key, ())] if is_deep else []}

    return [node(key) for key in children[""]]
