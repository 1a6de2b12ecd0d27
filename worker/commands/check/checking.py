"""What `check` does: goes through everything that a run needs, and tells all that is wrong at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from storage.states import PointState
from worker import output
from worker.commands import former_rows
from worker.commands.check import (
    changed_catalogues,
    check_report,
    config_warnings,
    connectivity,
    heads,
    machine,
    source_plan,
)
from worker.commands.check.check_report import Report
from worker.commands.status import remarks
from worker.problems import SettingsError

if TYPE_CHECKING:
    from changes.resources import Resource
    from tasks.services import Services
    from upstream.catalogue import Catalogue
    from upstream.errors import UpstreamError
    from worker.commands.calling import Call
    from worker.commands.check.probing import Probed
    from worker.settings import Settings


def check(call: Call, *, wants_json: bool) -> int:
    """Settings that cannot be read at all raise; everything else is collected."""
    from worker import bootstrap

    settings = call.settings()
    catalogues = bootstrap.load_catalogues(settings)
    report = Report()
    unresolved = _secrets(settings, report)
    machine.look(settings, report)
    heads.advise(settings, report)
    if {"storage.seal_key", "delivery.secret"} & set(unresolved):
        report.not_checked.append("database, sources and points, since a secret that all need is missing")
    else:  # without these nothing can be built
        try:
            _ask(call, settings, catalogues, report, unresolved, is_quiet=wants_json)
        except KeyboardInterrupt:
            output.note("stopped: not everything was checked; the next `mirrorpoint check` begins anew")
            raise
    if not settings.sources:
        report.add("sources", "configuration", "there is nothing to mirror", "add [sources.NAME]", exit_code=2)
    check_report.tell(settings, report, wants_json=wants_json)
    return report.exit_code()


def _ask(
    call: Call,
    settings: Settings,
    catalogues: Mapping[str, Catalogue],
    report: Report,
    unresolved: Sequence[str],
    *,
    is_quiet: bool,
) -> None:
    """Database, sources and points."""
    from storage import budgets

    silent = [name for name in settings.sources if any(each.startswith(f"sources.{name}.") for each in unresolved)]
    report.not_checked += [f"source {name}, since a secret of it is missing" for name in silent]
    services = call.services(
        settings,
        only_sources=[name for name in settings.sources if name not in silent],
        with_points=not any(each.startswith("points[") for each in unresolved),
    )
    try:
        machine.database(report, services.database)
        with services.database.write() as session:  # a kept token would hide that the password is wrong
            for name in services.sources:
                budgets.forget_credentials(session, name)
        _look(settings, catalogues, services, report, is_quiet=is_quiet)
    finally:
        services.stopping.set()
        for source in services.sources.values():
            source.client.close()
        services.database.dispose()


def _secrets(settings: Settings, report: Report) -> list[str]:
    """The fields whose secrets are not to be had, and those of points that cannot work."""
    from worker import bootstrap, point_options

    fields = []
    for secret in settings.secrets():
        try:
            if secret.field == "storage.seal_key":
                bootstrap.open_vault(settings)
            elif secret.field.endswith(".secret") and ".headers." not in secret.field:
                point_options.signing_secret(secret)
            else:
                secret.reveal()
        except SettingsError as error:
            fields.append(secret.field)
            report.add(secret.field, error.code, error.problem, error.hint, exit_code=error.exit_code)
    if not any(field.startswith("points[") for field in fields):
        try:
            point_options.configured(settings)
        except SettingsError as error:
            fields.append(error.field)
            report.add(error.field, error.code, error.problem, error.hint, exit_code=error.exit_code)
    return fields


def _look(
    settings: Settings, catalogues: Mapping[str, Catalogue], services: Services, report: Report, *, is_quiet: bool
) -> None:
    """Ask the sources and the points, and reckon what the answers mean for the plan."""
    from changes import schedules
    from storage import points, reports
    from worker.commands.check import probing

    named = [(name, each) for name, catalogue in catalogues.items() for each in catalogue.resources.values()]
    with services.database.read() as session:
        known_points = points.list_all(session)
        mirrored = reports.row_counts(session, named)
        resting = remarks.read_rests(session, now=services.now())
        report.warnings += [
            config_warnings.Warned(f"{each.source}:{each.name}", *former_rows.remark(each))
            for each in former_rows.of(session, catalogues)
        ]
    changed_catalogues.judge(report, settings, services, named, mirrored)
    wanted: dict[str, list[Resource]] = {
        name: [
            resource
            for resource in source.catalogue.resources.values()
            if schedules.resolve(resource, source.schedule).strip() != "off"
        ]
        for name, source in services.sources.items()
    }
    with output.progress(is_shown=not is_quiet) as progress:
        for name, resources in wanted.items():
            bar = None if progress is None else progress.add_task(name, total=len(resources))
            if not is_quiet:
                what = "1 resource" if len(resources) == 1 else f"{len(resources):,} resources"
                output.step(f"asking {name} for a few rows of {what}")

            def advance(bar: Any = bar) -> None:
                if progress is not None and bar is not None:
                    progress.advance(bar)

            probed = probing.probe(services.sources[name], resources, on_probe=advance)
            _judge(report, settings, name, resources, probed)
            if probed.stopped_by is None:
                with services.database.read() as session:
                    source_plan.tell(
                        report,
                        session,
                        settings,
                        name,
                        catalogues[name],
                        resources,
                        probed,
                        mirrored,
                        now=services.now(),
                    )
        _tell_not_checked(report, services, wanted, has_points=bool(known_points))
        receiving = [point for point in known_points if point.state == PointState.ACTIVE]
        reached = [point for point in receiving if point.url]
        if progress is not None and reached:
            progress.add_task("points", total=len(reached))
        connectivity.points(settings, report, reached)
        if progress is not None and settings.record.keep:
            progress.add_task("places where heads are kept", total=len(settings.record.keep))
        heads.look(settings, report, services)
    _rests(report, wanted, resting)
    signed = {point.code: point.secret is not None or not point.url for point in receiving}
    types = {point.code: point.type for point in receiving}
    report.warnings += config_warnings.warnings(settings, catalogues, signed_points=signed, types=types)


def _tell_not_checked(
    report: Report, services: Services, wanted: Mapping[str, list[Resource]], *, has_points: bool
) -> None:
    for told in report.sources:
        name = told["source"]
        off = len(services.sources[name].catalogue.resources) - len(wanted[name])
        if off:
            report.not_checked.append(f"{name}: {off} resources that are off")
        if told["without_parent"]:
            listed = ", ".join(told["without_parent"])
            report.not_checked.append(f"{name}: what has no parent record that it could be asked for: {listed}")
        if told["without_rows"]:
            listed = ", ".join(told["without_rows"])
            report.not_checked.append(f"{name}: no rows that the catalogue could be held against: {listed}")
    if has_points:
        report.not_checked.append("whether points take an event: `mirrorpoint points test CODE` sends one")


def _judge(report: Report, settings: Settings, name: str, resources: list[Resource], probed: Probed) -> None:
    """What the probes of one source amount to."""
    from upstream import errors

    if probed.stopped_by is not None:
        exit_code = 4 if isinstance(probed.stopped_by, errors.StopSource) else 5
        report.add(
            name, _code(probed.stopped_by), probed.stopped_by.message, probed.stopped_by.hint, exit_code=exit_code
        )
    if unread := [each.resource for each in probed.probes.values() if each.is_above_unread]:
        report.not_checked.append(f"{name}: what is below a list that could not be read: {', '.join(unread)}")
    failed = [each for each in probed.probes.values() if each.error is not None]
    if probed.stopped_by is None:
        asked = [each for each in probed.probes.values() if each.has_parent]
        is_lost = len(failed) == len(asked) and all(isinstance(each.error, errors.TryLater) for each in failed)
        for each in failed:
            assert each.error is not None  # noqa: S101  # those are what was chosen
            report.add(
                f"{name}:{each.resource}",
                _code(each.error),
                each.error.message,
                each.error.hint,
                exit_code=5 if is_lost else 3,
            )
    for each in probed.probes.values():
        for finding in each.findings:
            report.find(name, each.resource, finding)
    report.sources.append(
        {
            "source": name,
            "resources": len(resources),
            "answering": sum(each.error is None and each.has_parent for each in probed.probes.values()),
            "without_parent": [
                each.resource for each in probed.probes.values() if not each.has_parent and not each.is_above_unread
            ],
            "without_rows": [each.resource for each in probed.probes.values() if not each.has_rows],
            "answer_seconds": round(probed.answer_seconds, 3),
            **dict.fromkeys(("requests_per_hour", "claimed_per_hour", "budget_per_hour")),
            "allowed_per_hour": round(settings.sources[name].limits.requests_per_second * 3600),
        }
    )


def _code(error: UpstreamError) -> str:
    from upstream import errors

    if isinstance(error, errors.StopSource):
        return "credentials"
    return "unreachable" if isinstance(error, errors.TryLater) else "not-available"


def _rests(report: Report, wanted: Mapping[str, list[Resource]], resting: remarks.Rests) -> None:
    """Who is left alone after failures: what answers now may yet not be scanned at once."""
    hint = "it is asked again by itself; `mirrorpoint sync` asks at once"
    for name, resources in wanted.items():
        if name in resting.sources:
            report.warnings.append(config_warnings.Warned(name, remarks.of_rest(resting.sources[name]), hint))
        for resource in resources:
            if (name, resource.name) in resting.resources:
                said = remarks.of_rest(resting.resources[name, resource.name])
                report.warnings.append(config_warnings.Warned(f"{name}:{resource.name}", said, hint))
