"""`/seal`: the record: how much is sealed, where heads are kept, what the last `verify` said, who did what."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from changes import written
from web import services
from web.pages import live

_ACTIONS = 50


def show(request: Request) -> Response:
    """Programs get the document of `verify`, as of its last run."""
    web = services.of(request)
    found = web.document("verify")
    if live.wants_json(request):
        return live.as_json(request, found)
    status = web.document("status")
    actions = web.document("actions")
    return live.page(
        request,
        "seal.html",
        found=found,
        record=status["record"],
        heads=status["heads"],
        erased=status["erased"],
        actions=[{**each, "given": _given(each)} for each in reversed(actions[-_ACTIONS:])],
    )


def _given(action: dict[str, object]) -> str:
    return written.dumps(action["arguments"]) if action.get("arguments") else ""
