"""The routes of the pages: what is read, and what acts."""

from __future__ import annotations

from starlette.routing import BaseRoute

from web.access import Role
from web.pages import actions, changes, comparing, deliveries, overview, planning, points, proof, records, resources
from web.routing import at


def routes() -> list[BaseRoute]:
    """GET changes nothing; what acts needs the role operate."""
    read = {
        "/": overview.show,
        "/changes": changes.show,
        "/changes/{seq}": changes.show_one,
        "/records/{resource}/{key:path}": records.show,
        "/resources/{resource}": resources.show,
        "/points": points.show_all,
        "/points/{code:path}": points.show,
        "/deliveries": deliveries.show,
        "/deliveries/{id}": deliveries.show_one,
        "/diff": comparing.show,
        "/seal": proof.show,
        "/plan": planning.show,
    }
    return [
        *(at(path, endpoint, needs=Role.READ) for path, endpoint in read.items()),
        at("/actions/{what}/{target:path}", actions.ask, needs=Role.OPERATE),
        at("/actions/{what}/{target:path}", actions.act, needs=Role.OPERATE, methods=["POST"]),
    ]
