"""The fields of an integration point at its platform, as `points add` and `points edit` with `--source` write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from changes import point_entities
from worker import output
from worker.commands.points import point_given, point_values
from worker.problems import UsageError, did_you_mean, nearest

if TYPE_CHECKING:
    from worker.commands.points.point_given import Given
    from worker.settings import Settings

#: What nobody may write, and why.
_REFUSED = {
    "id": "the platform gives it and forbids changing it",
    "token_local": "the platform makes it and forbids changing it",
    "tokenlocal": "the platform makes it and forbids changing it",
    "ext": "the platform writes it itself",
}


def _truth(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise ValueError("must be true or false")
    return words[text.lower()]


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("must be a whole number") from None


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


#: Field -> how its value is read.
_WRITABLE: Mapping[str, Callable[[str], Any]] = {
    "code": str,
    "type": str,
    "url": str,
    "token_remote": str,
    "token_remote2": str,
    "recv_svcscriptcode": str,
    "recv_svcscriptcode_ws": str,
    "send_svcscriptcode": str,
    "send_svcscriptcode_ws": str,
    "opts.title": str,
    "opts.comment": str,
    "opts.allow_files_api": _truth,
    "opts.issync": _truth,
    "opts.recv_timeout": _number,
    "opts.roles": _names,
    "opts.userid": str,
}


def document(settings: Settings, given: Given) -> dict[str, Any]:
    """What is given, as the platform's entity has it: members of `opts` below it."""
    _refuse_ours(given)
    texts = {name: getattr(given, name) for name in ("code", "url", "type", "token_remote")}
    texts = {name: text for name, text in texts.items() if text is not None}
    for each in given.sets:
        field, mark, text = each.partition("=")
        if not mark:  # what was written is not repeated: it may be a token
            raise UsageError("--set: there is no = in it", "write FIELD=VALUE, or FIELD= for an empty text")
        _check_name(field)
        if field in texts:
            raise UsageError(f"{field} is given twice", "say it once")
        texts[field] = text
    if "code" in texts:
        point_values.check_code(texts["code"])
    known = ("url", "token_remote", "token_remote2")
    checked = point_values.checked(settings, {name: texts[name] for name in known if name in texts}, is_own=False)
    return point_entities.nested({name: _value(name, str(checked.get(name, text))) for name, text in texts.items()})


def _check_name(field: str) -> None:
    reason = _REFUSED.get(field.partition(".")[0])
    if reason is not None:
        raise UsageError(f"--set {field}: {reason}")
    inner = field.removeprefix("opts.")
    if field in _WRITABLE:
        return
    if not field.startswith("opts.") or not inner or "." in inner or nearest(field, _WRITABLE):
        raise UsageError(f'--set: points have no field "{field}"', did_you_mean(field, _WRITABLE))
    output.warn(f"{field} is in no document of the platform")  # an installation may have more than is documented


def _value(field: str, text: str) -> Any:
    """Of a member of `opts` that is in no document: as JSON where it is some, else the text."""
    if field not in _WRITABLE:
        try:
            return json.loads(text)
        except ValueError:
            return text
    try:
        return _WRITABLE[field](text)
    except ValueError as error:
        raise UsageError(f"--set {field}: {error}") from None


def _refuse_ours(given: Given) -> None:
    if given.token_local is not None:
        raise UsageError(f"--token-local: {_REFUSED['token_local']}")
    names = [*(["secret"] if given.secret is not None else []), *point_given.option_names(given)]
    if names:
        option = "--" + names[0].partition(" ")[0].replace("_", "-")
        hint = "how a mirrored point is sent to is kept here: `points edit` without --source, once it is mirrored"
        raise UsageError(f"a platform's points have no {option}", hint)
