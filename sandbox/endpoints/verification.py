"""Documents, verification levels and client tests; read by `sandbox.endpoints`."""

from __future__ import annotations

from sandbox import fields as f
from sandbox import words
from sandbox.endpoints.endpoint import Endpoint
from sandbox.fields import Draw, Json

LEVELS = "/api/v2/verifications/levels"
QUIZZES = "/api/v2/quizzes"
client = f.row_of("/api/v2/clients")


def _level(draw: Draw) -> Json:
    number = f.number(1, 4)(draw)
    return {"id": number, "name": f"Level {number}"}


ENDPOINTS = (
    Endpoint(
        "/api/v2/documents",
        {
            "id": f.serial, "clientId": client, "typeId": f.row_of("/api/v2/documents/types"), "file": f.link,
            "status": f.one_of("new", "approved", "rejected"), "createTime": f.create_time,
        },
        count=20, sorts=(), filters="clientId",
    ),
    Endpoint(
        "/api/v2/documents/types",
        {
            "id": f.serial, "name": f.slug, "caption": f.phrase, "enabled": f.flag, "priority": f.number(0, 9),
            "createTime": f.create_time,
        },
        count=6, sorts=("createTime", "priority"), filters="enabled", scales=False,
    ),
    Endpoint(
        "/api/v2/documents/groups",
        {
            "id": f.serial, "caption": f.phrase, "type": f.one_of("identity", "residence"),
            "typeId": f.row_of("/api/v2/documents/types"), "enabled": f.flag, "priority": f.number(0, 9),
            "createTime": f.create_time,
        },
        count=5, sorts=("createTime", "priority"), filters="type typeId enabled", scales=False,
    ),
    Endpoint(
        "/api/v2/verifications",
        {
            "id": f.serial, "clientId": client, "currentLevel": _level, "previuosLevel": f.maybe(_level),
            "reason": f.object_of(name=f.one_of("manual", "automatic"), userId=f.row_of("/api/v2/users")),
            "createTime": f.create_time,
        },
        count=30, filters="clientId",
    ),
    Endpoint(
        LEVELS,
        {
            "id": f.serial, "name": f.numbered("Level {}"), "caption": f.phrase, "priority": f.number(0, 9),
            "enabled": f.flag,
        },
        count=5, sorts=(), scales=False,
    ),
    Endpoint(
        LEVELS + "/{levelId}/restrictions",
        {
            "id": f.serial, "name": f.one_of("country", "client_type"), "isEnabled": f.flag,
            "type": f.one_of("allow", "deny"), "ids": f.list_of(f.number(1, 20), 3),
        },
        count=2,
    ),
    Endpoint(
        QUIZZES,
        {
            "id": f.serial, "caption": f.by_number(words.TESTS), "isVisible": f.flag, "passScore": f.number(50, 90),
            "createTime": f.create_time,
        },
        count=4, filters="isVisible", scales=False,
    ),
    Endpoint(
        QUIZZES + "/{quizId}/questions",
        {"id": f.serial, "text": f.sentence, "priority": f.number(0, 9), "createTime": f.create_time},
        count=5,
    ),
    Endpoint(
        QUIZZES + "/{quizId}/questions/{questionId}/answers",
        {
            "id": f.serial, "isVisible": f.flag, "isCorrect": f.one_of(True, False), "text": f.maybe(f.sentence, 0.9),
            "priority": f.number(0, 9), "resources": f.resources, "createTime": f.create_time,
            "updateTime": f.maybe(f.later_time),
        },
        count=4,
    ),
)  # fmt: skip
