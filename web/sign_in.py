"""`/login`: a token is shown once and becomes a cookie; on loopback without tokens a printed link does it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from web import answers, formats, rendering, services
from web.access import Caller
from web.routing import at
from web.sessions import COOKIE, LASTS, LOCAL


def routes() -> list[BaseRoute]:
    """Open to everybody: here one becomes somebody."""
    return [
        at("/login", show, needs=None),
        at("/login", sign_in, needs=None, methods=["POST"]),
        at("/logout", sign_out, needs=None, methods=["POST"]),
    ]


def show(request: Request) -> Response:
    """The form; or, behind the link that was printed, the page that was asked for."""
    web = services.of(request)
    code = request.query_params.get("code")
    if web.is_open and web.codes is not None and request.method != "HEAD":  # who looks ahead uses nothing up
        if code and web.codes.take(code):
            return _signed_in(request, Caller(LOCAL.name, LOCAL.role), request.query_params.get("next", ""))
        web.codes.renew()
        if code:
            return answers.problem(
                request, 401, "this link was used before, or is older than the last one", "a new one is in the log"
            )
    return _form(request, request.query_params.get("next", ""))


async def sign_in(request: Request) -> Response:
    """Takes the form."""
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    token, asked = (form.get(name, [""])[0] for name in ("token", "next"))
    found = request.app.state.guard.sign_in(request, token.strip())
    if isinstance(found, Caller):
        return _signed_in(request, found, asked)
    if not answers.wants_html(request):
        return answers.problem(request, found.status, found.message, found.hint, headers=found.headers)
    wrong = f"{formats.capital(found.message)}: {found.hint}."
    return _form(request, asked, wrong=wrong, status_code=found.status, headers=found.headers)


def sign_out(request: Request) -> Response:
    """The cookie is forgotten."""
    response = RedirectResponse(f"{services.of(request).root}/login", 303)
    response.delete_cookie(COOKIE, path=services.of(request).root or "/")
    return response


def _form(
    request: Request, asked: str, *, wrong: str = "", status_code: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`wrong`: what was wrong with the token that was typed into it before."""
    page = rendering.page(request, "login.html", next=_ours(asked), wrong=wrong, status_code=status_code)
    page.headers.update(headers or {})
    return page


def _signed_in(request: Request, caller: Caller, asked: str) -> Response:
    web = services.of(request)
    # A browser keeps a strict cookie back while it follows a link from elsewhere, also to where that leads on.
    response = rendering.page(request, "signed_in.html", next=_ours(asked))
    response.set_cookie(
        COOKIE,
        request.app.state.guard.cookie(caller),
        max_age=int(LASTS.total_seconds()),
        path=web.root or "/",
        secure=request.state.seen.origin.startswith("https:"),
        httponly=True,
        samesite="strict",
    )
    return response


def _ours(asked: str) -> str:
    """A path of this application; whatever leads elsewhere leads to the first page."""
    parts = urlsplit(asked)
    is_path = asked.startswith("/") and not asked.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return asked if is_path and asked.isprintable() else "/"
