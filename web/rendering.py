"""Templates -> pages: everything that is put into them is escaped, and what would hide or turn text is made visible."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from web import services

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "templates"
#: Characters that turn the direction of text, or that nobody sees: a document may hide with them what it says.
_UNSEEN = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def page(request: Request, template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """The template filled in; `web`, `caller` and `root` are there in each of them."""
    web = services.of(request)
    caller = getattr(request.state, "caller", None)
    text = environment().get_template(template).render(
        web=web, who=caller, root=web.root, path=request.url.path, now=web.now(), **values
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
    from web import formats

    made.filters.update(formats.FILTERS)
    return made


def _shown(value: object) -> object:
    """What an expression of a template comes to: texts of documents show what would not be seen."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return visible(value)
    return value


def visible(text: str) -> str:
    """Each of those characters as its code point: `⟨U+202E⟩`."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)
