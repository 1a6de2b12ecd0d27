"""Content, mailing, security, system and users of the Back Office; read by `sandbox.endpoints`."""

from __future__ import annotations

from sandbox import fields as f
from sandbox import words
from sandbox.endpoints.endpoint import Endpoint, Shape

client = f.row_of("/api/v2/clients")
MAIL = "/api/v2/mail/subscriptions"
EVENTS = "/api/v2/events"


def _country(place: int) -> f.Make:
    return f.by_number([row[place] for row in words.COUNTRIES])


ENDPOINTS = (
    Endpoint(
        "/api/v2/antifraud/procedures",
        {
            "id": f.serial, "caption": f.phrase, "priority": f.number(0, 9), "isEnabled": f.flag,
            "createTime": f.create_time,
        },
        count=5, filters="id caption priority",
    ),
    Endpoint(
        "/api/v2/banners",
        {
            "id": f.serial, "caption": f.phrase, "link": f.link, "image": f.link, "enabled": f.flag,
            "priority": f.number(0, 9), "resources": f.resources, "createTime": f.create_time,
        },
        count=8, sorts=("createTime", "priority"), filters="enabled",
    ),
    Endpoint(
        "/api/v2/security/policies",
        {
            "id": f.serial, "ip": f.ip, "route": f.one_of("backoffice", "frontoffice"), "active": f.flag,
            "permission": f.one_of("allow", "deny"), "createTime": f.create_time,
        },
        count=6, filters="active ip permission route rout=route",
    ),
    Endpoint(
        "/api/v2/security/addresses",
        {
            "id": f.serial, "clientId": client, "clientEmail": f.email, "ip": f.ip, "reason": f.sentence,
            "createTime": f.create_time, "expireTime": f.later_time,
        },
        count=8, filters="clientId clientEmail ip",
    ),
    Endpoint(
        "/api/v2/countries",
        {
            "id": f.serial, "alpha2Code": _country(0), "alpha3Code": _country(1), "numericCode": _country(2),
            "countryName": _country(3), "enabled": f.flag,
        },
        count=len(words.COUNTRIES), scales=False, sorts=("enabled",),
        filters="alpha2Code alpha3Code numericCode countryName enabled",
    ),
    Endpoint(
        "/api/v2/storages",
        {"id": f.serial, "name": f.slug, "driver": f.one_of("local", "s3"), "isDefault": f.flag},
        count=3, sorts=(), scales=False,
    ),
    Endpoint(
        "/api/v2/storage/values",
        {
            "id": f.serial, "key": f.slug, "value": f.phrase, "type": f.one_of("string", "json"),
            "createTime": f.create_time,
        },
        count=10, filters="key value type",
    ),
    Endpoint(
        "/api/v2/storage/tags",
        {"id": f.serial, "name": f.numbered("storage-{}"), "createTime": f.create_time},
        count=4,
    ),
    Endpoint(
        "/api/v2/localizations",
        {
            "id": f.serial, "locale": f.by_number(("en_US", "ja_JP", "ru_RU", "es_ES", "de_DE")),
            "caption": f.by_number(("English", "日本語", "Русский", "Español", "Deutsch")), "isEnabled": f.flag,
        },
        count=5, sorts=(), scales=False,
    ),
    Endpoint(
        "/api/v2/menus",
        {
            "id": f.serial, "name": f.slug, "caption": f.by_number(words.MENU), "rootName": f.always("main"),
            "visible": f.flag, "new": f.one_of(False, True), "verificationLevelId": f.maybe(f.number(1, 4)),
            "priority": f.number(0, 9),
        },
        count=14, sorts=("priority", "name", "caption"),
        filters="menuId=id new caption rootName verificationLevelId visible", shape=Shape.TREE, is_paged=False,
        scales=False,
    ),
    Endpoint(
        "/api/v2/applications",
        {
            "id": f.serial, "clientId": client, "type": f.one_of("account", "document", "deposit"),
            "statusId": f.number(1, 4), "comment": f.maybe(f.sentence), "createTime": f.create_time,
        },
        count=25, sorts=(), filters="id clientId type statusId",
    ),
    Endpoint(
        "/api/v2/applications/notifications",
        {"type": f.by_number(words.EVENT_TYPES), "count": f.number(0, 9)},
        key="type", count=5, scales=False, sorts=(), has_item=False, is_paged=False,
    ),
    Endpoint(
        "/api/v2/resolutions",
        {
            "id": f.serial, "name": f.slug, "caption": f.phrase, "enabled": f.flag,
            "type": f.row_of("/api/v2/resolutions/types"),
        },
        count=6, sorts=(), filters="enabled name type", scales=False,
    ),
    Endpoint(
        "/api/v2/resolutions/types",
        {"id": f.serial, "name": f.slug, "caption": f.phrase},
        count=4, scales=False,
    ),
    Endpoint(
        "/api/v2/logs/messages",
        {
            "id": f.serial, "level": f.one_of("info", "warning", "error"), "message": f.sentence,
            "userId": f.row_of("/api/v2/users"), "createTime": f.create_time,
        },
        count=40, sorts=(),
    ),
    Endpoint(
        "/api/v2/groups",
        {"id": f.serial, "name": f.phrase, "permissions": f.some_of("clients", "finance", "products", "system")},
        count=4, sorts=(), scales=False,
    ),
    Endpoint(
        "/api/v2/users",
        {
            "id": f.serial, "name": f.full_name, "email": f.email, "active": f.bit,
            "groupId": f.row_of("/api/v2/groups"), "lastLogin": f.maybe(f.later_time),
        },
        count=10, sorts=(), filters="name email active",
    ),
    Endpoint(
        "/api/v2/widgets",
        {"id": f.serial, "name": f.slug, "caption": f.phrase, "isEnabled": f.flag},
        count=4, sorts=(), scales=False,
    ),
    Endpoint(
        "/api/v2/widgets/tickers",
        {"id": f.serial, "name": f.slug, "caption": f.phrase, "isEnabled": f.flag},
        count=3, scales=False,
    ),
    Endpoint(
        "/api/v2/widgets/tickers/{tickerId}/symbols",
        {"id": f.serial, "symbol": f.by_number(("BTCUSD", "ETHUSD", "EURUSD", "XAUUSD")), "priority": f.number(0, 9)},
        count=4,
    ),
)  # fmt: skip
