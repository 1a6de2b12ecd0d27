"""One resource's trouble never stops the others, loses nothing and invents nothing; afterwards all is as it was."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.services import Services
from tests import mirrored_world as world_tests
from tests.mirrored_world import World, kinds, last_seq, log, scan_all
from worker.commands.sync import foreground, jobs, outcome

PASSING: dict[str, dict[str, Any]] = {
    "tags": {"kind": "status", "status": 429, "retry_after": 1, "count": 1},
    "phones": {"kind": "status", "status": 503, "retry_after": 1, "form": "date", "count": 1},
    "users": {"kind": "cut_connection", "count": 1},
    "countries": {"kind": "cut_json", "count": 1},
    "currencies": {"kind": "content_type", "value": "text/plain"},
    "client_types": {"kind": "html", "count": 1},
    "managers": {"kind": "expire_tokens", "refresh": True, "count": 1},
    "banners": {"kind": "slow_body", "seconds": 1},
    "widgets": {"kind": "status", "status": 429, "retry_after": "-17", "count": 1},
    "resolutions": {"kind": "status", "status": 503, "retry_after": "soon", "count": 1},
}
LASTING: dict[str, dict[str, Any]] = {
    "products": {"kind": "status", "status": 500},
    "product_groups": {"kind": "html"},
    "connections": {"kind": "cut_json"},
    "sms_providers": {"kind": "redirect", "to": "http://localhost:1/elsewhere"},
    "confirmation_templates": {"kind": "gzip_bomb", "megabytes": 80},
    "subscriptions": {"kind": "huge", "megabytes": 70},
    "paid_services": {"kind": "status", "status": 403},
    "parameter_presets": {"kind": "status", "status": 404},
    "storages": {"kind": "cut_connection"},
}


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_source_in_all_kinds_of_trouble(services: Services, world: World) -> None:
    scan_all(services)
    seq = last_seq(services)
    resources = services.sources["backoffice"].catalogue.resources
    for name, fault in {**PASSING, **LASTING}.items():
        world.fault(path=resources[name].path, **fault)

    plan = jobs.plan(services, [], source_name="backoffice", with_off=False)
    ends = foreground.Scans(services, waits=True).work_off(plan.jobs)

    rows = outcome.scan_rows(services, ends)
    states = {row["resource"]: row["state"] for row in rows}
    reasons = {row["resource"]: row["reason"] for row in rows}
    children = {name for name in states if set(resources[name].ancestors) & set(LASTING)}
    whole = states.keys() - LASTING.keys() - children
    assert {"complete"} == {states[name] for name in whole}, {name: reasons[name] for name in whole if reasons[name]}
    assert {"failed"} == {states[name] for name in LASTING}
    assert all(reasons[name] for name in LASTING)
    assert outcome.exit_code(ends, rows) == 3
    assert seq == last_seq(services)

    world.no_faults()
    scan_all(services)

    assert {} == kinds(log(services, after=seq))
    world_tests.assert_equal(services, world)
