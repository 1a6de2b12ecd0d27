"""External connections, confirmations and paid services, with the documented methods; read by `sandbox.endpoints`."""

from __future__ import annotations

from sandbox import fields as f
from sandbox import words
from sandbox.endpoints.endpoint import Endpoint, Member, Shape, Type, Writes
from sandbox.fields import Draw, Json

SERVICES = "/api/v2/subscriptions/services"
SERVICE_GROUPS = "/api/v2/subscriptions/groups"
PARAMETER_TYPES = ("text", "numeric", "date", "select", "multiselect", "checkbox", "spread_sheet")

TEXT, INTEGER, FLAG = Member(Type.TEXT), Member(Type.INTEGER), Member(Type.FLAG)
LIST, OBJECT = Member(Type.LIST), Member(Type.OBJECT)
BIT = Member(Type.INTEGER, choices=(0, 1))


def _setting(name: str, label: str, value_member: str, rule: Json) -> Json:
    control = "Password" if "secret" in name or "password" in name else "Input"
    return {"label": label, "rule": rule, "class": f"RabbitCMS\\Forms\\Controls\\{control}", "name": name,
    "classes": [],
            value_member: None, "messages": []}  # fmt: skip


def _connection_settings(draw: Draw) -> Json:
    return {
        "api_base_url": _setting("api_base_url", "API base URL", "values", ["required", "url"]),
        "api_key": _setting("api_key", "API key", "values", "required"),
        "timeout": _setting("timeout", f"Time-out of {draw.parents[0]}", "values", None),
    }


def _sms_settings(draw: Draw) -> Json:
    return {
        "api_sid": _setting("api_sid", f"{draw.parents[0]} SID", "value", ["required"]),
        "api_secret": _setting("api_secret", "API secret", "value", None),
        "from": _setting("from", "Sender phone number", "value", ["phone:AUTO", "required"]),
    }


def _at(path: str) -> Member:
    return Member(Type.INTEGER, required=True, row_of=path)


_sms = {
    "name": TEXT,
    "caption": TEXT,
    "provider": Member(choices=words.SMS_PROVIDERS),
    "isEnabled": FLAG,
    "options": OBJECT,
    "resources": LIST,
}
_template = {"name": TEXT, "caption": TEXT, "template": TEXT, "isEnabled": FLAG, "resources": LIST}
_parameter = {
    "name": TEXT,
    "caption": TEXT,
    "categoryId": INTEGER,
    "type": Member(choices=PARAMETER_TYPES),
    "services": LIST,
    "settings": OBJECT,
}
_service = {"name": TEXT, "fullName": TEXT, "groupId": Member(Type.INTEGER, row_of=SERVICE_GROUPS), "isActive": BIT,
            "externalId": TEXT, "comment": TEXT}  # fmt: skip

ENDPOINTS = (
    Endpoint(
        "/api/v2/connections",
        {"id": f.serial, "name": f.slug, "caption": f.by_number(words.CONNECTION_PROVIDERS),
        "provider": f.by_number(words.CONNECTION_PROVIDERS),
        "enabled": f.flag,
         "providerOptions": f.object_of(location=f.link, login=f.numbered("user{}"), password=f.hexadecimal(12)),
         "createTime": f.create_time},
        count=8, scales=False, filters="provider enabled",
        writes=Writes(
            create={"name": Member(required=True), "caption": Member(required=True), "provider": Member(required=True),
                    "enabled": Member(Type.FLAG, required=True), "providerOptions": Member(Type.OBJECT, required=True)},
            update={"name": TEXT, "caption": TEXT, "provider": TEXT, "enabled": FLAG, "providerOptions": OBJECT},
        ),
    ),
    Endpoint("/api/v2/connections/providers", shape=Shape.STRINGS, seeds=words.CONNECTION_PROVIDERS, has_item=False),
    Endpoint(
        "/api/v2/connections/providers/{provider}/settings",
        {"": _connection_settings},
        shape=Shape.OBJECT, count=1, has_item=False,
    ),
    Endpoint(
        "/api/v2/confirmations/providers",
        {"id": f.serial, "name": f.slug, "caption": f.by_number(words.SMS_PROVIDERS),
        "provider": f.by_number(words.SMS_PROVIDERS),
        "isEnabled": f.flag,
         "priority": f.number(0, 9),
         "options": f.object_of(**{"api_sid": f.hexadecimal(16), "api_secret": f.hexadecimal(24), "from": f.phone}),
         "resources": f.resources, "createTime": f.create_time},
        count=4, scales=False, filters="provider isEnabled name caption",
        writes=Writes(create=_sms, update={**_sms, "priority": INTEGER},
                      initial={"isEnabled": False, "priority": 0, "options": {}, "resources": []}),
    ),
    Endpoint("/api/v2/confirmations/providers/types", shape=Shape.STRINGS, seeds=words.SMS_PROVIDERS, has_item=False),
    Endpoint(
        "/api/v2/confirmations/providers/types/{type}/settings",
        {"": _sms_settings},
        shape=Shape.OBJECT, count=1, has_item=False,
    ),
    Endpoint(
        "/api/v2/confirmations/templates",
        {"id": f.serial, "name": f.slug, "caption": f.phrase, "template": f.numbered("Code {} of your request: %CODE%"),
         "isEnabled": f.flag, "priority": f.number(0, 9), "resources": f.resources, "createTime": f.create_time},
        count=6, scales=False, filters="isEnabled name caption",
        # The priority is declared a string and shown as a number.
        writes=Writes(create=_template, update={**_template, "priority": Member(Type.ANY)},
                      initial={"isEnabled": False, "priority": 0, "resources": []}),
    ),
    Endpoint(
        "/api/v2/subscriptions",
        {"id": f.serial, "clientId": f.row_of("/api/v2/clients"), "serviceId": f.row_of(SERVICES), "isActive": f.bit,
         "parameters": f.one_of({}, {"period": "Monthly"}, {"period": "Yearly", "limit": 3}),
         "createTime": f.create_time},
        count=20, filters="clientId serviceId isActive",
        writes=Writes(
            create={"clientId": _at("/api/v2/clients"), "serviceId": _at(SERVICES),
                    "isActive": Member(Type.INTEGER, required=True, choices=(0, 1)), "parameters": OBJECT},
            update={"isActive": BIT, "parameters": OBJECT},
            initial={"parameters": {}},
            verbs=("PUT", "PATCH"),
        ),
    ),
    Endpoint(
        SERVICE_GROUPS,
        {"id": f.serial, "caption": f.phrase, "comment": f.maybe(f.sentence)},
        count=4, scales=False, sorts=("id",), filters="caption comment",
        writes=Writes(create={"caption": Member(required=True), "comment": TEXT}, update={"caption": TEXT,
        "comment": TEXT}),
    ),
    Endpoint(
        "/api/v2/subscriptions/parameters",
        {"id": f.serial, "name": f.phrase, "caption": f.sentence, "categoryId": f.maybe(f.number(1, 5)),
        "type": f.one_of(*PARAMETER_TYPES),
         "services": f.list_of(f.row_of(SERVICES), 3), "settings": f.one_of({}, {"options": ["Weekly", "Monthly",
         "Yearly"]})},
        count=8, sorts=("id",), filters="name caption categoryId",
        writes=Writes(
            create={**_parameter, "name": Member(required=True), "caption": Member(required=True),
                    "categoryId": Member(Type.INTEGER, required=True), "type": Member(required=True,
                    choices=PARAMETER_TYPES)},
            update=_parameter,
            initial={"services": [], "settings": {}},
        ),
    ),
    Endpoint(
        "/api/v2/subscriptions/plans",
        {"id": f.serial, "name": f.phrase, "serviceId": f.row_of(SERVICES), "data": f.one_of({},
        {"period": "Weekly"}), "createTime": f.create_time},
        count=6, filters="name serviceId",
        writes=Writes(create={"name": Member(required=True), "serviceId": _at(SERVICES), "data": OBJECT},
        update={"name": TEXT},
                      initial={"data": {}}),
    ),
    Endpoint(
        SERVICES,
        {"id": f.serial, "name": f.by_number(words.SERVICES), "fullName": f.sentence,
        "groupId": f.row_of(SERVICE_GROUPS),
        "isActive": f.bit,
         "externalId": f.maybe(f.numbered("{}")), "comment": f.maybe(f.sentence), "createTime": f.create_time},
        count=10, filters="name externalId fullName groupId isActive comment",
        takes=(("/api/v2/subscriptions", "serviceId"), ("/api/v2/subscriptions/plans", "serviceId")),
        writes=Writes(
            create={**_service, "name": Member(required=True), "fullName": Member(required=True),
            "groupId": _at(SERVICE_GROUPS),
                    "isActive": Member(Type.INTEGER, required=True, choices=(0, 1))},
            update=_service,
        ),
    ),
)  # fmt: skip
