"""Methods of depositing and withdrawing, with all that belongs to them; read by `sandbox.endpoints`."""

from __future__ import annotations

from sandbox import fields as f
from sandbox import words
from sandbox.endpoints.endpoint import Endpoint

code = f.one_of(*(currency[1] for currency in words.CURRENCIES))


def _methods(root: str, word: str) -> tuple[Endpoint, ...]:
    """Deposits and withdrawals have the same lists."""
    method = root + "/methods/{methodId}"
    return (
        Endpoint(
            root + "/groups",
            {
                "id": f.serial, "caption": f.phrase, "status": f.one_of("enabled", "disabled"),
                "priority": f.number(0, 9), "createTime": f.create_time,
            },
            count=4, scales=False,
        ),
        Endpoint(
            root + "/methods",
            {
                "id": f.serial, "name": f.numbered(word + "_method_{}"), "caption": f.phrase,
                "groupId": f.row_of(root + "/groups"), "isEnabled": f.flag, "priority": f.number(0, 9),
                "resources": f.resources, "createTime": f.create_time,
            },
            count=8, scales=False,
        ),
        Endpoint(
            method + "/commissions",
            {
                "id": f.serial, "currencyCode": code, "type": f.one_of("fixed", "percent"), "value": f.decimal(0, 5),
                "min": f.decimal(0, 1), "max": f.maybe(f.decimal(5, 99)), "createTime": f.create_time,
            },
            count=2,
        ),
        Endpoint(
            method + "/currencies",
            {
                "id": f.serial, "numericCode": f.by_number([currency[0] for currency in words.CURRENCIES]),
                "isEnabled": f.flag, "minAmount": f.decimal(1, 50), "maxAmount": f.decimal(100, 9999),
                "createTime": f.create_time,
            },
            count=3,
        ),
        Endpoint(
            method + "/attributes",
            {"id": f.serial, "name": f.slug, "caption": f.phrase, "value": f.phrase},
            count=2,
        ),
        Endpoint(
            method + "/restrictions",
            {
                "id": f.serial, "name": f.one_of("country", "client_type"), "isEnabled": f.flag,
                "type": f.one_of("allow", "deny"), "ids": f.list_of(f.number(1, 20), 3),
            },
            count=2, sorts=(),
        ),
    )  # fmt: skip


ENDPOINTS = (*_methods("/api/v2/deposits", "deposit"), *_methods("/api/v2/withdrawals", "withdrawal"))
