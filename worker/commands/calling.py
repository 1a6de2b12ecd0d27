"""What a command was called with, and the ways to settings and database that commands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tasks.services import Services
    from worker.settings import Settings


#: Of the numbers that a database counts with.
LARGEST = 2**63 - 1

LogJson = Annotated[
    bool | None,
    typer.Option("--log-json/--log-lines", help="One JSON object a line; the default where stderr is no terminal."),
]


@dataclass(frozen=True, slots=True)
class Call:
    """The options before the command's name."""

    config: str | None
    is_debug: bool

    def settings(self) -> Settings:
        """The configuration; SettingsError says what is wrong with it."""
        from worker import settings

        return settings.load(self.config)

    def services(self, settings: Settings | None = None, **options: Any) -> Services:
        """For commands that run steps: what those log is shown with --debug only, the command tells the rest."""
        from tasks import dead_holders
        from worker import bootstrap, logs

        if self.is_debug:
            logs.set_up(is_json=False, is_debug=True)
        else:
            logs.set_up_quietly()
        built = bootstrap.build(self.settings() if settings is None else settings, **options)
        dead_holders.free(built.database, now=built.now())  # else a step waits for who was killed
        return built


def call_of(context: typer.Context) -> Call:
    """The options that stood before the command."""
    call = context.obj
    assert isinstance(call, Call)  # noqa: S101  # set by the callback that runs before each command
    return call


def refuse_before(context: typer.Context) -> None:
    """Of a group that does something by itself: its options would not count for the command behind them."""
    from worker.problems import UsageError

    given = [each for each in context.command.params if _is_given(context, each)]
    if not given:
        return
    option, called = given[0].opts[0], f"{context.command_path} {context.invoked_subcommand}"
    inner = getattr(context.command, "commands", {})[context.invoked_subcommand]
    if any(option in each.opts for each in inner.params):
        value = context.params[given[0].name]
        shown = [] if value is True else value if isinstance(value, list) else [value]
        raise UsageError(f"`{option}` stands behind the command: {' '.join([called, option, *map(str, shown[:1])])}")
    raise UsageError(f"`{called}` has no {option}", f"`{called} --help` shows what there is, with an example")


def _is_given(context: typer.Context, parameter: Any) -> bool:
    source = context.get_parameter_source(parameter.name)
    return source is not None and source.name == "COMMANDLINE"


def help_when_alone(context: typer.Context) -> None:
    """The callback of a group that does nothing by itself: its commands are shown."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
