"""Own points as an integration platform tells points: the entity that the points API and `points show` give."""

from __future__ import annotations

from typing import Any

from changes import point_entities
from changes.sealing import Vault
from storage import points
from storage.points import Point
from storage.session import Session


def own(session: Session) -> list[Point]:
    """Own points, the oldest first: a list that is read in pages grows at its end."""
    found = (point for point in points.list_all(session) if point.origin != "mirrored")
    return sorted(found, key=lambda point: (point.created_at, point.id))


def entity(point: Point, vault: Vault) -> dict[str, Any]:
    """All members that the API documents, tokens sealed; what is not set is an empty text."""
    kept = point.entity
    return {
        "id": point.id,
        "code": point.code,
        "type": point.type or "",
        "token_local": point.token_local or "",
        "token_remote": vault.seal(vault.decrypt(point.token)) if point.token else "",
        "token_remote2": kept.get("token_remote2", ""),
        "url": point.url or "",
        **{name: kept.get(name, "") for name in point_entities.SCRIPTS},
        "opts": {**point_entities.OPTS, **kept.get("opts", {})},
        "ext": {"ct": point_entities.stamp(point.created_at), "lwt": point_entities.stamp(point.changed_at)},
    }
