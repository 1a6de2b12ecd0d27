"""What pydantic found wrong with the configuration, in the words of its file; called by worker/settings.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from changes import strict_toml
from worker import environment
from worker.problems import SettingsError, did_you_mean

#: pydantic's error type -> what was wanted, in the words of catalogues.
WANTED = {
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
ALLOWED = {
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be one of {expected}",
    "literal_error": "must be {expected}",
    "union_tag_not_found": "needs a method: sign-in, bearer, basic, header or none",
}
#: Places where nobody writes TOML: what is said of quotes and brackets helps nobody there.
NOT_TOML = frozenset({"environment", "command line"})
#: What a pattern stands for.
PATTERNS = {
    "[a-z0-9]": "must be of small letters, digits, - and _ (at most 63)",
    "^(/": "must be a JSON Pointer, such as /status",
    r"^\S": "must have 1 to 200 characters, no space at either end",
    "-]+/[": "must be a media type, such as application/json",
    "^[!#": "must be the name of a header",
    "^[A-Za-z0-9*": "must be a language, such as en or de-AT",
}


def first_problem(
    error: ValidationError, root: type[BaseModel], *, file: str, variables: Mapping[environment.Path, str]
) -> SettingsError:
    """The problem to solve first: a misspelt key before the field that is missing because of it."""
    problems = sorted(error.errors(include_url=False), key=_urgency)
    problem = problems[0]
    path = _without_tags(problem["loc"])
    field = _spelt(path)
    message, hint = _said(problem, path, root)
    variable = next((variables[at] for at in (path, path[:-1], (*path, "method")) if at in variables), None)
    if variable is not None:
        file, field = "environment", variable
    if problem["type"] in WANTED and file in NOT_TOML:
        hint = ""
    if len(problems) > 1 and not hint:
        hint = f"{len(problems) - 1} more after this one"
    return SettingsError(file, field, message, hint)


def refuse_doubles(points: Iterable[Any], *, file: str) -> None:
    """A code names one point."""
    codes: set[str] = set()
    for point in points:
        if point.code in codes:
            raise SettingsError(file, f"points[{point.code}].code", "is there twice", "give each point its own code")
        codes.add(point.code)


def _urgency(problem: Any) -> int:
    return {"extra_forbidden": 0, "missing": 2}.get(problem["type"], 1)


def _said(problem: Any, path: environment.Path, root: type[BaseModel]) -> tuple[str, str]:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        known = environment.names_at(root, path[:-1])
        return "this key is not known", did_you_mean(str(path[-1]), known)
    if kind == "missing":
        return "this key is missing", f"add {path[-1]} = …"
    if kind in WANTED:
        cure = strict_toml.CURES[WANTED[kind]]
        return strict_toml.unfit(WANTED[kind], problem["input"]), cure[0].lower() + cure[1:]
    if kind == "union_tag_invalid":
        methods = ["sign-in", "bearer", "basic", "header", "none"]
        tag = str(context.get("tag", ""))
        return f'there is no method "{tag}"', did_you_mean(tag, methods)
    if kind == "value_error":
        return str(context["error"]), ""
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return next((said for start, said in PATTERNS.items() if start in pattern), "is not allowed"), ""
    return ALLOWED.get(kind, problem["msg"]).format(**context), ""


def _without_tags(loc: tuple[str | int, ...]) -> environment.Path:
    """pydantic puts a union's tag and `[key]` into the path; the file has neither."""
    path: list[str | int] = []
    for step in loc:
        is_tag = len(path) == 3 and path[0] == "sources" and path[-1] == "auth" and step in _TAGS
        if not is_tag and step != "[key]":
            path.append(step)
    return tuple(path)


_TAGS = frozenset({"sign-in", "bearer", "basic", "header", "none"})


def _spelt(path: environment.Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
