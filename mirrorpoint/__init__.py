"""Mirrorpoint from Python: the mirror as SQLModel classes, its changes, its past, writing to a source, webhooks.

    import mirrorpoint

    with mirrorpoint.open() as mirror:
        for change in mirror.changes(resource="products", after=1234):
            print(change.seq, change.kind, change.subject, change.changed)

Nothing is imported before it is used: `import mirrorpoint` and `mirrorpoint.webhooks` cost next to nothing. All that
is public is in `__all__`; other rooms of the program may change with any version.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # `typing` itself would take most of the time of this import

if TYPE_CHECKING:
    from mirrorpoint import errors, webhooks
    from mirrorpoint.change_log import Change, Kind
    from mirrorpoint.mirror import Mirror, MirroredResource, open  # noqa: A004  # the verb that a reader expects
    from mirrorpoint.past import Past
    from mirrorpoint.rows import Row
    from mirrorpoint.writing import Writer

__all__ = [
    "Change",
    "Kind",
    "Mirror",
    "MirroredResource",
    "Past",
    "Row",
    "Writer",
    "errors",
    "open",
    "webhooks",
]

_PLACES = {
    "Change": "mirrorpoint.change_log",
    "Kind": "mirrorpoint.change_log",
    "Mirror": "mirrorpoint.mirror",
    "MirroredResource": "mirrorpoint.mirror",
    "Past": "mirrorpoint.past",
    "Row": "mirrorpoint.rows",
    "Writer": "mirrorpoint.writing",
    "open": "mirrorpoint.mirror",
}
_MODULES = ("errors", "webhooks")

if not TYPE_CHECKING:  # else a misspelt name would pass for Any

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            return importlib.import_module(f"mirrorpoint.{name}")
        if name not in _PLACES:
            raise AttributeError(f"module 'mirrorpoint' has no attribute {name!r}")
        found = globals()[name] = getattr(importlib.import_module(_PLACES[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
