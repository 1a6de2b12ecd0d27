"""Makes `--help` say what is to be written, not which type of Python it becomes; docs/commands.md follows it."""

from __future__ import annotations

from typing import Any

import typer.core

#: What stands for the value of an option that does not say so itself.
_VALUES = {"limit": "N", "threads": "N"}


class Group(typer.core.TyperGroup):
    """A group whose commands are read well."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """With its parameters named as a person would."""
        command = super().get_command(ctx, cmd_name)
        return None if command is None else polished(command)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Its own options too."""
        polished(self)
        super().format_help(ctx, formatter)


def polished(command: Any) -> Any:
    """The same command: `[RESOURCE]…` for `[[RESOURCE]…]...`, no `<bool>`, no bounds that nobody will meet."""
    if getattr(command, "is_polished", False):
        return command
    command.is_polished = True
    for parameter in command.params:
        _polish(parameter)
    of_help = command.get_help_option
    command.get_help_option = lambda ctx: _polish(of_help(ctx))
    if hasattr(command, "commands"):
        command.subcommand_metavar = "COMMAND …"
        for inner in command.commands.values():
            polished(inner)
    return command


def _polish(parameter: Any) -> Any:
    """Attributes of this one object: what another version of typer does not ask for does no harm."""
    if parameter is None:
        return None
    parameter._get_number_range_help_str = lambda: None  # noqa: SLF001
    if parameter.param_type_name == "argument":
        name = (parameter.metavar or parameter.name.upper()).strip("[]….")
        shown = name if parameter.required else f"[{name}]"
        shown += "…" if parameter.nargs != 1 else ""
        parameter.metavar = name
        parameter._usage_display_name = lambda: shown  # noqa: SLF001
        parameter.display_type_rich = lambda **_: None
    elif getattr(parameter, "is_flag", False):
        parameter.display_type_rich = lambda **_: None
    elif parameter.metavar is None:
        parameter.metavar = _VALUES.get(parameter.name, parameter.name.upper())
    return parameter


def usage(parameter: Any) -> str:
    """An argument as it stands in the line that shows how a command is called."""
    return str(parameter._usage_display_name())  # noqa: SLF001  # set above
