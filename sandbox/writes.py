"""Checks the bodies that create and update records, and carries them out; the Back Office uses it."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox import endpoints
from sandbox.endpoints import products
from sandbox.endpoints.endpoint import Endpoint, Member, Type, Writes
from sandbox.exchange import Refusal
from sandbox.fields import Json
from sandbox.world import NoSuchRecordError, World

#: True and 1, False and 0 are the same keys.
_FLAGS = {True: True, "1": True, "true": True, False: False, "0": False, "false": False}


def verbs(endpoint: Endpoint, *, is_item: bool) -> tuple[str, ...]:
    """The documented methods beside GET."""
    if endpoint.writes is None:
        return ()
    return (*endpoint.writes.verbs, "DELETE") if is_item else ("POST",)


def create(world: World, endpoint: Endpoint, parents: tuple[str, ...], body: Json) -> Json:
    """The new record as it is shown. A member that is missing or wrong is refused by name."""
    writes = _writes(endpoint)
    world.table(endpoint, parents)  # an unknown parent comes before a wrong body
    given = _checked(world, writes.create, body)
    for name, member in writes.create.items():
        if member.required and given.get(name) is None:
            raise Refusal(400, {"error": f"{name}: required", "field": name})
    codes = given.pop("numericCodes", [])
    if endpoint.path == products.CURRENCIES:
        given["alphabeticCode"] = _alphabetic(world, given["numericCode"])
    # The id and the stamp are left open: the world fills them in.
    empty = {name: None for name in endpoint.fields if name not in (*endpoint.key_members, "createTime")}
    document = empty | dict(writes.initial) | given
    made: Json = world.create(endpoint, parents, document)[0].after
    for code in codes:
        currency = {"numericCode": code, "factory": made["factory"], "caption": _alphabetic(world, code)}
        create(world, endpoints.BY_PATH[products.CURRENCIES], (str(made["id"]),), currency)
    return made


def update(world: World, endpoint: Endpoint, parents: tuple[str, ...], key: str, body: Json) -> Json:
    """The record afterwards. PUT and PATCH do the same; members that cannot be updated are passed over."""
    table = world.table(endpoint, parents)
    if table.document(key) is None:
        raise NoSuchRecordError(f"{endpoint.filled(parents)}/{key}")
    world.update(endpoint, parents, key, _checked(world, _writes(endpoint).update, body))
    return table.document(key)


def _writes(endpoint: Endpoint) -> Writes:
    if endpoint.writes is None:
        raise Refusal(405, {"error": "Method not allowed"})
    return endpoint.writes


def _checked(world: World, members: Mapping[str, Member], body: Json) -> dict[str, Json]:
    if not isinstance(body, dict):
        raise Refusal(400, {"error": "an object is wanted"})
    given: dict[str, Json] = {}
    for name, member in members.items():
        if name in body:
            value, problem = body[name], None
            if value is None and not member.required:
                given[name] = None
                continue
            if member.type is Type.FLAG and not isinstance(value, list | dict) and value in _FLAGS:
                value = _FLAGS[value]
            problem = _problem(world, member, value)
            if problem:
                raise Refusal(400, {"error": f"{name}: {problem}", "field": name})
            given[name] = value
    if codes := given.get("numericCodes"):
        known = {str(code) for code in world.table(endpoints.BY_PATH["/api/v2/currencies"]).rows}
        if not all(str(code) in known for code in codes):
            raise Refusal(400, {"error": "numericCodes: a code is not known", "field": "numericCodes"})
    return given


def _problem(world: World, member: Member, value: Json) -> str | None:
    kinds = {Type.TEXT: str, Type.FLAG: bool, Type.LIST: list, Type.OBJECT: dict}
    if member.type is Type.INTEGER:
        fits = isinstance(value, int) and not isinstance(value, bool)
    else:
        fits = member.type is Type.ANY or isinstance(value, kinds[member.type])
    if not fits:
        return f"{member.type} is wanted"
    if member.choices and any(one not in member.choices for one in (value if isinstance(value, list) else [value])):
        return f"one of {', '.join(map(str, member.choices))} is wanted"
    if member.row_of and world.table(endpoints.BY_PATH[member.row_of]).document(str(value)) is None:
        return f"{value} is not known"
    return None


def _alphabetic(world: World, code: int) -> Json:
    currency = world.table(endpoints.BY_PATH["/api/v2/currencies"]).document(str(code))
    return currency["alphabeticCode"] if currency else None
