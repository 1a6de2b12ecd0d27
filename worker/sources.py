"""Settings of a source -> the source: its client, budget and credentials; called by bootstrap.py."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from changes import sealing
from storage.engine import Database
from worker.problems import SettingsError
from worker.secret import Secret
from worker.settings import Settings
from worker.source_tables import Source as SourceSettings

if TYPE_CHECKING:
    from tasks.services import Source
    from upstream.auth import AuthSettings
    from upstream.catalogue import Catalogue


def build(
    settings: Settings,
    name: str,
    catalogue: Catalogue,
    *,
    database: Database,
    vault: sealing.Vault,
    stopping: threading.Event,
) -> Source:
    """All that the steps need of one source; SettingsError where its credentials are none."""
    from tasks import services, shared_limits
    from upstream import auth
    from upstream.client import SourceClient
    from upstream.throttle import Budget

    source = settings.sources[name]
    budget = Budget(
        name,
        shared_limits.DatabaseLimitStore(database, now=services.utc_now),
        requests_per_second=source.limits.requests_per_second,
        concurrency=source.limits.concurrency,
        lease_seconds=max(60.0, 2.5 * source.timeout),
        stopping=stopping,
    )
    try:
        proof = auth.build(
            _auth_settings(source),
            source=name,
            base_url=source.base_url,
            sign_in=catalogue.sign_in,
            store=shared_limits.DatabaseTokenStore(database, vault, wait=budget.wait, now=services.utc_now),
            budget=budget,
        )
    except ValueError as error:
        raise SettingsError(str(settings.file), f"sources.{name}.auth", str(error)) from None
    texts = _sent_texts(settings, catalogue)
    client = SourceClient(
        name,
        catalogue,
        base_url=source.base_url,
        auth=proof,
        budget=budget,
        language=source.language,
        timeout_seconds=source.timeout,
        stopping=stopping,
        texts=texts,
    )
    return services.Source(
        name=name,
        catalogue=catalogue,
        client=client,
        budget=budget,
        page_size=source.limits.page_size,
        schedule=source.schedule,
        plan_budget=source.plan_budget,
        base_url=source.base_url,
    )


def _sent_texts(settings: Settings, catalogue: Catalogue) -> dict[str, str]:
    """What the headers and parameters are that the catalogue only says the place of: a file's beside the catalogue."""
    from upstream import sent_texts

    texts: dict[str, str] = {}
    for reference, place in catalogue.references():
        if reference not in texts:
            texts[reference] = settings.secret(reference, file=catalogue.origin, field=place).reveal()
        if ".headers." in place:
            texts[reference] = texts[reference].strip()  # the outer spaces of a header's value are no part of it
            if not sent_texts.is_carried(texts[reference]):
                raise SettingsError(catalogue.origin, place, "the value holds characters that no header can carry")
    return texts


def _auth_settings(source: SourceSettings) -> AuthSettings:
    from upstream.auth import AuthSettings

    members = {**dict(source.auth), **(source.auth.__pydantic_extra__ or {})}
    values = {
        name: value.reveal() if isinstance(value, Secret) else str(value)
        for name, value in members.items()
        if name != "method" and value is not None
    }
    return AuthSettings(source.auth.method, values)
