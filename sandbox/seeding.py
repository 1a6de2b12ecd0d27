"""Believable documents: those that a world begins with, and new ones later; the world calls it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random

from sandbox import endpoints, trees
from sandbox.endpoints.endpoint import Endpoint, Shape
from sandbox.fields import Draw, Json, phrase, stamp
from sandbox.records import Table


class Seeding:
    """Draws documents; the same for the same seed, whatever was looked at before."""

    def __init__(self, *, seed: int, scale: int, counts: Mapping[str, int]) -> None:
        self.seed = seed
        self.sizes = {one.path: _size(one, scale) for one in endpoints.ALL} | dict(counts)

    def fill(self, table: Table) -> None:
        """Puts the rows in that the world begins with."""
        endpoint, parents = table.endpoint, table.parents
        for text in endpoint.seeds:
            table.put(text, text)
        if endpoint.seeds:
            return
        random = Random(f"{self.seed} {endpoint.filled(parents)}")
        count = self.sizes[endpoint.path]
        if parents and endpoint.shape is not Shape.OBJECT and endpoint.key == "id":
            count = random.randint(0, count)
        for number in range(1, count + 1):
            document = self.draw(endpoint, parents, number=number, count=count, random=random)
            table.put(table.key_of(document), document)

    def draw(self, endpoint: Endpoint, parents: tuple[str, ...], *, number: int, count: int, random: Random) -> Json:
        """The document of the nth row of so many."""
        draw = Draw(random, number, parents, count, self.sizes, random.random)
        if endpoint.shape is Shape.STRINGS:
            return phrase(draw)
        if endpoint.shape is Shape.OBJECT:
            return endpoint.fields[""](draw)
        document = {name: make(draw) for name, make in endpoint.fields.items()}
        if endpoint.is_tree:
            document["parentId"] = trees.believable_parent(draw)
        return document

    def new(self, table: Table, given: Json, *, random: Random) -> Json:
        """A document with a key that was never there, today's stamps, and what was given."""
        number = (table.highest or len(table.rows) + len(table.gone)) + 1
        drawn = self.draw(table.endpoint, table.parents, number=number, count=number, random=random)
        if table.endpoint.shape is Shape.STRINGS:
            text = given or drawn
            return text if given or text not in {*table.rows, *table.gone} else f"{text} {number}"
        if not isinstance(given, dict | None):
            raise TypeError(f"an object is wanted, not {given!r}")
        if table.endpoint.shape is Shape.OBJECT:
            return {**drawn, **(given or {})}
        key = table.endpoint.key_members[-1]
        if isinstance(drawn[key], int):
            drawn[key] = table.highest + 1
        elif table.key_of(drawn) in {*table.rows, *table.gone}:
            drawn[key] = f"{drawn[key]}-{number}"
        if "createTime" in drawn:
            drawn["createTime"] = stamp(datetime.now(UTC))
        if "updateTime" in drawn:
            drawn["updateTime"] = None
        if table.endpoint.is_tree and str(drawn["parentId"]) not in table.rows:
            drawn["parentId"] = None
        hidden = table.endpoint.hidden
        if hidden is not None and drawn[hidden[0]] == hidden[1]:
            drawn[hidden[0]] = "pending"
        return {**drawn, **(given or {})}


def _size(endpoint: Endpoint, scale: int) -> int:
    return endpoint.count * (scale if endpoint.scales and not endpoint.parents else 1)
