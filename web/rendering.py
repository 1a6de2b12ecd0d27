"""Templates -> pages: everything that is put into them is escaped, and what would hide or turn text is made visible."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse

from web import formats, services

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "templates"


def page(request: Request, template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """The template filled in; `web`, `caller` and `root` are there in each of them."""
    web = services.of(request)
    caller = getattr(request.state, "caller", None)
    text = environment().get_template(template).render(
        web=web, who=caller, root=web.root, path=request.url.path,
        here=quote(request.scope["path"], safe="/:"), now=web.now(), **values
    )  # fmt: skip
    return HTMLResponse(text, status_code)


@cache
def environment() -> Environment:
    """Made at the first use; templates are files of the package and never of anybody else."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_shown,
    )
    made.filters.update(formats.FILTERS)
    return made


def _shown(value: object) -> object:
    """What an expression of a template comes to: texts of documents show what would not be seen."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return formats.visible(value)
    return value
