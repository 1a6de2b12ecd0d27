"""What is told of a command line that is wrong: what was written, and where it belongs or what is possible.

Called by worker/failures.py with what typer has raised. The classes of its errors are private, their attributes not.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: What of a number's bounds nobody will meet.
_LARGEST = 2**63 - 1
#: The command that is taken as an example where none was named.
_EXAMPLE = "status"


def told(error: Any, words: Sequence[str]) -> tuple[str, str]:
    """Message and hint of an error of typer; `words` is the command line that it speaks of."""
    context, option = getattr(error, "ctx", None), getattr(error, "option_name", None)
    if context is not None and option is not None:
        number = _negative(context, option, words)
        if number:
            return number, ""
        place = _place(context, option, words) or _without_its_name(context, option, words)
        if place:
            return place, ""
    where = getattr(context, "command_path", "mirrorpoint")
    hint = f"`{where} --help` shows what there is, with an example"
    value = _value(error)
    if value:
        return value, _numbers_of(error)
    if getattr(error, "possibilities", None):
        near = _near(option or "", error.possibilities)
        return error.message, f"did you mean {near}? {hint}" if near else hint
    message, _, meant = error.format_message().rstrip(".").partition(". ")
    extra = re.fullmatch(r"Got unexpected extra argument\S* \((.*)\)", message, re.DOTALL)
    if extra is not None and context is not None:
        return f'`{where}` does not take "{extra[1]}"', f"{_meant(context, extra[1])}{hint}"
    example = (getattr(getattr(context, "command", None), "epilog", None) or "").removeprefix("Example: ")
    if example and message.startswith("Missing "):
        return message, f"for example `{example}`; `{where} --help` shows what there is"
    return message, f"{meant.lower()} {hint}".strip()


def _near(given: str, options: Sequence[str]) -> str:
    """Those of the options that are like it in more than their dashes."""
    names = {each.lstrip("-"): each for each in options}
    like = difflib.get_close_matches(given.lstrip("-"), names)
    return ", ".join(sorted(names[each] for each in like))


def _meant(context: Any, extra: str) -> str:
    """The option that a word is meant for which names a resource or a record; else empty."""
    option = "--record" if "/" in extra else "--resource"
    is_one = re.fullmatch(r"[^\s-]\S*", extra) is not None
    return f"did you mean {option} {extra}? " if is_one and option in _options(context.command) else ""


def _negative(context: Any, option: str, words: Sequence[str]) -> str:
    """Of a number below 0 in place of one that is an argument, which is read as an option; else empty."""
    given = next((word for word in words if re.fullmatch(r"-\d+", word) and word.startswith(option)), None)
    wanted = [each for each in context.command.params if each.param_type_name == "argument" and hasattr(each, "min")]
    return _not_possible(wanted[0].metavar, given, least=wanted[0].min) if given and wanted else ""


def _not_possible(name: str, given: object, *, least: int | None = None, most: int | None = None) -> str:
    bounds = f" from {least}" if least is not None else ""
    bounds += f" to {most}" if most is not None else " on" if bounds else ""
    return f'{name} "{given}" is not possible: it is a whole number{bounds}'


def _place(context: Any, option: str, words: Sequence[str]) -> str:
    """Where the option belongs that the command does not have; empty where no other place has it."""
    at_first = context.find_root().command
    of_all = _options(at_first).get(option)
    if context.parent is not None and of_all is not None:
        shown = " ".join([option, *_value_of(of_all, option, words)])
        command = "" if of_all.name == "version" else context.command_path.removeprefix("mirrorpoint")
        return f"`{option}` stands before the command: mirrorpoint {shown}{command}"
    for name, command in _inner(context, words):
        found = _options(command).get(option)
        if found is not None:
            shown = " ".join([context.command_path, name, option, *_value_of(found, option, words)])
            return f"`{option}` stands behind the command: {shown}"
    return ""


def _without_its_name(context: Any, option: str, words: Sequence[str]) -> str:
    """How to write what the command has as an argument, where it was given as an option; else empty."""
    name = option.lstrip("-").upper()
    if not any(each.param_type_name == "argument" and each.metavar == name for each in context.command.params):
        return ""
    return f"{name} is written without `{option}`: {context.command_path} {_given_for(option, words) or name}"


def _inner(context: Any, words: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """The command of a group that was named behind the option; an example where none was."""
    commands: Mapping[str, Any] = getattr(context.command, "commands", {})
    named = [word for word in words if word in commands]
    for name in named[:1] or [each for each in (_EXAMPLE,) if each in commands]:
        yield name, commands[name]


def _options(command: Any) -> dict[str, Any]:
    """Each word that is an option of the command."""
    every = (each for each in command.params if each.param_type_name == "option")
    return {word: each for each in every for word in (*each.opts, *each.secondary_opts)}


def _value_of(option: Any, word: str, words: Sequence[str]) -> list[str]:
    """What was given for it, else the name of what it wants."""
    return [] if option.is_flag else [_given_for(word, words) or option.metavar or option.name.upper()]


def _given_for(option: str, words: Sequence[str]) -> str:
    """What was written behind the option; else empty."""
    for number, each in enumerate(words):
        if each.startswith(f"{option}="):
            return each.partition("=")[2]
        if each == option and number + 1 < len(words):
            return words[number + 1]
    return ""


def _numbers_of(error: Any) -> str:
    """Where a change's number is to be found, if a record was given for it."""
    given = error.__cause__.errors(include_url=False)[0]["input"]
    if error.param.metavar == "SEQ" and "/" in str(given):
        return f"`mirrorpoint changes --record {given}` shows the numbers of its changes"
    return ""


def _value(error: Any) -> str:
    """Of a number that is none or too small or large: its name, what was given, what is allowed; else empty."""
    parameter, cause = getattr(error, "param", None), error.__cause__
    if parameter is None or not hasattr(cause, "errors") or not hasattr(parameter, "min"):
        return ""
    wrong = cause.errors(include_url=False)[0]
    is_too_large = wrong["type"].startswith("less_than")
    name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar
    most = None if parameter.max == _LARGEST and not is_too_large else parameter.max
    return _not_possible(name, wrong["input"], least=parameter.min, most=most)
