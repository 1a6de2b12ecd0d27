"""Clients of a scripted server, with a clock that stands still; used by the tests of upstream."""

from __future__ import annotations

import random
import ssl
from collections.abc import Mapping
from typing import Any

from tests.made_up_time import MadeUpTime
from upstream import auth, catalogue
from upstream.auth import AuthSettings, LocalTokenStore
from upstream.catalogue import Catalogue
from upstream.client import SourceClient
from upstream.limit_store import LocalLimitStore
from upstream.throttle import Budget

CATALOGUE = catalogue.parse(
    """
    [source]
    sorting = { by = "sort_by", order = "sort_order" }
    sign_in_limit = "4/1m"

    [source.sign_in]
    path = "/signin"
    body = { email = "{email}", password = "{password}" }
    token = "/accessToken/token"
    expires = "/accessToken/expiresAt"
    refresh = { path = "/refresh", token = "/refreshToken/token", body = { refreshToken = "{refresh_token}" } }

    [resources.things]
    path = "/things"
    item_path = "/things/{key}"
    sort = "id"
    created = "createTime"
    secrets = ["/options/*"]

    [resources.parts]
    path = "/things/{parent}/parts"
    item_path = "/things/{things}/parts/{key}"
    parent = "things"
    key = ["partId", "id"]
    params = { "filter[type]" = "a b" }

    [resources.names]
    path = "/names"
    key = "$"
    paged = false

    [resources.settings]
    path = "/things/{parent}/settings"
    parent = "things"
    shape = "object"
    paged = false
    """,
    name="shop",
    origin="tests",
)
THINGS, PARTS, NAMES, SETTINGS = (CATALOGUE.resources[name] for name in ("things", "parts", "names", "settings"))

#: Made once: reading all authorities takes longer than most of these tests.
_TRUST = ssl.create_default_context()

SIGN_IN = {"email": "mirror@example.com", "password": "hunter2"}


def client_of(
    base_url: str,
    *,
    time: MadeUpTime | None = None,
    method: str = "none",
    values: Mapping[str, str] | None = None,
    store: LocalTokenStore | None = None,
    **more: Any,
) -> SourceClient:
    time = time or MadeUpTime()
    budget = Budget(
        "shop",
        LocalLimitStore(clock=time.clock),
        requests_per_second=1000,
        concurrency=8,
        clock=time.clock,
        sleep=time.sleep,
        rng=random.Random(1),
    )
    return client_with(base_url, budget, method=method, values=values, store=store, **more)


def client_with(
    base_url: str,
    budget: Budget,
    *,
    method: str = "none",
    values: Mapping[str, str] | None = None,
    store: LocalTokenStore | None = None,
    of: Catalogue = CATALOGUE,
    **more: Any,
) -> SourceClient:
    built = auth.build(
        AuthSettings(method, values or {}),
        source="shop",
        base_url=base_url,
        sign_in=of.sign_in,
        store=store or LocalTokenStore(),
        budget=budget,
    )
    more.setdefault("timeout_seconds", 5)
    more.setdefault("verify", _TRUST)
    return SourceClient("shop", of, base_url=base_url, auth=built, budget=budget, **more)
