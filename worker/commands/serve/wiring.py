"""Settings -> what the web needs; called by serving.py, and by tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from storage.engine import Database, KeptDatabase
from tasks.log_lines import Logger

if TYPE_CHECKING:
    from web.access import Token
    from web.services import Web
    from worker.settings import Settings


log = Logger("mirrorpoint.serve")

#: Fewer characters could be guessed.
_SHORTEST = 12


class Links:
    """Logs the link that signs in once; `url` is known when the address is."""

    def __init__(self) -> None:
        self.url = ""
        self.last = ""

    def tell(self, code: str) -> None:
        self.last = f"{self.url}/login?code={code}"
        log.info("open_page", link=self.last)


def web(settings: Settings, host: str, *, links: Links) -> Web:
    """Nothing is opened yet: the database may be away when the page is asked for, and come back."""
    from ipaddress import ip_network

    from web import hosts, one_time, services
    from worker import bootstrap, planned, record_policy, version
    from worker.commands import times
    from worker.commands.serve import acts, documents

    catalogues, vault, known = bootstrap.load_catalogues(settings), bootstrap.open_vault(settings), tokens(settings)
    reading = KeptDatabase(settings.storage.url, only_reads=True)
    return services.Web(
        reading=reading,
        writing=Database(settings.storage.url),
        vault=vault,
        routes=bootstrap.routes(settings),
        resources={name: dict(catalogue.resources) for name, catalogue in catalogues.items()},
        document=documents.Documents(settings, reading),
        act=acts.Acts(settings),
        hosts=hosts.Hosts(
            host,
            public_url=settings.serve.public_url,
            trusted_proxies=tuple(ip_network(each) for each in settings.serve.trusted_proxies),
        ),
        now=times.now,
        version=version.version(),
        plans=lambda session: planned.read(session, settings, catalogues, now=times.now()),
        limits={
            name: services.Limits(source.limits.requests_per_second, source.limits.concurrency)
            for name, source in settings.sources.items()
        },
        keep=tuple(dict.fromkeys(record_policy.kept_at(settings))),
        keep_every_seconds=float(settings.record.keep_every),
        tokens=known,
        cookie_key=vault.cookie_key,
        allow_networks=settings.delivery.allow_networks,
        configuration=str(settings.file),
        codes=None if known else one_time.OneTimeCodes(links.tell, time.monotonic),
    )


def tokens(settings: Settings) -> tuple[Token, ...]:
    """SettingsError where one is empty, or where two are the same."""
    from web.access import Role, Token
    from worker.problems import SettingsError

    found: dict[str, Token] = {}
    for each in settings.serve.tokens:
        text = each.token.reveal().strip()
        if len(text) < _SHORTEST:
            hint = 'for example `python3 -c "import secrets; print(secrets.token_urlsafe(32))"`'
            raise SettingsError(each.token.file, each.token.field, f"is shorter than {_SHORTEST} characters", hint)
        if text in found:
            raise SettingsError(
                each.token.file, each.token.field, f"is the same as that of {found[text].name}", "give each its own"
            )
        found[text] = Token(each.name, text, Role[each.role.upper()])
    return tuple(found.values())
