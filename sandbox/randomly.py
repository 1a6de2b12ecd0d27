"""Random creations, updates, deletions and returns over all kinds of lists; the control API and campaigns use it."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from random import Random

from sandbox import endpoints
from sandbox.endpoints.endpoint import Endpoint, Shape
from sandbox.fields import Json
from sandbox.records import Table
from sandbox.world import Effect, NoSuchRecordError, World

KINDS = ("create", "update", "update", "update", "delete", "restore")


def change(world: World, *, count: int, seed: int, paths: Sequence[str], kinds: Sequence[str] = KINDS) -> list[Effect]:
    """Does `count` changes to lists whose paths fit; answers each difference, those that others brought along too."""
    random = Random(seed)
    lists = [one for one in endpoints.ALL if any(fnmatchcase(one.path, path) for path in paths)]
    if not lists:
        raise ValueError(f"no list fits {', '.join(paths)}")
    effects: list[Effect] = []
    tries = done = 0
    while done < count and tries < 50 * count:
        tries += 1
        kind, endpoint = random.choice(kinds), random.choice(lists)
        try:
            made = _returned(world, lists, random) if kind == "restore" else _one(world, endpoint, kind, random)
        except NoSuchRecordError:  # the parent of what was to return is gone as well
            continue
        effects += made
        done += bool(made)
    return effects


def _some_table(world: World, endpoint: Endpoint, random: Random) -> Table | None:
    parents: tuple[str, ...] = ()
    for path in endpoint.parents:
        keys = list(world.table(endpoints.BY_PATH[path], parents).shown())
        if not keys:
            return None
        parents = (*parents, random.choice(keys))
    return world.table(endpoint, parents)


def _returned(world: World, lists: Sequence[Endpoint], random: Random) -> list[Effect]:
    paths = {one.path for one in lists}
    gone = [effect for effect in world.journal if effect.op == "delete" and effect.path in paths]
    if not gone:
        return []
    one = random.choice(gone)
    table = world.table(endpoints.BY_PATH[one.path], one.parent_keys)
    return world.restore(table.endpoint, one.parent_keys, one.key) if one.key in table.gone else []


def _one(world: World, endpoint: Endpoint, kind: str, random: Random) -> list[Effect]:
    """Nothing where that kind is not possible there: what is a string has no members, a settings object always is."""
    table = _some_table(world, endpoint, random)
    if table is None:
        return []
    parents = table.parents
    if endpoint.shape is Shape.OBJECT:
        kind = "update"
    if kind == "create":
        return world.create(endpoint, parents, random=random)
    keys = list(table.shown())
    if not keys:
        return []
    key = random.choice(keys)
    if kind == "delete":
        return world.delete(endpoint, parents, key)
    if endpoint.shape is Shape.STRINGS:
        return []
    changes = _changes(world, table, key, random)
    return world.update(endpoint, parents, key, changes) if changes else []


def _changes(world: World, table: Table, key: str, random: Random) -> dict[str, Json]:
    """Other values for one to three members; never the key, stamps, or what the list keeps still."""
    endpoint, document = table.endpoint, table.document(key)
    still = {*endpoint.key_members, *endpoint.still, "createTime", "updateTime", "parentId"}
    if endpoint.hidden is not None:
        still.add(endpoint.hidden[0])
    names = [name for name in document if name not in still]
    number = len(table.rows) + 1
    drawn = world.seeding.draw(endpoint, table.parents, number=number, count=number, random=random)
    changes = {}
    for name in random.sample(names, min(len(names), random.randint(1, 3))):
        value = drawn.get(name, document[name])
        changes[name] = value if value != document[name] else _other(value)
    return {name: value for name, value in changes.items() if value != document[name]}


def _other(value: Json) -> Json:
    """Surely another value of the same type, but for null, whose type nobody knows."""
    if value is None:
        return None
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + " (new)"
    if isinstance(value, list):
        return value[1:] if value else ["new"]
    return {**value, "note": "newer" if value.get("note") == "new" else "new"}
