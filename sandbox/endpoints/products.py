"""Products and all that belongs to them, with the documented methods; read by `sandbox.endpoints`."""

from __future__ import annotations

from sandbox import fields as f
from sandbox import words
from sandbox.endpoints.endpoint import Endpoint, Member, Type, Writes
from sandbox.fields import Draw, Json

PRODUCTS = "/api/v2/products"
GROUPS = "/api/v2/products/groups"
CURRENCIES = PRODUCTS + "/{productId}/currencies"

TYPES = ("personal", "trade", "demo", "partner", "liquidity", "exchange", "external", "system")
STATUSES = ("disabled", "present", "hidden", "enabled", "default")
SEND_MAIL = ("dontSend", "default", "send")
RESTRICTIONS = ("country", "client_type", "product_country", "verification_level_restriction",
                "product_verification_auto_create", "client_ib_parent")  # fmt: skip


def _name(draw: Draw) -> str:
    names = words.PRODUCT_NAMES
    place = draw.number - 1
    return names[place % len(names)] + (f"_{place // len(names) + 1}" if place >= len(names) else "")


def _status(draw: Draw) -> str:
    """The first few, which stories are told about, are open for business."""
    return "enabled" if draw.number <= 6 else STATUSES[int(draw.roll() * len(STATUSES))]


def _caption(draw: Draw) -> str:
    return _name(draw).replace("_", " ").title().replace("Mt5", "MT5").replace("Mt4", "MT4")


def _currency(place: int) -> f.Make:
    """Rows of one list have neighbouring currencies, starting at another one per product."""

    def make(draw: Draw) -> Json:
        start = sum(map(ord, draw.parents[0]))
        return words.CURRENCIES[(start + draw.number) % len(words.CURRENCIES)][place]

    return make


TEXT, INTEGER, FLAG = Member(Type.TEXT), Member(Type.INTEGER), Member(Type.FLAG)
LIST, OBJECT = Member(Type.LIST), Member(Type.OBJECT)
PERMISSION_LIST = Member(Type.LIST, choices=words.PERMISSIONS)
_shared = {
    "agreementLink": TEXT, "autoCreateOnLogin": FLAG, "caption": TEXT, "defaultLeverage": INTEGER,
    "defaultAccountPermissions": PERMISSION_LIST, "leverages": LIST, "linkInfo": TEXT, "maxAccounts": INTEGER,
    "requestRequired": FLAG, "permissions": PERMISSION_LIST, "startAmounts": LIST,
}  # fmt: skip
_both = {
    **_shared, "mailTemplate": TEXT, "minDepositAmount": INTEGER, "options": OBJECT,
    "sendMailSetting": Member(choices=SEND_MAIL), "type": Member(choices=TYPES), "resources": LIST,
}  # fmt: skip
_empty = {"autoCreateOnLogin": False, "defaultLeverage": 1, "defaultAccountPermissions": [], "leverages": [],
    "maxAccounts": 1,
          "requestRequired": False, "permissions": [], "startAmounts": [], "priority": 0}  # fmt: skip

ENDPOINTS = (
    Endpoint(
        PRODUCTS,
        {
            "id": f.serial, "name": _name, "caption": _caption, "type": f.one_of(*TYPES),
            "status": _status,
            "groupId": f.row_of(GROUPS), "platformId": f.number(1, len(words.PLATFORMS)), "factory": f.one_of(1, 1,
            100),
            "platformGroup": f.one_of([], ["real\\USD"], ["demo\\forex", "demo\\crypto"]), "agreementLink": f.link,
            "linkInfo": f.link, "mailTemplate": f.always("accountCreated"), "sendMailSetting": f.one_of(*SEND_MAIL),
            "autoCreateOnLogin": f.flag, "requestRequired": f.flag, "defaultLeverage": f.one_of(1, 50, 100, 200),
            "leverages": f.some_of(1, 50, 100, 200, 500), "maxAccounts": f.number(1, 10),
            "minDepositAmount": f.number(0, 500),
            "startAmounts": f.one_of([], [100, 200], [1000.5]), "permissions": f.some_of(*words.PERMISSIONS),
            "defaultAccountPermissions": f.some_of(*words.PERMISSIONS), "options": f.one_of({}, {"server": "live-1",
            "swapFree": True}),
            "priority": f.number(0, 20), "resources": f.resources, "createTime": f.create_time,
        },
        count=24, sorts=("id", "name", "createTime"), default_sort="id",
        filters="platformId groupId type status currencyCode=/currencies/numericCode",
        writes=Writes(
            create={
                "numericCodes": Member(Type.LIST, required=True), "factory": Member(Type.INTEGER, required=True,
                choices=(1, 100)),
                "groupId": Member(Type.INTEGER, required=True, row_of=GROUPS), "name": Member(required=True),
                "platformId": Member(Type.INTEGER, required=True), "platformGroup": LIST, **_both,
            },
            update={**_both, "name": TEXT, "groupId": Member(Type.INTEGER, row_of=GROUPS), "priority": INTEGER,
                    "status": Member(choices=STATUSES)},
            initial={**_empty, "status": "disabled", "type": "personal", "platformGroup": [], "minDepositAmount": 0,
            "options": {},
                     "sendMailSetting": "default", "resources": []},
            verbs=("PUT", "PATCH"),
        ),
    ),
    Endpoint(
        GROUPS,
        {
            "id": f.serial, "caption": f.phrase, "description": f.sentence, "status": f.one_of("enabled", "enabled",
            "disabled"),
            "type": f.always("default"), "priority": f.number(0, 9), "resources": f.resources,
            "createTime": f.create_time,
        },
        count=6, scales=False, sorts=("caption", "priority", "createTime"), filters="status type",
        writes=Writes(
            create={"caption": Member(required=True), "description": Member(required=True),
                    "status": Member(required=True, choices=("disabled", "enabled")), "type": TEXT, "resources": LIST},
            update={"caption": TEXT, "description": TEXT, "status": Member(choices=("disabled", "enabled")),
            "type": TEXT,
                    "priority": INTEGER, "resources": LIST},
            initial={"type": "default", "priority": 0, "resources": []},
            verbs=("PUT", "PATCH"),
        ),
    ),
    Endpoint(
        CURRENCIES,
        {
            "id": f.serial, "numericCode": _currency(0), "alphabeticCode": _currency(1), "factory": f.one_of(1, 1, 100),
            "caption": _currency(1), "platformGroup": f.one_of([], ["eWallet"]), "isEnabled": f.flag,
            "priority": f.number(0, 9),
            "overwriteProductSettings": f.flag, "permissions": f.some_of(*words.PERMISSIONS),
            "defaultAccountPermissions": f.some_of(*words.PERMISSIONS), "defaultLeverage": f.one_of(1, 100),
            "leverages": f.some_of(1, 100, 500), "maxAccounts": f.number(1, 5), "startAmounts": f.one_of([],
            ["100.00", "150.00"]),
            "minDepositAmount": f.decimal(0, 500), "requestRequired": f.flag, "autoCreateOnLogin": f.flag,
            "agreementLink": f.link, "linkInfo": f.link, "createTime": f.create_time,
        },
        count=4, filters="alphabeticCode isEnabled", still=("numericCode", "alphabeticCode"),
        writes=Writes(
            create={"numericCode": Member(Type.INTEGER, required=True, row_of="/api/v2/currencies"),
                    "factory": Member(Type.INTEGER, required=True, choices=(1, 100)), "caption": TEXT,
                    "platformGroup": LIST},
            update={**_shared, "isEnabled": FLAG, "priority": INTEGER, "overwriteProductSettings": FLAG,
            "minDepositAmount": TEXT},
            initial={**_empty, "isEnabled": True, "overwriteProductSettings": False, "minDepositAmount": "0.00",
            "platformGroup": []},
            verbs=("PUT", "PATCH"),
        ),
    ),
    Endpoint(
        PRODUCTS + "/{productId}/preferences",
        {"id": f.serial, "title": f.phrase, "value": f.sentence, "resources": f.resources, "createTime": f.create_time},
        count=2, filters="title",
        writes=Writes(
            create={"title": Member(required=True), "value": Member(required=True), "resources": LIST},
            update={"title": TEXT, "value": TEXT, "resources": LIST},
            initial={"resources": []},
        ),
    ),
    Endpoint(
        PRODUCTS + "/{productId}/restrictions",
        {"id": f.serial, "name": f.one_of(*RESTRICTIONS), "isEnabled": f.flag, "type": f.one_of("allow", "deny"),
         "ids": f.list_of(f.row_of("/api/v2/countries"), 4)},
        count=2, sorts=(), filters="name",
        writes=Writes(
            create={"name": Member(required=True, choices=RESTRICTIONS), "isEnabled": Member(Type.FLAG, required=True),
                    "type": Member(required=True, choices=("allow", "deny")), "ids": LIST},
            update={"isEnabled": FLAG, "type": Member(choices=("allow", "deny")), "ids": LIST},
            initial={"ids": []},
            verbs=("PUT", "PATCH"),
        ),
    ),
    Endpoint(
        PRODUCTS + "/permissions",
        {"id": f.serial, "name": f.slug, "caption": f.phrase, "permissions": f.some_of(*words.PERMISSIONS),
        "createTime": f.create_time},
        count=5, filters="name",
    ),
)  # fmt: skip
