"""The few things that a person can do on the page: each is what a command does, and is written down with his name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from storage import scans
from web import formats, queries, services
from web.pages import held_keys, live
from web.routing import caller_of
from web.services import Web


class Action(NamedTuple):
    """What is done to a target, by which command, and how it is told."""

    command: str
    target: str  #: the option of the command that names it
    question: str  #: asked before, on a page of its own
    label: str  #: of the button


ACTIONS = {
    "approve": Action("approve", "scan", "Look again at {}, and delete what is still absent?", "Look again and delete"),
    "enable": Action("points enable", "code", "Let {} receive again?", "Let it receive again"),
    "pause": Action("points pause", "code", "Send {} nothing until it is resumed?", "Pause"),
    "resume": Action("points resume", "code", "Send {} again what it is owed?", "Resume"),
    "retry": Action("deliveries retry", "point", "Try again all that is dead or waits for {}?", "Retry"),
    "test": Action("points test", "code", "Send {} a test event?", "Send a test event"),
    "replay": Action("replay", "point", "Send {} these changes once more?", "Send them again"),
}
#: Options that a form may give besides its target.
_OPTIONS = ("from", "to", "resource")


def ask(request: Request) -> Response:
    """The question, and of a replay and an approval how much it is."""
    action, target = _meant(request)
    given = {name: value for name in _OPTIONS if (value := queries.one(request, name))}
    web, counted, held = services.of(request), None, None
    if action.command == "replay":
        counted = web.document("replay", point=target, **given)
    if action.command == "approve":
        held = _held(web, target)
        if held.scan != target:
            return RedirectResponse(f"{web.root}/actions/approve/{formats.quoted(held.scan)}", 303)
    return live.page(
        request,
        "ask.html",
        question=action.question.format(target if held is None else f"{held.number} of {held.resource}"),
        action=action,
        target=target,
        given=given,
        counted=counted,
        held=held,
        back=_back(queries.one(request, "back")),
    )


class Held(NamedTuple):
    """What a scan holds back."""

    scan: str
    number: str  #: in words: `5 deletions`
    resource: str
    of: int  #: rows of the resource
    keys: Sequence[str]  #: the first of them
    is_all: bool  #: whether there are no more


def _held(web: Web, scan: str) -> Held:
    """What this one holds, or a later scan of the same resource: it is looked at again while somebody thinks."""
    with web.reading.read() as session:
        asked = scans.get(session, scan)
    of = None if asked is None else (asked.source, asked.resource)
    rows = (each for each in web.document("status")["resources"] if each["held"])
    row = next((each for each in rows if (each["source"], each["resource"]) == of), None)
    if row is None:
        raise queries.BadQuery(
            f"the scan {formats.clipped(scan, 60)} holds nothing back any more",
            "what waits now stands on the first page",
        )
    scan = row["held_scan"]
    keys = held_keys.first(web.reading, [row])[scan]
    number = formats.plural(row["held"], "deletion")
    return Held(scan, number, f"{row['source']}:{row['resource']}", row["rows"], keys, len(keys) >= row["held"])


async def act(request: Request) -> Response:
    """Done once for each form that is sent; what came of it, on a page."""
    form = {name: values[-1] for name, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()}
    for name, value in form.items():
        if "\0" in value:
            raise queries.BadQuery(f"{formats.clipped(name, 60)} has a character U+0000", "leave it out")
    return await run_in_threadpool(_act, request, form)


def _act(request: Request, form: Mapping[str, str]) -> Response:
    action, target = _meant(request)
    given = {name: form[name] for name in _OPTIONS if form.get(name)}
    caller = caller_of(request)
    name = caller.name if caller is not None else "nobody"
    told = services.of(request).act(action.command, who=name, **{action.target: target}, **given)
    if live.wants_json(request):
        return live.as_json(request, told)
    return live.page(
        request, "done.html", sentence=_sentence(action, target, told or {}), told=told, back=_back(form.get("back"))
    )


def _meant(request: Request) -> tuple[Action, str]:
    what = request.path_params["what"]
    if what not in ACTIONS:
        raise queries.BadQuery(f'there is no action "{formats.clipped(what, 60)}"', f"there is: {', '.join(ACTIONS)}")
    return ACTIONS[what], request.path_params["target"]


def _sentence(action: Action, target: str, told: Mapping[str, Any]) -> str:
    if action.command == "approve":
        deletions = formats.plural(told["approved"], "deletion")
        return (
            f"{deletions} of {told['resource']} approved. The next look follows within a minute, if a worker is there."
        )
    if action.command == "deliveries retry":
        left = f" {told['superseded']:,} are superseded and left out." if told["superseded"] else ""
        paused = f" {target} is paused, and nothing is sent before it is resumed." if told["paused"] else ""
        return f"{formats.plural(told['retried'], 'delivery is', 'deliveries are')} due now.{left}{paused}"
    if action.command == "points test":
        came = told["error"] or f"it answered {told['status']}"
        return f"{target} was sent a test event: {came} after {told['duration_ms']:,} ms."
    if action.command == "replay":
        return f"{formats.plural(told['made_due'], 'change is', 'changes are')} due for {target} once more."
    return f"{target} is {told.get('state', 'changed')}."


def _back(text: str | None) -> str:
    """A page of ours."""
    return text if text and text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable() else "/"
