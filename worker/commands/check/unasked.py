"""What `check` would say without asking anybody: the plan, from what the mirror knows; for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.commands import times

if TYPE_CHECKING:
    from worker.settings import Settings


def show(settings: Settings) -> None:
    """In the shape of `check --json`; `not_checked` says what was not asked."""
    from changes import schedules
    from storage import points, reports
    from storage.states import PointState
    from worker import bootstrap
    from worker.commands.check import check_report, checking, config_warnings
    from worker.commands.check.probing import Probed

    catalogues, now = bootstrap.load_catalogues(settings), times.now()
    named = [(name, each) for name, catalogue in catalogues.items() for each in catalogue.resources.values()]
    database = bootstrap.open_reading(settings, catalogues=catalogues)
    try:
        with database.read() as session:
            rows = reports.row_counts(session, named)
            receiving = [each for each in points.list_all(session) if each.state == PointState.ACTIVE]
    finally:
        database.dispose()
    report = check_report.Report()
    for name, catalogue in catalogues.items():
        on = [
            each
            for each in catalogue.resources.values()
            if schedules.resolve(each, settings.sources[name].schedule).strip() != "off"
        ]
        report.sources.append(
            {
                "source": name,
                "resources": len(on),
                "answering": None,
                "without_parent": [],
                "without_rows": [],
                "answer_seconds": None,
                "requests_per_hour": None,
                "allowed_per_hour": round(settings.sources[name].limits.requests_per_second * 3600),
            }
        )
        checking.plan_source(report, settings, name, catalogue, on, Probed({}), rows, now=now)
    signed = {point.code: point.secret is not None for point in receiving}
    types = {point.code: point.type for point in receiving}
    report.warnings += config_warnings.warnings(settings, catalogues, signed_points=signed, types=types)
    report.not_checked.append("sources, points, broker and places for heads were not asked: `mirrorpoint check` does")
    check_report.tell(settings, report, wants_json=True)
