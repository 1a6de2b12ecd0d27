"""Environment variables over the configuration file; called by worker/settings.py.

`MIRRORPOINT_STORAGE__URL` is `url` in `[storage]`; `MIRRORPOINT_SOURCES__BACKOFFICE__AUTH__EMAIL` goes deeper.
A point is named by its code or position (`MIRRORPOINT_POINTS__AUDIT__URL`), a route by its position, from 0.

Not every variable that begins with our name is meant for us: Kubernetes sets `MIRRORPOINT_PORT` and the like for a
service of that name, compose files have variables of their own. The line between a mistake and such a variable:

- one with `__` in it is meant as a setting, so an unknown one is an error;
- so is one that becomes a setting when some of its `_` are doubled (`MIRRORPOINT_STORAGE_URL`), or that is nearly the
  name of a table or of another variable that is read (`MIRRORPOINT_CONFG`);
- every other one can be no setting: it is ignored, and `run`, `worker`, `clock` and `check` say so once.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from changes.explain import Path, bare, keys_of, tables_of
from worker.problems import SettingsError, did_you_mean, nearest

PREFIX = "MIRRORPOINT_"
DELIMITER = "__"
#: Read elsewhere: which file, whether tracebacks are shown; what a child is told by its parent.
NOT_SETTINGS = frozenset({"MIRRORPOINT_CONFIG", "MIRRORPOINT_DEBUG", "MIRRORPOINT_PARENT", "MIRRORPOINT_READY"})
NOT_SETTINGS_PREFIX = "MIRRORPOINT_TEST_"
#: What Kubernetes (and Docker's old links) tell every container of a service: where it is.
_OF_A_SERVICE = re.compile(
    r"(^|_)(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?|NAME|ENV_\w+)$"
)
#: How near a word must be to a name of ours to be taken for it, when it might as well be anything.
_NEAR = 0.8
#: Longer names are not tried out with doubled `_`; no setting has so many words.
_MOST_WORDS = 12


class _UnknownError(Exception):
    """There is no such field; `known` are those that there are instead of `word`."""

    def __init__(self, word: str, known: list[str]) -> None:
        super().__init__(word, known)
        self.word = word
        self.known = known


def lay_over(
    root: type[BaseModel], written: Mapping[str, Any], *, environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[Path, str], tuple[str, ...]]:
    """The file's tables with the variables in them, which variable stands at which path, and those that are ignored."""
    merged = _copied(written)
    variables: dict[Path, str] = {}
    ignored: list[str] = []
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or name in NOT_SETTINGS or name.startswith(NOT_SETTINGS_PREFIX):
            continue
        if _is_used_as_secret(name, merged):
            continue
        words = name.removeprefix(PREFIX).split(DELIMITER)
        try:
            path, annotation = _find(words, root, merged)
            value = _read(text, annotation, name=name)
        except _UnknownError as unknown:
            hint = _meant(words, root, merged)
            if len(words) == 1 and unknown.word and not hint:
                ignored.append(name)
                continue
            hint = hint or did_you_mean(unknown.word, [known.upper() for known in unknown.known])
            what = f'is no setting: "{unknown.word}" is not known' if unknown.word else "is a table, not a field"
            raise SettingsError("environment", name, what, hint or "unset it") from None
        _put(merged, path, value)
        variables[path] = name
    return merged, variables, tuple(ignored)


def _meant(words: list[str], root: type[BaseModel], merged: Any) -> str:
    """`did you mean "X"?` for a name without `__` that was probably to be a setting; empty where it was not."""
    if len(words) != 1 or _OF_A_SERVICE.search(words[0]):
        return ""
    parts = words[0].split("_")
    if len(parts) <= _MOST_WORDS:
        for marks in itertools.product(("_", DELIMITER), repeat=len(parts) - 1):
            name = parts[0] + "".join(mark + part for mark, part in zip(marks, parts[1:], strict=True))
            with contextlib.suppress(_UnknownError):
                _find(name.split(DELIMITER), root, merged)
                return f'did you mean "{PREFIX}{name}"?'
    ours = [name.upper() for name in keys_of(root)] + [name.removeprefix(PREFIX) for name in sorted(NOT_SETTINGS)]
    found = nearest(words[0], ours, cutoff=_NEAR)
    return f'did you mean "{PREFIX}{found}"?' if found else ""


def _is_used_as_secret(name: str, tree: object) -> bool:
    """Whether the configuration itself names this variable (`secret = "env:MIRRORPOINT_WEBHOOK_SECRET"`)."""
    if isinstance(tree, dict):
        return any(_is_used_as_secret(name, member) for member in tree.values())
    if isinstance(tree, list):
        return any(_is_used_as_secret(name, member) for member in tree)
    return tree == f"env:{name}"


def _copied(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {name: _copied(member) for name, member in tree.items()}
    if isinstance(tree, list):
        return [_copied(member) for member in tree]
    return tree


def _find(words: list[str], annotation: Any, tree: Any) -> tuple[Path, Any]:
    """The path that the words mean, each matched whatever its case, and what may stand there."""
    annotation = bare(annotation)
    if not words:
        if tables_of(annotation):
            raise _UnknownError("", [])
        return (), annotation
    word, rest = words[0], words[1:]
    models = tables_of(annotation)
    if models:
        name = _match(word, keys_of(annotation))
        if name is None and any(model.model_config.get("extra") == "allow" for model in models):
            return (word.lower(),), str
        if name is None:
            raise _UnknownError(word, keys_of(annotation))
        below: Any = next(model.model_fields[name].annotation for model in models if name in model.model_fields)
        step: str | int = name
    elif get_origin(annotation) is dict:
        key, below = get_args(annotation)
        names = [str(name) for name in tree] if isinstance(tree, dict) else []
        words_of_key = [str(one) for one in key] if isinstance(key, type) and issubclass(key, Enum) else []
        step = _match(word, [*names, *words_of_key]) or word.lower()
        if names and tables_of(below) and step not in names:
            raise _UnknownError(word, names)  # a misspelt source, not half a new one
    elif get_origin(annotation) is tuple and tables_of(get_args(annotation)[0]):
        step, below = _position(word, tree if isinstance(tree, list) else []), get_args(annotation)[0]
    else:
        raise _UnknownError(word, [])
    path, found = _find(rest, below, _member(tree, step))
    return (step, *path), found


def _position(word: str, rows: list[Any]) -> int:
    codes = [str(row["code"]) if isinstance(row, dict) and "code" in row else str(at) for at, row in enumerate(rows)]
    code = _match(word, codes)
    if code is not None:
        return codes.index(code)
    if word.isdigit() and int(word) < len(rows):
        return int(word)
    raise _UnknownError(word, codes)


def _member(tree: Any, step: str | int) -> Any:
    if isinstance(tree, dict):
        return tree.get(step)
    if isinstance(tree, list) and isinstance(step, int):
        return tree[step]
    return None


def _match(word: str, names: list[str]) -> str | None:
    wanted = word.lower().replace("-", "_")
    return next((name for name in names if name.lower().replace("-", "_") == wanted), None)


def _read(text: str, annotation: Any, *, name: str) -> Any:
    """A variable's text as TOML would have given it; what is no number stays text, and is refused as such."""
    if annotation in {int, float}:
        with contextlib.suppress(ValueError):
            return annotation(text)
    if get_origin(annotation) is tuple:
        if not text.lstrip().startswith("["):
            return [part.strip() for part in text.split(",") if part.strip()]
        return _read_json(text, list, name=name)
    if get_origin(annotation) is dict:
        return _read_json(text, dict, name=name)
    return text


def _read_json(text: str, expected: type, *, name: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, expected):
        what = "list" if expected is list else "object"
        raise SettingsError("environment", name, f"must be a JSON {what}", "single fields have variables of their own")
    return value


def _put(tree: dict[str, Any], path: Path, value: Any) -> None:
    place: Any = tree
    for step in path[:-1]:
        if isinstance(place, dict) and not isinstance(place.get(str(step)), dict | list):
            place[str(step)] = {}
        place = place[step]
    place[path[-1]] = value
