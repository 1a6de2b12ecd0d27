"""Settings -> services: the only place that wires; called once per process, after a fork, by commands and workers.

Nothing is opened before the first use: engines and connections are made by those who hold them.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING

from changes import sealing
from storage.engine import Database, KeptDatabase
from worker import catalogue_fit
from worker.problems import SettingsError
from worker.settings import Settings
from worker.source_tables import Source

if TYPE_CHECKING:
    from changes.resources import Resource
    from changes.routes import Route
    from tasks.services import DeliveryPolicy, Services, Wake
    from tasks.source_slots import SourceSlots
    from upstream.catalogue import Catalogue

Catalogues = Mapping[str, "Catalogue"]

_lent: ContextVar[KeptDatabase | None] = ContextVar("lent", default=None)


def load_catalogues(settings: Settings) -> dict[str, Catalogue]:
    """Each source's catalogue, by the source's name; what the settings say of it is compared with it."""
    from upstream import catalogue

    catalogues: dict[str, Catalogue] = {}
    known: dict[tuple[str, int | None], Catalogue] = {}
    for name, source in settings.sources.items():
        # Sources that read one file alike share what it says: there may be hundreds of them.
        wanted = source.catalogue, source.limits.own_page_size
        try:
            if wanted not in known:
                known[wanted] = _with_page_sizes(catalogue.load(source.catalogue, base=settings.folder), source)
        except catalogue.CatalogueError as error:
            if error.file != source.catalogue:
                raise
            problem = f'"{source.catalogue}": {error.problem}'  # a name, no file: it stands in ours
            raise SettingsError(str(settings.file), f"sources.{name}.catalogue", problem, error.hint) from None
        catalogues[name] = known[wanted]
        catalogue_fit.check_schedule(settings, name, source, catalogues[name])
        catalogue_fit.check_sign_in(settings, name, source, catalogues[name])
    return catalogues


def _with_page_sizes(catalogue: Catalogue, source: Source) -> Catalogue:
    """A catalogue knows what its API answers well; what the user has written of it is the most that is asked for."""
    if source.limits.own_page_size is None:
        return catalogue
    bounded = {
        name: replace(each, page_size=source.limits.page_size_of(each.page_size))
        for name, each in catalogue.resources.items()
    }
    return replace(catalogue, resources=bounded)


def open_vault(settings: Settings) -> sealing.Vault:
    """With the key that the settings point to; SettingsError where it is none."""
    secret = settings.storage.seal_key
    try:
        return sealing.Vault(sealing.read_key(secret.reveal()))
    except ValueError as error:
        raise SettingsError(secret.file, secret.field, str(error)) from None


def open_database(settings: Settings, *, catalogues: Catalogues | None = None, prepare: bool = True) -> Database:
    """For writing: migrated and with a table for each resource, unless `prepare` is off.

    `SealKeyDiffers` before anything is written where the seal key is another than the database's.
    """
    database = Database(settings.storage.url)
    try:
        check_value = seal_key_check(settings)
        is_known = check_value is None or _compare_seal_key(settings, database, check_value)
        if prepare:
            from storage import prepare as preparing
            from tasks.mirror_checks import rules

            found = load_catalogues(settings) if catalogues is None else catalogues
            resources = {name: list(each.resources.values()) for name, each in found.items()}
            stamps = rules.stamps(lambda value: open_vault(settings).seal(value))  # the key is read where it is needed
            preparing.prepare(database, resources, stamps=stamps)
            if not is_known and check_value is not None:
                _note_seal_key(settings, database, check_value)
    except BaseException:
        database.dispose()
        raise
    return database


def open_reading(settings: Settings, *, catalogues: Catalogues | None = None) -> Database:
    """For reading alone, by whoever may: nothing is made, brought up or written.

    With `catalogues` their tables must be there. `DatabaseEmpty` where there is no database yet, `DatabaseOlder` where
    it was not brought up to this program, `SealKeyDiffers` as above.
    """
    from storage import prepare as preparing

    database = _lent.get() or Database(settings.storage.url, only_reads=True)
    try:
        preparing.check_readable(database, _resources(catalogues or {}))
        check_value = seal_key_check(settings)
        if check_value is not None:
            _compare_seal_key(settings, database, check_value)
    except BaseException:
        database.dispose()
        raise
    return database


@contextmanager
def reading_from(database: KeptDatabase) -> Iterator[None]:
    """Meanwhile `open_reading` lends this one, for who reads again and again: a new one has to learn each statement."""
    token = _lent.set(database)
    try:
        yield
    finally:
        _lent.reset(token)


def accept_seal_key(settings: Settings) -> None:
    """The key that the settings point to is the database's from now on, whichever it was before."""
    from storage import installation

    open_vault(settings)  # SettingsError where it is no key at all
    database = Database(settings.storage.url)
    try:
        with database.write() as session:
            installation.note_seal_key(session, seal_key_check(settings) or "", replaces=True)
    finally:
        database.dispose()


def seal_key_check(settings: Settings) -> str | None:
    """None where there is no key to be had: what needs it says so, and a reader need not be let near it."""
    try:
        return sealing.check_value(sealing.read_key(settings.storage.seal_key.reveal()))
    except (SettingsError, ValueError):
        return None


def _compare_seal_key(settings: Settings, database: Database, check_value: str) -> bool:
    from storage import installation

    place = settings.storage.seal_key.reference
    cure = (
        f"put the former key back ({place}); to go on with this one, stop everything and run "
        "`mirrorpoint check --accept-seal-key`"
    )
    return installation.compare_seal_key(database, check_value, cure=cure)


def _note_seal_key(settings: Settings, database: Database, check_value: str) -> None:
    from storage import installation

    with database.write() as session:
        installation.note_seal_key(session, check_value)
    _compare_seal_key(settings, database, check_value)  # another process may have been first, with another key


def _resources(catalogues: Catalogues) -> list[Resource]:
    return [resource for each in catalogues.values() for resource in each.resources.values()]


def build(
    settings: Settings,
    *,
    prepare: bool = True,
    wake: Wake | None = None,
    queued: Callable[[str], int | None] | None = None,
    stopping: threading.Event | None = None,
    slots: SourceSlots | None = None,
    only_sources: Iterable[str] | None = None,
    with_points: bool = True,
) -> Services:
    """Everything that a step needs. Secrets of sources and points that are left out are not asked for."""
    from tasks import services, source_slots
    from worker import record_policy, sources

    stopping = stopping if stopping is not None else threading.Event()
    catalogues, vault = load_catalogues(settings), open_vault(settings)
    database = open_database(settings, catalogues=catalogues, prepare=prepare)
    if prepare and with_points:
        write_points(settings, database, vault)
    wanted = settings.sources if only_sources is None else frozenset(only_sources)
    return services.Services(
        database=database,
        sources={
            name: sources.build(settings, name, catalogues[name], database=database, vault=vault, stopping=stopping)
            for name in settings.sources
            if name in wanted
        },
        vault=vault,
        routes=routes(settings),
        delivery=delivery_policy(settings),
        record=record_policy.of(settings),
        wake=services.no_wake if wake is None else wake,
        queued=services.none_queued if queued is None else queued,
        source_slots=source_slots.SourceSlots() if slots is None else slots,
        rng=random.Random(),  # noqa: S311  # jitter
        stopping=stopping,
    )


def routes(settings: Settings) -> tuple[Route, ...]:
    """The routes of the configuration."""
    from changes.routes import Route

    return tuple(
        Route(points=each.points, types=each.types, resources=each.resources, kinds=each.kinds, fields=each.fields)
        for each in settings.routes
    )


def write_points(settings: Settings, database: Database, vault: sealing.Vault) -> None:
    """Bring the points of the configuration into the database, where routes and deliveries look for them."""
    from storage import point_tokens, points
    from tasks.services import utc_now
    from worker import point_options

    if has_points(settings, database, vault):
        return
    configured = point_options.configured(settings)
    with database.write() as session:
        points.sync_configured(session, configured, vault=vault, now=utc_now())
        for point in configured:
            sealed = point.sealed_token(vault)
            other = None if sealed is None else point_tokens.taken_by(session, sealed, but={point.code})
            if other is not None:
                problem, hint = f"the point {other} has it already", "give each point its own"
                raise SettingsError(str(settings.file), f"points[{point.code}].token_local", problem, hint)


def has_points(settings: Settings, database: Database, vault: sealing.Vault) -> bool:
    """Whether the database has the points of the configuration as they stand there; only reads."""
    from storage import points
    from worker import point_options

    with database.read() as session:
        return points.is_as_configured(session, point_options.configured(settings), vault=vault)


def delivery_policy(settings: Settings) -> DeliveryPolicy:
    """How events are sent."""
    from tasks.services import DeliveryPolicy
    from worker import point_options

    delivery = settings.delivery
    return DeliveryPolicy(
        timeout_seconds=delivery.timeout,
        retries_seconds=delivery.retries,
        concurrency=delivery.concurrency,
        secret=point_options.signing_secret(delivery.secret),
        allow_networks=delivery.allow_networks,
        final=frozenset(delivery.final),
        proxy=delivery.proxy.reveal().strip() if delivery.proxy is not None else None,
    )
