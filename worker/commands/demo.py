"""`mirrorpoint demo`: the whole thing on this machine, against the sandbox, while one watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from worker.demo.stage import Stage


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("demo", epilog="Example: mirrorpoint demo --keep")(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Then show the page, and go on until Ctrl-C.")] = False,
) -> int:
    """Mirror a sandbox Back Office, change it, and watch the changes arrive at a webhook; ends by itself."""
    import signal
    import sys

    from worker import output
    from worker.demo.play import Play
    from worker.demo.stage import Stage

    # Line by line also where it is not a terminal that looks on, `| tee` for instance.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal leaves no more behind than Ctrl-C
        signal.signal(number, signal.default_int_handler)
    with Stage() as stage:
        try:
            is_well = Play(stage).go()
            if keep:
                _keep_on(stage)
        finally:
            output.say("stopping …")
    output.say("done; nothing was left behind")
    return 0 if is_well else 1


def _keep_on(stage: Stage) -> None:
    """Until Ctrl-C, or until `run` ends by itself."""
    import time

    from worker import output

    if link := stage.page_link():
        output.say(f"\nThe page, for this one time: {link}")
    output.say(f"\nStill running, until Ctrl-C. In another terminal:\n  export MIRRORPOINT_CONFIG={stage.config}")
    output.say("  mirrorpoint status; mirrorpoint changes --follow; mirrorpoint show products 1")
    try:
        while stage.run is not None and stage.run.poll() is None:
            time.sleep(0.5)
    except KeyboardInterrupt:
        output.say("")
