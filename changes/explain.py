"""Reads TOML so that no typing error passes, and says what pydantic found wrong with it in the words of the file.

Used for the configuration (worker/explain.py) and for catalogues (upstream/catalogue.py).
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from changes.problems import Misfit, did_you_mean

Path = tuple[str | int, ...]

#: Stands for the key in what is said of a value.
_NAME = "{name}"
#: What a value should be -> how to write it.
_CURES: Mapping[str, str] = MappingProxyType(
    {
        "a text": 'write it in quotes: "…"',
        "true or false": "write it without quotes",
        "a number": "write it without quotes",
        "a whole number": "write it without quotes",
        "a list": "write [ … ]",
        "a list of texts": 'write ["…", "…"]',
        "a list of numbers": "write [1, 2]",
        "a table": f"write {_NAME} = {{ … }}",
    }
)
#: pydantic's error type -> what was wanted.
_WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
#: pydantic's error type -> what is allowed; `{name}` are members of the error's context.
_ALLOWED = {
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}
#: What a pattern stands for.
_PATTERNS = {
    "[a-z0-9]": "must be of small letters, digits, - and _ (at most 63)",
    "^(/": "must be a JSON Pointer, such as /status",
    r"^\S": "must have 1 to 200 characters, no space at either end",
    r"\S": "must not be empty",
    "-]+/[": "must be a media type, such as application/json",
    "^[!#": "must be the name of a header, such as X-Api-Version",
    "^[A-Za-z0-9*": "must be a language, such as en or de-AT",
}
#: pydantic puts it around names.
_QUOTE = "'"
#: Keys that a message lists where none of them is near: all that a table has.
_MOST_KEYS = 30


class NotToml(ValueError):  # noqa: N818  # what is wrong is the file
    """A text that is no TOML; `hint` says what to look at."""

    hint = "see https://toml.io; texts stand in quotes, and a table may be opened only once"


class Found(NamedTuple):
    """What is wrong with a file."""

    path: Path
    message: str
    hint: str
    #: Whether the hint speaks of quotes and brackets, which helps nobody where no TOML is written.
    is_of_toml: bool = False
    others: int = 0  #: problems that come after this one

    @property
    def rest(self) -> str:
        """That there is more to do; said where no cure is known."""
        return f"{self.others} more after this one" if self.others else ""


def parsed(text: str) -> dict[str, Any]:
    """The tables of a file; NotToml says where it cannot be read."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise NotToml(f"this is not valid TOML: {error}") from None


def first(error: ValidationError, root: type[BaseModel]) -> Found:
    """The problem to solve first: a misspelt key before the field that is missing because of it."""
    problems = sorted(error.errors(include_url=False), key=_urgency)
    return _said(problems[0], *_followed(root, problems[0]["loc"]))._replace(others=len(problems) - 1)


def spelt(path: Path) -> str:
    """`points[0].code`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def unfit(wanted: str, value: object) -> Misfit:
    """That the value is something else than what is wanted, which is one of `_CURES`."""
    return Misfit(f"{wanted} is expected, not {_kind(value)}", _CURES[wanted])


def unknown(word: object, known: list[str]) -> Misfit:
    """That the word is none of those that are known."""
    if not isinstance(word, str):
        return unfit("a text", word)
    return Misfit(f'"{word}" is not one of its values', did_you_mean(word, known))


def bare(annotation: Any) -> Any:
    """Without Annotated and without `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    members = [member for member in get_args(annotation) if member is not type(None)]
    is_optional = len(members) == 1 and type(None) in get_args(annotation)
    return bare(members[0]) if is_optional else annotation


def tables_of(annotation: Any) -> list[type[BaseModel]]:
    """The tables that may stand there: one, several for a union, none for everything else."""
    annotation = bare(annotation)
    if get_origin(annotation) in {tuple, dict}:
        return []
    members = (annotation,) if isinstance(annotation, type) else get_args(annotation)
    return [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]


def keys_of(annotation: Any) -> list[str]:
    """The fields that such a table may have."""
    fields = (item for model in tables_of(annotation) for item in model.model_fields.items())
    return list(dict.fromkeys(field.alias or name for name, field in fields))


def _urgency(problem: Any) -> int:
    return {"extra_forbidden": 0, "missing": 2}.get(problem["type"], 1)


def _followed(here: Any, loc: Path) -> tuple[Path, Any, Any]:
    """The path as the file has it, what is declared around its end, and at its end.

    pydantic puts a union's tag and `[key]` into the path; the file has neither.
    """
    path: list[str | int] = []
    around = here
    for step in loc:
        tagged = [table for table in tables_of(here) if step in _tags([table])] if len(tables_of(here)) > 1 else []
        if tagged:
            here = tagged[0]
        elif step != "[key]":
            path.append(step)
            around, here = here, inside(here, step)
    return tuple(path), around, here


def inside(annotation: Any, step: str | int) -> Any:
    """What is declared of a member; None where nothing is."""
    annotation = bare(annotation)
    if tables_of(annotation):
        return next((field.annotation for field in _fields(annotation, step)), None)
    inner = get_args(annotation)
    return inner[-1 if get_origin(annotation) is dict else 0] if inner else None


def _fields(annotation: Any, name: str | int) -> list[FieldInfo]:
    return [table.model_fields[str(name)] for table in tables_of(annotation) if name in table.model_fields]


def _tags(tables: list[type[BaseModel]]) -> list[str]:
    """The words by which one of several tables is chosen."""
    literals = [field.annotation for table in tables for field in table.model_fields.values()]
    return [tag for literal in literals if get_origin(literal) is Literal for tag in get_args(literal)]


def _said(problem: Any, path: Path, around: Any, here: Any) -> Found:
    kind, context, value = problem["type"], problem.get("ctx", {}), problem["input"]
    name = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        return Found(path, "this key is not known", did_you_mean(name, keys_of(around), most=_MOST_KEYS))
    if kind == "missing":
        examples = [field.examples[0] for field in _fields(around, name) if field.examples]
        more = f", such as {json.dumps(examples[0])}" if examples else ""
        return Found(path, "this key is missing", f"add {name} = …{more}")
    if kind == "union_tag_not_found":
        return Found(path, f"needs a {context['discriminator'].strip(_QUOTE)}: {', '.join(_tags(tables_of(here)))}", "")
    if kind == "union_tag_invalid":
        message = f'there is no {context["discriminator"].strip(_QUOTE)} "{context["tag"]}"'
        return Found(path, message, did_you_mean(str(context["tag"]), _tags(tables_of(here))))
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return Found(path, next((said for start, said in _PATTERNS.items() if start in pattern), "is not allowed"), "")
    if kind == "value_error" and not isinstance(context["error"], Misfit):
        return Found(path, str(context["error"]), "")
    if kind == "value_error":
        fault = context["error"]
    elif kind in ("enum", "literal_error"):
        fault = unknown(value, re.findall("'([^']*)'", context["expected"]))
    elif kind in _WANTED:
        fault = unfit(_WANTED[kind], value)
        fault.hint = fault.hint.replace(_NAME, name)
    else:
        return Found(path, _ALLOWED.get(kind, problem["msg"]).format(**context), "")
    path = (*path, fault.at) if fault.at else path
    return Found(path, str(fault), fault.hint, is_of_toml=kind in _WANTED)


def _kind(value: object) -> str:
    """The kind of a TOML value, as people say it."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "a text" if value.strip() else "an empty text"
    if isinstance(value, float):
        return "a number" if value.is_integer() else "a fraction"
    if isinstance(value, int):
        return "a number"
    if isinstance(value, list):
        return "a list"
    return "a table" if isinstance(value, dict) else "a date or time"
