"""Accounts, currencies, deposits, withdrawals and transactions; read by `sandbox.endpoints`."""

from __future__ import annotations

from sandbox import fields as f
from sandbox import words
from sandbox.endpoints.endpoint import Endpoint
from sandbox.endpoints.products import TYPES
from sandbox.fields import Draw, Json

client = f.row_of("/api/v2/clients")
_currencies = [
    {"alphabeticCode": code, "minorUnit": unit, "name": name, "numericCode": number}
    for number, code, name, unit in words.CURRENCIES
]
code = f.one_of(*(currency["alphabeticCode"] for currency in _currencies))


def _statement(draw: Draw) -> Json:
    amount = f.decimal(0, 50_000)
    return {"availableBalance": amount(draw), "currentBalance": amount(draw), "credit": None, "equity": amount(draw),
            "freeMargin": None, "hold": "0.00", "margin": None, "marginLevel": None, "pnl": None,
            "updateTime": f.later_time(draw)}  # fmt: skip


def _named(make: f.Make, names: tuple[str, ...]) -> f.Make:
    def pair(draw: Draw) -> Json:
        number = make(draw)
        return {"id": number, "name": names[(number - 1) % len(names)]}

    return pair


ENDPOINTS = (
    Endpoint(
        "/api/v2/accounts",
        {
            "accountId": f.serial, "accountNumber": f.numbered("1000{:06}"), "clientId": client, "caption": f.phrase,
            "name": f.slug, "currency": f.one_of(*_currencies),
            "group": f.maybe(_named(f.number(1, 3), ("Wallets", "Trading", "Demo"))),
            "permissions": f.some_of(*words.PERMISSIONS),
            "platform": _named(f.number(1, len(words.PLATFORMS)), words.PLATFORMS),
            "product": _named(f.row_of("/api/v2/products"), words.PRODUCT_NAMES), "statement": _statement,
            "type": f.one_of(*TYPES, "bo", "iisbo"), "archiveTime": f.maybe(f.later_time, 0.1),
            "createTime": f.create_time,
        },
        key="accountId", count=60, filters="clientId platformId=platform.id productId=product.id", still=("statement",),
    ),
    Endpoint(
        "/api/v2/currencies",
        {
            "numericCode": f.by_number([row["numericCode"] for row in _currencies]),
            "alphabeticCode": f.by_number([row["alphabeticCode"] for row in _currencies]),
            "name": f.by_number([row["name"] for row in _currencies]),
            "minorUnit": f.by_number([row["minorUnit"] for row in _currencies]), "enabled": f.flag,
            "createTime": f.create_time,
        },
        key="numericCode", count=len(_currencies), scales=False, filters="alphabeticCode numericCode enabled",
    ),
    Endpoint(
        "/api/v2/currencies/{currencyId}/aliases",
        {"id": f.serial, "alias": f.slug, "platformId": f.number(1, 6)},
        count=1, sorts=(),
    ),
    Endpoint(
        "/api/v2/currencies/pairs",
        {
            "id": f.serial, "fromCurrency": code, "toCurrency": code, "isEnabled": f.flag, "isEnabledForAdmin": f.flag,
            "isHedgingEnabled": f.flag, "maxAmountFrom": f.decimal(1000, 9999), "maxAmountTo": f.decimal(1000, 9999),
            "stepFrom": f.decimal(0, 1, 4), "stepTo": f.decimal(0, 1, 4), "createTime": f.create_time,
        },
        count=20,
        filters="fromCurrency toCurrency isEnabled isEnabledForAdmin isHedgingEnabled maxAmountFrom maxAmountTo "
        "stepFrom stepTo",
    ),
    Endpoint(
        "/api/v2/rates/providers",
        {
            "id": f.serial, "name": f.numbered("rates_{}"), "caption": f.phrase, "priority": f.number(0, 9),
            "isEnabled": f.flag,
        },
        count=4, sorts=(), scales=False,
    ),
    Endpoint(
        "/api/v2/bonuses",
        {
            "id": f.serial, "account": f.numbered("1000{:06}"), "clientId": client, "clientEmail": f.email,
            "clientName": f.full_name, "state": f.one_of("active", "held", "revoked", "expired"),
            "amount": f.decimal(10, 500), "createTime": f.create_time, "expireTime": f.later_time,
        },
        count=15, filters="state account clientEmail clientId clientName",
    ),
    Endpoint(
        "/api/v2/bonuses/presets",
        {
            "id": f.serial, "caption": f.phrase, "percent": f.number(5, 100), "isEnabled": f.flag,
            "createTime": f.create_time,
        },
        count=5,
    ),
    Endpoint(
        "/api/v2/bonuses/temporary",
        {
            "id": f.serial, "clientId": client, "presetId": f.row_of("/api/v2/bonuses/presets"),
            "amount": f.decimal(10, 500), "createTime": f.create_time,
        },
        count=8,
    ),
    Endpoint(
        "/api/v2/withdrawals/patterns",
        {"id": f.serial, "clientId": client, "name": f.phrase, "methodId": f.number(1, 8), "createTime": f.create_time},
        count=10, sorts=("createTime", "name"),
        filters="clientId name fromCreateTime>=createTime toCreateTime<=createTime",
    ),
    Endpoint(
        "/api/v2/withdrawals/policies",
        {
            "id": f.serial, "clientId": client, "walletAddress": f.hexadecimal(40), "currencyCode": code,
            "isEnabled": f.flag, "createTime": f.create_time,
        },
        count=10, sorts=("walletAddress",), filters="clientId walletAddress currencyCode isEnabled",
    ),
    Endpoint(
        "/api/v2/transactions",
        {
            "id": f.serial, "accountId": f.row_of("/api/v2/accounts"), "creditAccountNumber": f.numbered("1000{:06}"),
            "debitAccountNumber": f.maybe(f.numbered("1001{:06}")), "amount": f.decimal(1, 9000), "currencyCode": code,
            "type": f.one_of("deposit", "withdrawal", "transfer"),
            "status": f.one_of("done", "done", "failed", "pending", "new"), "createTime": f.create_time,
            "updateTime": f.maybe(f.later_time),
        },
        count=80, sorts=("createTime", "creditAmount", "debitAmount"),
        filters="accountId creditAccountNumber debitAccountNumber status type", hidden=("status", "new"),
    ),
    Endpoint(
        "/api/v2/transactions/types",
        {
            "id": f.serial, "name": f.by_number(("deposit", "withdrawal", "transfer", "exchange", "bonus")),
            "caption": f.phrase, "isVisible": f.flag,
        },
        count=5, sorts=(), scales=False,
    ),
    Endpoint(
        "/api/v2/monitoring/transactions",
        {
            "id": f.serial, "transactionId": f.row_of("/api/v2/transactions"), "score": f.number(0, 100),
            "provider": f.one_of("Crystal", "Chainalysis"), "createTime": f.create_time,
        },
        count=12,
    ),
)  # fmt: skip
