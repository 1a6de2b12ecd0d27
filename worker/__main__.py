"""`mirrorpoint` = `python -m worker`: the commands, and the one place where a failure becomes a line and an exit code.

Start-up counts: the modules of the commands import the standard library and typer, all else inside their functions.
"""

# ruff: noqa: E402  # the signal comes before what takes its time

from __future__ import annotations

import signal

try:  # Ctrl-C while the rest is being imported ends the process without a traceback
    _at_ctrl_c = signal.signal(signal.SIGINT, signal.SIG_DFL)
except ValueError:  # imported by another thread than the main one, which has signals of its own
    _at_ctrl_c = None

import atexit
import copy
import functools
import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

#: What is imported stays; looking for garbage after every 700 new objects made a tenth of a command's start, and a
#: sixth of a first load. So often it makes less than a hundredth: to freeze what is there, or to look less, brings
#: no more.
gc.set_threshold(10_000)
#: At its end the interpreter would look through all that was loaded once more, which made a sixth of a short command;
#: the memory goes back to the machine anyway.
atexit.register(gc.freeze)

#: Two libraries look for what we do not use: pydantic for plugins, in the metadata of all that is installed; httpx for
#: what its own command line needs, which is more than httpx itself.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # so Python calls a module that is not to be had

import typer
import typer.main

from worker import interrupts, output
from worker.commands import demo, help_texts, processes, sandbox, set_up
from worker.commands.backup import commands as backups
from worker.commands.calling import Call
from worker.commands.deliveries import commands as deliveries
from worker.commands.diff import commands as diffs
from worker.commands.export import commands as exports
from worker.commands.listen import commands as listen
from worker.commands.models import commands as models
from worker.commands.points import commands as points
from worker.commands.reading import commands as reading
from worker.commands.record import commands as record
from worker.commands.serve import commands as serve
from worker.commands.sync import scanning

if _at_ctrl_c is not None:
    signal.signal(signal.SIGINT, _at_ctrl_c)

app = typer.Typer(
    name="mirrorpoint",
    cls=help_texts.Group,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: mirrorpoint init && mirrorpoint check && mirrorpoint run",
)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    config: Annotated[
        str | None, typer.Option("--config", "-c", metavar="FILE", help="Instead of ./mirrorpoint.toml.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and debug lines.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Keep a local, queryable, auditable copy of a B2Core Back Office and tell other systems what changed in it."""
    context.obj = Call(config=config, is_debug=debug or _debug_wanted())
    if version:
        typer.echo(f"mirrorpoint {_version()}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for module in (
    set_up,
    demo,
    processes,
    serve,
    scanning,
    deliveries,
    reading,
    diffs,
    exports,
    points,
    listen,
    models,
    backups,
    record,
    sandbox,
):
    module.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Every failure is told here and nowhere else."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    is_debug = "--debug" in given or _debug_wanted()
    if "--debug" in given:  # where it is wanted it is added at the end
        given = ["--debug", *(word for word in given if word != "--debug")]
    _open_streams()
    try:
        _refuse_garbled(given)
        with interrupts.never_lost():
            code = _command(_called(given))(args=given, prog_name="mirrorpoint", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # as with `| head`
        output.abandon()
        return 0
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):  # typer and rich make this of it
            raise
        output.abandon()
        return 0
    except Exception as error:  # noqa: BLE001  # no traceback reaches a user
        from worker import failures

        return failures.tell(error, wants_json="--json" in given, is_debug=is_debug, words=given)


def _called(given: Sequence[str]) -> str | None:
    """The command's name; None where only all commands together can answer, as for `--help`."""
    words = iter(given)
    for word in words:
        if not word.startswith("-"):
            return word if word in _names() else None
        if word in {"-c", "--config"}:
            next(words, None)
        elif word != "--debug" and not word.startswith("--config="):
            return None
    return None


def _names() -> set[str | None]:
    return {each.name for each in app.registered_commands} | {each.name for each in app.registered_groups}


@functools.cache
def _command(called: str | None) -> Callable[..., Any]:
    """Made of the signatures of that command's function, or of all: those take 50 ms. Once, as tests run thousands."""
    if called is None:
        return typer.main.get_command(app)
    only = copy.copy(app)
    only.registered_commands = [each for each in app.registered_commands if each.name == called]
    only.registered_groups = [each for each in app.registered_groups if each.name == called]
    return typer.main.get_command(only)


def _open_streams() -> None:
    """Somewhere to write to, whatever the caller has closed, and no character that cannot be written."""
    if sys.stdout is None or sys.stderr is None:
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  # for as long as the process lives
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    if sys.stdout.encoding.lower() != "utf-8" and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def _refuse_garbled(given: Sequence[str]) -> None:
    """What is no UTF-8 could neither be looked for in a database nor shown."""
    for word in given:
        if not word.isascii() and any("\ud800" <= character <= "\udfff" for character in word):
            from worker.problems import UsageError

            shown = word.encode("utf-8", "replace").decode()
            raise UsageError(f'"{shown}" is no UTF-8 text', "look at the character set of the terminal")


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("mirrorpoint")
    except metadata.PackageNotFoundError:
        return "(a checkout that is not installed)"


def _debug_wanted() -> bool:
    return os.environ.get("MIRRORPOINT_DEBUG", "").lower() not in {"", "0", "false", "no"}


if __name__ == "__main__":
    sys.exit(main())
