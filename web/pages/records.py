"""`/records/RESOURCE/KEY`: a record now or at a moment, the values of a field, and all versions."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from changes import written
from web import queries, services
from web.pages import change_lines, live

#: A longer document is folded.
_FOLDED_FROM = 64 * 1024
#: Of more versions the newest are shown.
_MOST_VERSIONS = 200


def show(request: Request) -> Response:
    """Programs get the document of `show`, or with `field` that of `history --field`."""
    web, at, field = services.of(request), queries.one(request, "at"), queries.one(request, "field")
    resource, key = request.path_params["resource"], request.path_params["key"]
    asked = {"resource": resource, "key": key, "parent": queries.one(request, "parent")}
    values = web.document.noted("history", field=field, **asked) if field else None
    if values is not None and live.wants_json(request):
        return live.as_json(request, values.value)
    found = web.document.noted("show", at=at, **asked)
    if live.wants_json(request):
        return live.as_json(request, found.value)
    versions = web.document("history", **asked)
    is_uncertain = "uncertain" in found.value
    shown = found.value["either"] if is_uncertain else [found.value]
    return live.page(
        request,
        "record.html",
        resource=versions[-1]["resource"] if versions else resource,
        source=versions[-1]["source"] if versions else "",
        key=key,
        parent=asked["parent"],
        at=at,
        field=field,
        values=None if values is None else [_value(each) for each in values.value],
        notes=[*found.notes, *(values.notes if values is not None else ())],
        is_uncertain=is_uncertain,
        between=found.value if is_uncertain else None,
        rows=[None if row is None else _row(row) for row in shown],
        versions=[change_lines.line(row) for row in reversed(versions[-_MOST_VERSIONS:])],
        more=max(0, len(versions) - _MOST_VERSIONS),
        fields=_field_names(shown[-1]),
    )


def _row(row: dict[str, Any]) -> dict[str, Any]:
    text = None if row["document"] is None else written.dumps(row["document"], indent=2)
    return {**row, "text": text, "is_folded": text is not None and len(text) > _FOLDED_FROM}


def _value(line: dict[str, Any]) -> dict[str, Any]:
    missing = line.get("value_is")
    return {**line, "text": None if missing else written.dumps(line["value"]), "missing": missing}


def _field_names(row: dict[str, Any] | None) -> list[str]:
    from changes import fields

    content = None if row is None else row["document"]
    return [] if content is None else list(fields.names(content))[:500]
