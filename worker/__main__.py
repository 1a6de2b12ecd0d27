"""`mirrorpoint` = `python -m worker`: the commands, and the one place where a failure becomes a line and an exit code.

Start-up counts: the modules of the commands import the standard library and typer, all else inside their functions.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from worker.commands import deliveries, demo, points, processes, reading, sandbox, scanning, set_up
from worker.commands.calling import Call

app = typer.Typer(
    name="mirrorpoint",
    add_completion=False,
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


for module in (set_up, demo, processes, scanning, deliveries, reading, points, sandbox):
    module.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Every failure is told here and nowhere else."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    is_debug = "--debug" in given or _debug_wanted()
    if "--debug" in given:  # where it is wanted it is added at the end
        given = ["--debug", *(word for word in given if word != "--debug")]
    try:
        code = app(args=given, prog_name="mirrorpoint", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has gone (`| head`); without this the interpreter complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001  # no traceback reaches a user
        from worker.commands import failures

        return failures.tell(error, wants_json="--json" in given, is_debug=is_debug)


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
