"""What `check` would say without asking anybody: the plan, from what the mirror knows; for the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from worker.commands import times

if TYPE_CHECKING:
    from sqlmodel import Session

    from upstream.catalogue import Catalogue
    from worker.commands.check.check_report import Report
    from worker.settings import Settings


def show(settings: Settings) -> None:
    """In the shape of `check --json`; `not_checked` says what was not asked."""
    from storage import points, reports
    from storage.states import PointState
    from worker import bootstrap
    from worker.commands.check import check_report, config_warnings

    catalogues, now = bootstrap.load_catalogues(settings), times.now()
    named = [(name, each) for name, catalogue in catalogues.items() for each in catalogue.resources.values()]
    database, report = bootstrap.open_reading(settings, catalogues=catalogues), check_report.Report()
    try:
        with database.read() as session:
            rows = reports.row_counts(session, named)
            receiving = [each for each in points.list_all(session) if each.state == PointState.ACTIVE]
            for name, catalogue in catalogues.items():
                _plan(report, session, settings, name, catalogue, rows, now=now)
    finally:
        database.dispose()
    signed = {point.code: point.secret is not None or not point.url for point in receiving}
    types = {point.code: point.type for point in receiving}
    report.warnings += config_warnings.warnings(settings, catalogues, signed_points=signed, types=types)
    report.not_checked.append("sources, points, broker and places for heads were not asked: `mirrorpoint check` does")
    check_report.tell(settings, report, wants_json=True)


def _plan(
    report: Report,
    session: Session,
    settings: Settings,
    name: str,
    catalogue: Catalogue,
    rows: Mapping[tuple[str, str], int],
    *,
    now: datetime,
) -> None:
    """Of one source."""
    from changes import schedules
    from worker.commands.check import source_plan
    from worker.commands.check.probing import Probed

    on = [
        each
        for each in catalogue.resources.values()
        if schedules.resolve(each, settings.sources[name].schedule) != "off"
    ]
    unknown = ("answering", "answer_seconds", "requests_per_hour", "claimed_per_hour", "budget_per_hour")
    report.sources.append(
        {
            "source": name,
            "resources": len(on),
            **dict.fromkeys(unknown),
            "without_parent": [],
            "without_rows": [],
            "allowed_per_hour": round(settings.sources[name].limits.requests_per_second * 3600),
        }
    )
    source_plan.tell(report, session, settings, name, catalogue, on, Probed({}), rows, now=now)
