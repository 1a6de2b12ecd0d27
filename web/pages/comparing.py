"""`/diff`: what differs between two moments, to be printed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from changes import written
from web import formats, queries, services
from web.pages import change_lines, live

#: More records are not put on one page; `mirrorpoint diff` or `export` has them all.
_MOST = 1000


def show(request: Request) -> Response:
    """Programs get the document of `diff`."""
    web = services.of(request)
    start, end = queries.one(request, "from"), queries.one(request, "to")
    resources, field = queries.every(request, "resource"), queries.one(request, "field")
    if start is None:
        if live.wants_json(request):
            raise queries.BadQuery("from is missing", "for example /diff?from=2026-11-22&to=2026-11-23")
        yesterday = formats.stamp(web.now() - timedelta(days=1))
        return live.page(
            request, "diff.html", start=yesterday, end=None, resources=(), field=None, found=None, notes=(), more=0
        )
    found = web.document.noted("diff", start=start, end=end, resources=resources, field=field)
    if live.wants_json(request):
        return live.as_json(request, found.value)
    return live.page(
        request,
        "diff.html",
        start=start,
        end=end,
        resources=resources,
        field=field,
        found=[_line(each) for each in found.value[:_MOST]],
        notes=found.notes,
        more=max(0, len(found.value) - _MOST),
    )


def _line(found: dict[str, Any]) -> dict[str, Any]:
    either = [each for each in found.get("either", ()) if each is not None]
    fields = found["fields"] or (either[0]["fields"] if either else [])
    parent = f"{found['parent_key']}/" if found["parent_key"] else ""
    return {
        **found,
        "record": f"{found['resource']}/{parent}{found['key']}",
        "href": change_lines.record_href(found["source"], found["resource"], found["key"], found["parent_key"]),
        "shown": [_field(each) for each in fields],
        "either": [{**each, "shown": [_field(one) for one in each["fields"]]} for each in either],
    }


def _field(field: dict[str, Any]) -> dict[str, Any]:
    return {"pointer": field["pointer"] or "the whole record", "old": _side(field, "old"), "new": _side(field, "new")}


def _side(field: dict[str, Any], side: str) -> tuple[str | None, str]:
    missing = field.get(f"{side}_is")
    if missing:
        return None, "erased" if missing == "erased" else "not there"
    return formats.clipped(written.dumps(field[side]), 2000), ""
