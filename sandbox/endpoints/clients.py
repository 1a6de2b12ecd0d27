"""Clients, what belongs to them, and how they are verified; read by `sandbox.endpoints`."""

from __future__ import annotations

from sandbox import fields as f
from sandbox import words
from sandbox.endpoints.endpoint import Endpoint, Shape
from sandbox.fields import Draw, Json

CLIENTS = "/api/v2/clients"
OF_CLIENT = CLIENTS + "/{clientId}"
LEVELS = "/api/v2/verifications/levels"
QUIZZES = "/api/v2/quizzes"
client = f.row_of(CLIENTS)


def _country(place: int) -> f.Make:
    return lambda draw: words.COUNTRIES[(draw.number - 1) % len(words.COUNTRIES)][place]


def _level(draw: Draw) -> Json:
    number = f.number(1, 4)(draw)
    return {"id": number, "name": f"Level {number}"}


ENDPOINTS = (
    Endpoint(
        CLIENTS,
        {
            "clientId": f.serial, "email": f.email, "name": f.full_name, "nickname": f.maybe(f.slug, 0.3),
            "countryCode": _country(0), "city": f.phrase, "statusId": f.number(1, 5), "typeId": f.number(1, 3),
            "internalTypeId": f.number(1, 3), "managerId": f.maybe(f.row_of("/api/v2/managers")),
            "riskLevelId": f.number(1, 3), "verificationLevelId": f.number(1, 4),
            "companyShortName": f.maybe(f.phrase, 0.2), "companyFullName": f.maybe(f.phrase, 0.2),
            "createTime": f.create_time,
        },
        key="clientId", count=40,
        filters="clientId email emails=email name nickname city companyShortName companyFullName "
        "internalTypeIds=internalTypeId managerIds=managerId countryCodes=countryCode statusIds=statusId "
        "riskLevelIds=riskLevelId typeIds=typeId verificationLevelIds=verificationLevelId",
    ),
    Endpoint(
        OF_CLIENT + "/files",
        {
            "id": f.serial, "name": f.slug, "file": f.link, "directoryId": f.maybe(f.row_of("/api/v2/folders")),
            "priority": f.number(0, 5),
        },
        count=3, sorts=(), filters="directoryId", has_item=False, is_paged=False,
    ),
    Endpoint(
        OF_CLIENT + "/permissions",
        {"name": f.by_number(words.PERMISSIONS), "isEnabled": f.flag},
        key="name", count=len(words.PERMISSIONS), shape=Shape.BARE, sorts=(), has_item=False, is_paged=False,
    ),
    Endpoint(
        OF_CLIENT + "/quizzes",
        {
            "id": f.serial, "quizId": f.row_of(QUIZZES), "isPassed": f.flag, "score": f.number(0, 100),
            "createTime": f.create_time,
        },
        count=2,
    ),
    Endpoint(
        OF_CLIENT + "/password/changes",
        {"id": f.serial, "ip": f.ip, "type": f.one_of("reset", "change"), "createTime": f.create_time},
        count=2, default_sort="createTime",
    ),
    Endpoint(
        OF_CLIENT + "/changes",
        {
            "id": f.serial, "type": f.always("email"), "previous": f.email, "current": f.email,
            "createTime": f.create_time,
        },
        count=2, filters="type", needs_filter=("type", "email"), still=("type",),
    ),
    Endpoint(
        OF_CLIENT + "/2fa",
        {
            "name": f.by_number(("google", "sms")), "caption": f.by_number(("Google Authenticator", "SMS")),
            "isEnabled": f.flag,
        },
        key="name", count=2, sorts=(), is_paged=False,
    ),
    Endpoint(
        OF_CLIENT + "/2fa/changes",
        {
            "id": f.serial, "method": f.one_of("google", "sms"), "action": f.one_of("enable", "disable"), "ip": f.ip,
            "createTime": f.create_time,
        },
        count=2,
    ),
    Endpoint(
        CLIENTS + "/authorizations",
        {
            "id": f.serial, "clientId": client, "ip": f.ip, "status": f.one_of("success", "success", "failed"),
            "authDateTime": f.create_time,
        },
        count=30, sorts=("authDateTime",), filters="clientId ip status",
    ),
    Endpoint(
        CLIENTS + "/roles",
        {"id": f.serial, "name": f.slug, "caption": f.phrase, "permissions": f.some_of(*words.PERMISSIONS)},
        count=4, sorts=(), is_paged=False, scales=False,
    ),
    Endpoint(
        CLIENTS + "/types",
        {
            "id": f.serial, "name": f.by_number(("individual", "corporate", "partner")), "caption": f.phrase,
            "group": f.one_of("b2c", "b2b"), "enabled": f.flag, "createTime": f.create_time,
        },
        count=3, filters="enabled group name", scales=False,
    ),
    Endpoint(
        "/api/v2/managers",
        {"id": f.serial, "name": f.full_name, "email": f.email, "isEnabled": f.flag, "createTime": f.create_time},
        count=6, filters="email name isEnabled", scales=False,
    ),
    Endpoint(
        "/api/v2/tags",
        {
            "id": f.serial, "name": f.numbered("tag-{}"), "caption": f.phrase, "type": f.one_of("client", "user"),
            "createTime": f.create_time,
        },
        count=8, default_sort="createTime", filters="type",
    ),
    Endpoint(
        "/api/v2/folders",
        {"id": f.serial, "name": f.phrase},
        count=7, shape=Shape.BARE_TREE, sorts=(), is_paged=False, scales=False,
    ),
    Endpoint(
        "/api/v2/addresses",
        {
            "id": f.serial, "clientId": client, "type": f.one_of("home", "work"), "countryCode": _country(0),
            "city": f.phrase, "postcode": f.decimal(1000, 9999, 0), "address": f.sentence, "createTime": f.create_time,
        },
        count=25, filters="address clientId postcode type",
    ),
    Endpoint(
        "/api/v2/phones",
        {
            "id": f.serial, "clientId": client, "number": f.phone, "ext": f.maybe(f.decimal(10, 99, 0), 0.2),
            "type": f.one_of("mobile", "home"), "confirmed": f.flag, "createTime": f.create_time,
            "updateTime": f.maybe(f.later_time),
        },
        count=25, sorts=("createTime", "updateTime"), filters="clientId confirmed ext number type",
    ),
)  # fmt: skip
