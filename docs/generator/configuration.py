"""docs/configuration.md, from the descriptions in worker/settings.py; called by `docs.generator`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from changes import tables
from docs.generator import markdown
from worker import field_types, record_table, sending_tables, settings, source_tables
from worker.commands import template
from worker.secret import Secret

_INTRODUCTION = """
One file, `mirrorpoint.toml` in the current folder; `--config FILE` or the variable `MIRRORPOINT_CONFIG` names another.
`mirrorpoint init` writes one with comments, `mirrorpoint check` says what is wrong with it.
An unknown key is an error that says which one was probably meant.

- A **time** is written `"30s"`, `"5m"`, `"6h"` or `"1d"`.
- A **schedule** is such a time, a cron line of five fields in UTC (`"*/15 8-18 * * mon-fri"`), `"auto"` (the plan
  chooses: [how fresh](how-fresh.md)) or `"off"`; or `{ head = "30s", full = "4h" }`, which says how often the newest
  records are read and how often the whole list.
- A **secret** is written `"env:NAME"` (an environment variable) or `"file:PATH"` (relative to the configuration file).
  The value itself works too, and `check` warns of it.
- A relative SQLite file lies beside the configuration file, whatever folder a command is called in.

Every field has an environment variable, which wins over the file. Words are joined by two underscores; a `-` in a name
becomes `_`. A list is written with commas or as a JSON list, `schedule` as a JSON object or line by line
(`MIRRORPOINT_SOURCES__BACKOFFICE__SCHEDULE__PRODUCTS=1m`, `…__SCHEDULE__CLIENTS="4h, head 30s"`). A point is named by
its code or its position, a route by its position, from 0. `MIRRORPOINT_DEBUG=1` is the option `--debug`. Any other
variable that begins with `MIRRORPOINT_` is refused, unless the configuration names it as `env:…` or it begins with
`MIRRORPOINT_TEST_`.
"""

#: Heading, table, name of its fields' variables, and what is to be said beside the fields.
_TABLES: tuple[tuple[str, type[BaseModel], str, str], ...] = (
    ("`[storage]`", settings.Storage, "STORAGE", ""),
    ("`[broker]`", settings.Broker, "BROKER", ""),
    (
        "`[sources.NAME]`",
        source_tables.Source,
        "SOURCES__NAME",
        "The name is of small letters, digits, `-` and `_`; it stands in the column `source` of every table.",
    ),
    (
        '`auth` with `method = "sign-in"`',
        source_tables.SignIn,
        "SOURCES__NAME__AUTH",
        """
Given is what the catalogue's sign-in names in braces, no more and no less: `email` and `password` for `backoffice`.
A catalogue of your own may name others; they are written here as they are called there.
""",
    ),
    ('`auth` with `method = "bearer"`', source_tables.Bearer, "SOURCES__NAME__AUTH", ""),
    ('`auth` with `method = "basic"`', source_tables.Basic, "SOURCES__NAME__AUTH", ""),
    ('`auth` with `method = "header"`', source_tables.Header, "SOURCES__NAME__AUTH", ""),
    ('`auth` with `method = "none"`', source_tables.NoAuth, "SOURCES__NAME__AUTH", ""),
    ("`limits`", source_tables.Limits, "SOURCES__NAME__LIMITS", ""),
    (
        "`budget`",
        source_tables.Budget,
        "SOURCES__NAME__BUDGET",
        """
Written whole: `budget = { share = 0.5, promise = { set-up = "5m", traffic = "4h" } }`. A promise has a variable of its
own: `MIRRORPOINT_SOURCES__NAME__BUDGET__PROMISE__SET_UP=5m`. How the plan goes by it: [how fresh](how-fresh.md).
""",
    ),
    (
        "`[[points]]`",
        sending_tables.Point,
        "POINTS__CODE",
        """
Points can also be added with `mirrorpoint points add`, and come from a source whose catalogue has points
(`integration-platform`). Of several with one code the one written here receives, else an added, else a mirrored one.
What each setting does, and how it is set for other points: [points](points.md).
""",
    ),
    (
        "`[[routes]]`",
        sending_tables.RouteTable,
        "ROUTES__0",
        """
A change is sent once to each point that some route leads it to. A point must be named by `points` and, where there are
any, by `types`. `fields` stand for themselves and all below them, and
sift updates only: creations, deletions and returns pass.
""",
    ),
    (
        "`[delivery]`",
        sending_tables.Delivery,
        "DELIVERY",
        """
`concurrency` above 8 has no effect: there are at most 8 connections to a point. Two signing secrets, parted by a
space, sign every delivery twice while a receiver moves from one to the other: `"env:NEW env:OLD"`, or both in one
place (`new old`). This holds for `secret` of a point too.
""",
    ),
    (
        "`[record]`",
        record_table.Record,
        "RECORD",
        "What is kept at each place, and what it is worth: [heads](heads.md).",
    ),
)

_TYPES = {
    field_types.Duration: "time",
    tables.Schedule: "schedule",
    field_types.HttpUrl: "URL",
    field_types.BaseUrl: "URL",
    field_types.StorageUrl: "URL",
    field_types.BrokerUrl: "URL",
    field_types.Network: "network",
    field_types.Pointer: "JSON Pointer",
    int: "whole number",
    float: "number",
}


def page() -> str:
    """The whole page."""
    return markdown.page(
        "Configuration",
        _INTRODUCTION,
        *(_section(heading, table, variable, more) for heading, table, variable, more in _TABLES),
        _SCHEDULES,
        "## What `mirrorpoint init` writes",
        markdown.block("toml", template.TEXT),
    )


_SCHEDULES = """
## Which schedule a resource has

The table `schedule` of its source is asked first: the exact name, then the longest glob that fits, then `default`.
What it does not name keeps the schedule of the catalogue ([resources](resources.md)). `default` does not switch on what
the catalogue has `off`: those lists cost a request per client.

| schedule | the whole list is scanned | its newest records are read |
| --- | --- | --- |
| `"5m"`, a cron line | then | never |
| `"auto"` | as the plan chooses | as the plan chooses, where the list can be read newest first |
| `{ head = "30s", full = "4h" }` | every 4 hours | every 30 seconds |
| `{ head = "30s" }` | as the plan chooses | every 30 seconds |
| `{ full = "4h" }` | every 4 hours | never |
| `{ full = "auto", head = "off" }` | as the plan chooses | never |
| `"off"` | never | never |

As one text, which is what commands show, the two stand behind each other: `"4h, head 30s"`.
"""


def _section(heading: str, table: type[BaseModel], variable: str, more: str) -> str:
    rows = [
        (markdown.code(name), _kind(field), _default(field), _variable(variable, name, field), field.description or "")
        for name, field in table.model_fields.items()
        if name != "method"
    ]
    parts = [f"## {heading}", (table.__doc__ or "").strip()]
    if rows:
        parts.append(markdown.table(("field", "is", "default", "variable", "meaning"), rows))
    return "\n\n".join([*parts, more.strip()]).strip()


def _variable(prefix: str, name: str, field: FieldInfo) -> str:
    """A table of tables has none of its own, only its fields have."""
    return "" if _is_table(field.annotation) else markdown.code(f"MIRRORPOINT_{prefix}__{name.upper()}")


def _is_table(annotation: Any) -> bool:
    members = (annotation, *get_args(annotation))
    return any(isinstance(one, type) and issubclass(one, BaseModel) for one in members)


def _kind(field: FieldInfo) -> str:
    bounds = [
        f"{words} {getattr(found, name):g}"
        for name, words in (("gt", "more than"), ("ge", "at least"), ("le", "at most"))
        for found in field.metadata
        if hasattr(found, name)
    ]
    return ", ".join([_type(field.annotation, tuple(field.metadata)), *bounds])


def _type(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata = (*metadata, *more)
    for known, word in _TYPES.items():
        if known is annotation or any(found in metadata for found in getattr(known, "__metadata__", ())):
            return word
    if annotation is Secret or Secret in get_args(annotation):
        return "secret"
    words = [word for one in get_args(annotation) if get_origin(one) is Literal for word in get_args(one)]
    if field_types.Duration in get_args(annotation) and get_origin(annotation) not in {tuple, dict}:
        return " or ".join(["time", *(f'`"{word}"`' for word in words)])
    if get_origin(annotation) is tuple:
        return f"list of {_type(get_args(annotation)[0])}s"
    return "table" if get_origin(annotation) is dict or _is_table(annotation) else "text"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, source_tables.NoAuth):
        return '`{ method = "none" }`'
    if value is None or isinstance(value, BaseModel):
        return ""
    if isinstance(value, Secret):
        return markdown.code(f'"{value.reference}"')
    is_time = not isinstance(value, str) and _type(field.annotation, tuple(field.metadata)).startswith(
        ("time", "list of times")
    )
    return markdown.code(_written(value, is_time=is_time))


def _written(value: Any, *, is_time: bool) -> str:
    """As it would stand in the file."""
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_written(each, is_time=is_time) for each in value) + "]"
    if is_time:
        return f'"{_time(value)}"'
    return f"{value:g}" if isinstance(value, int | float) else f'"{value}"'


def _time(seconds: float) -> str:
    for unit, size in (("h", 3_600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"
