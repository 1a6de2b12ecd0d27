"""`/changes`: the log, the newest first, with all filters in the address; `/changes/SEQ`: one change as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from changes import written
from changes.records import Kind
from storage import told
from web import answers, formats, queries, services
from web.pages import change_lines, live
from web.services import Web

_A_PAGE = 50
#: More that are newer are not counted one by one.
_MOST_NEWER = 100
#: For programs, where they do not say how many.
_LIMIT, _MOST = 1000, 10_000


def show(request: Request) -> Response:
    """A page of the log; programs get it in its order, `after` and `limit` as of `changes`."""
    web, wanted = services.of(request), _wanted(request)
    options = _options(wanted)
    if live.wants_json(request):
        limit = queries.number(request, "limit", most=_MOST) or _LIMIT
        after = queries.number(request, "after") or 0
        newest = queries.is_on(request, "newest")
        return live.as_json(
            request,
            web.document("changes", after=after, before=wanted["before"], newest=newest, limit=limit, **options),
        )
    seen = queries.number(request, "seen")
    newer = None if seen is None else _newer(web, seen, options)
    found = web.document.noted("changes", newest=True, before=wanted["before"], limit=_A_PAGE + 1, **options)
    rows = [change_lines.line(row) for row in found.value[:_A_PAGE]]
    filters = {name: value for name, value in wanted.items() if name != "before"}
    top = rows[0].seq if rows else 0
    return live.page(
        request,
        "changes.html",
        rows=rows,
        wanted=wanted,
        is_filtered=any(filters.values()),
        nothing=_nothing(wanted, has_first_sights=bool(found.notes)),
        everything=queries.written({**filters, "all": True}),
        kinds=[kind.value for kind in Kind],
        sources=sorted(web.resources),
        names=sorted({name for each in web.resources.values() for name in each}),
        older=queries.written(filters, before=rows[-1].seq) if len(found.value) > _A_PAGE else None,
        first=queries.written(filters),
        poll=None if wanted["before"] else queries.written(filters, seen=top),
        newer=newer,
        most_newer=_MOST_NEWER,
        notes=found.notes if wanted["before"] is None else (),
    )


def show_one(request: Request) -> Response:
    """Difference first, then when it was seen, who was told, and the whole document."""
    web, text = services.of(request), request.path_params["seq"]
    seq = int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0
    rows = web.document("changes", after=seq - 1, limit=1, all=True) if seq > 0 else []
    if not rows or rows[0]["seq"] != seq:
        return answers.problem(request, 404, f"there is no change {text}", "all there are: /changes")
    if live.wants_json(request):
        return live.as_json(request, rows[0])
    with web.reading.read() as session:
        deliveries = told.of_changes(session, [seq]).get(seq, [])
    change = change_lines.line(rows[0], is_whole=True)
    document = rows[0]["document"]
    return live.page(
        request,
        "change.html",
        change=change,
        told=deliveries,
        document=None if document is None else written.dumps(document, indent=2),
    )


def _wanted(request: Request) -> dict[str, Any]:
    return {
        "resource": queries.every(request, "resource"),
        "kind": queries.every(request, "kind"),
        "key": queries.one(request, "key"),
        "parent": queries.one(request, "parent"),
        "field": queries.every(request, "field"),
        "source": queries.one(request, "source"),
        "since": queries.one(request, "since"),
        "until": queries.one(request, "until"),
        "all": queries.is_on(request, "all"),
        "before": queries.number(request, "before"),
    }


def _nothing(wanted: Mapping[str, Any], *, has_first_sights: bool) -> str:
    """What is said where the list is empty, as it was asked for."""
    said = [
        f"of the kind {' or '.join(wanted['kind'])}" if wanted["kind"] else "",
        f"of {', '.join(wanted['resource'])}" if wanted["resource"] else "",
        f"below {wanted['parent']}" if wanted["parent"] else "",
        f"with the key {wanted['key']}" if wanted["key"] else "",
        f"of the field {', '.join(wanted['field'])}" if wanted["field"] else "",
        f"in {wanted['source']}" if wanted["source"] else "",
        f"since {formats.ago(wanted['since'])}" if wanted["since"] else "",
        f"until {formats.ago(wanted['until'])}" if wanted["until"] else "",
        "before that" if wanted["before"] else "",
    ]
    asked = " ".join(filter(None, said))
    if asked:
        return f"No change {asked} was seen."
    return "Nothing has changed since it was first seen." if has_first_sights else "Nothing was seen yet."


def _options(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """As the command takes them."""
    same = {name: wanted[name] for name in ("key", "parent", "source", "since", "until", "all")}
    return {**same, "resources": wanted["resource"], "kinds": wanted["kind"], "fields": wanted["field"]}


def _newer(web: Web, seen: int, options: Mapping[str, Any]) -> int:
    return len(web.document("changes", after=seen, limit=_MOST_NEWER, **options))
