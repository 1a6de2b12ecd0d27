"""Commands whose arguments are keys, which may begin with a dash: `show items -5`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer.core


class DashedKeys(typer.core.TyperCommand):
    """What is no option of the command is an argument of it, where one is missing."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """With arguments that look like options put behind `--`; a typing error of an option is left to be told."""
        before, _ = _options(ctx.find_root().command, ctx.find_root())
        if any(word.startswith("--") and word.partition("=")[0] in before for word in args):
            return super().parse_args(ctx, args)  # it stands in the wrong place, which is told
        arranged = _arranged(list(args), *_options(self, ctx), wanted=_number_of_arguments(self))
        return super().parse_args(ctx, args if arranged is None else arranged)


def _options(command: Any, ctx: Any) -> tuple[set[str], set[str]]:
    """All names, and those that a value follows."""
    names: set[str] = set()
    with_value: set[str] = set()
    for each in command.get_params(ctx):
        if each.param_type_name == "option":
            own = {*each.opts, *each.secondary_opts}
            names |= own
            with_value |= set() if each.is_flag or each.count else own
    return names, with_value


def _number_of_arguments(command: Any) -> int:
    return sum(each.param_type_name == "argument" for each in command.params)


def _arranged(args: Sequence[str], names: set[str], with_value: set[str], *, wanted: int) -> list[str] | None:
    """Options, `--`, arguments; None where nothing looks like an option without being one, or the numbers differ."""
    options: list[str] = []
    arguments: list[str] = []
    is_odd = False
    rest = iter(args)
    for word in rest:
        if word == "--":
            arguments.extend(rest)
        elif word.partition("=")[0] in names and word.startswith("--"):
            options.append(word)
            if word in with_value:
                options.extend(next(([value] for value in rest), []))
        elif word in names:
            options.append(word)
        else:
            if len(word) > 1 and word.startswith("-"):
                if word.startswith("--") and _is_typing_error(word, names):
                    return None
                is_odd = True
            arguments.append(word)
    return [*options, "--", *arguments] if is_odd and len(arguments) == wanted else None


def _is_typing_error(word: str, names: set[str]) -> bool:
    import difflib  # few keys begin with two dashes

    return bool(difflib.get_close_matches(word, names, n=1, cutoff=0.7))
