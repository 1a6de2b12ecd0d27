"""`run`, `worker` and `clock`: the daemon in one go, or its parts on several machines."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from worker.commands import times
from worker.commands.calling import LogJson, call_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from celery import Celery

    from tasks.source_slots import SourceSlots
    from worker.child import Child
    from worker.commands.calling import Call
    from worker.embedded import Broker
    from worker.settings import Settings

#: Queue -> threads. Scans wait for one source each; a batch of deliveries is concurrent in itself.
_THREADS = {"scan": 4, "deliver": 2}
#: Each may use a connection to the database, and a process has fifteen.
_MOST_THREADS = 12


def register(app: typer.Typer) -> None:
    """Put the commands of this file under their names."""
    app.command("run", epilog="Example: mirrorpoint run")(run)
    app.command("worker", epilog="Example: mirrorpoint worker --queues deliver --threads 4")(worker)
    app.command("clock", epilog="Example: mirrorpoint clock")(clock)


def run(context: typer.Context, log_json: LogJson = None) -> None:
    """Everything in one go: the embedded broker, the clock, two workers and the page; ends with Ctrl-C."""
    from worker import banner, child, embedded, logs, state_folder

    child.tie_to_parent()
    call = call_of(context)
    settings = call.settings()
    is_json = logs.wants_json(log_json)
    logs.set_up(is_json=is_json, is_debug=call.is_debug, process="run")
    has_page = _has_page(settings)
    _begin(settings)
    broker = None
    if settings.broker.url == "embedded":
        broker = embedded.Broker(embedded.place(state_folder.of(settings)))
    children = [_child(call, "clock", is_json=is_json), *_workers(call, is_json=is_json)]
    if has_page:
        children.append(_child(call, "serve", is_json=is_json))
    _supervise(
        call,
        settings,
        children,
        broker=broker,
        is_json=is_json,
        on_up=lambda: banner.show(
            settings,
            page=banner.Page.of_words(children[-1].said) if has_page else None,
            is_json=is_json,
            now=times.now(),
        ),
    )


def worker(
    context: typer.Context,
    queues: Annotated[
        str | None,
        typer.Option("--queues", metavar="LIST", help="Only these, in this process: scan, deliver or both."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, max=64, help="With --queues: tasks at the same time.")
    ] = None,
    log_json: LogJson = None,
) -> None:
    """Scan and deliver, in two processes so that neither waits for the other; as many machines as you like."""
    from worker import child, logs

    is_child = child.tie_to_parent()
    call = call_of(context)
    settings = call.settings()
    is_json = logs.wants_json(log_json)
    if queues is None:
        if threads is not None:
            raise typer.BadParameter("goes with --queues", param_hint="--threads")
        logs.set_up(is_json=is_json, is_debug=call.is_debug, process="worker")
        _broker_url(settings)
        _begin(settings)
        _supervise(call, settings, _workers(call, is_json=is_json), is_json=is_json)
    names = _names(queues)
    logs.set_up(is_json=is_json, is_debug=call.is_debug, process="+".join(names))
    raise typer.Exit(_work(settings, names, threads or _threads(settings, names), is_child=is_child))


def clock(context: typer.Context, log_json: LogJson = None) -> None:
    """Decide what is to be scanned when; a second one does no harm."""
    from tasks import services
    from worker import celery_app, child, logs
    from worker import clock as ticking

    is_child = child.tie_to_parent()
    call = call_of(context)
    settings = call.settings()
    logs.set_up(is_json=log_json, is_debug=call.is_debug, process="clock")
    _install(settings, celery_app.make(_broker_url(settings)), stopping=None, is_child=is_child)
    raise typer.Exit(ticking.run(services.current))


def _has_page(settings: Settings) -> bool:
    """Whether there will be one. What is wrong with where it will be is told before anything starts."""
    from worker.commands.serve import serving, wiring

    if settings.serve.listen == "off":
        return False
    serving.address(settings)
    wiring.tokens(settings)
    return True


def _supervise(
    call: Call,
    settings: Settings,
    children: Sequence[Child],
    *,
    broker: Broker | None = None,
    is_json: bool,
    on_up: Callable[[], None] | None = None,
) -> NoReturn:
    from worker import reloading, supervisor

    one = supervisor.Supervisor(
        children, broker=broker, is_json=is_json, reload=reloading.reloader(call.config, settings), on_up=on_up
    )
    raise typer.Exit(one.run())


def _work(settings: Settings, names: list[str], threads: int, *, is_child: bool) -> int:
    import threading

    from tasks import source_slots, wakeups
    from worker import celery_app, consumer

    others = _others(settings, names)
    slots = source_slots.SourceSlots(
        most_per_source=source_slots.share(threads=threads, others=others) if others else None
    )
    app, stopping = celery_app.make(_broker_url(settings)), threading.Event()
    _install(settings, app, stopping=stopping, is_child=is_child, slots=slots)
    queues = [*names, wakeups.HOUSEKEEPING] if wakeups.SCAN in names else names
    return consumer.work(app, queues=queues, threads=threads, on_stop=stopping.set)


def _threads(settings: Settings, names: list[str]) -> int:
    """One more for each source beyond the first, so that each may have as many as if it were the only one."""
    return min(max(_THREADS[name] for name in names) + _others(settings, names), _MOST_THREADS)


def _others(settings: Settings, names: list[str]) -> int:
    """Beside the scans of one source, what else must find a thread when that source holds all it may have."""
    return len(settings.sources) - 1 + (len(names) - 1) if "scan" in names and settings.sources else 0


def _install(
    settings: Settings,
    app: Celery,
    *,
    stopping: threading.Event | None,
    is_child: bool,
    slots: SourceSlots | None = None,
) -> None:
    """How tasks of this process get their services: at the first use, since the database may be away for a while."""
    from tasks import services, wakeups
    from worker import bootstrap

    if not is_child:
        _begin(settings)  # a child's parent has done so
    wake = wakeups.Waker(app)
    services.install(
        lambda: bootstrap.build(settings, prepare=False, wake=wake, queued=wake.queued, stopping=stopping, slots=slots)
    )


def _names(queues: str) -> list[str]:
    from worker import problems

    names = [name.strip() for name in queues.split(",") if name.strip()]
    for name in names:
        if name not in _THREADS:
            raise problems.UsageError(f'there is no queue "{name}"', problems.did_you_mean(name, _THREADS))
    if not names:
        raise problems.UsageError("--queues names no queue", "scan, deliver or both: --queues scan,deliver")
    return list(dict.fromkeys(names))


def _workers(call: Call, *, is_json: bool) -> list[Child]:
    return [_child(call, "worker", "--queues", queue, is_json=is_json) for queue in _THREADS]


def _child(call: Call, *arguments: str, is_json: bool) -> Child:
    """The same program, called for one part."""
    from worker import child

    # -P: a file in the current folder that is called as a module of ours, or of a library, is not taken for it.
    command = [sys.executable, "-P", "-m", "worker"]
    if call.config is not None:
        command += ["--config", call.config]
    if call.is_debug:
        command.append("--debug")
    command += [*arguments, "--log-json" if is_json else "--log-lines"]
    return child.Child(arguments[-1], command)


def _begin(settings: Settings) -> None:
    """Tables are made before any process needs them, and what is wrong with settings or database is told at once.

    What processes of this machine held that are dead is free again, and files may be open as many as are allowed.
    """
    from tasks import dead_holders
    from tasks.log_lines import Logger
    from worker import bootstrap, descriptors

    for name in settings.ignored_variables:
        Logger("mirrorpoint.settings").warning("variable_ignored", name=name, why="it is no setting")
    descriptors.raise_limit()
    services = bootstrap.build(settings)
    try:
        dead_holders.free(services.database, now=services.now())
    finally:
        services.database.dispose()


def _broker_url(settings: Settings) -> str:
    """What Celery connects to; for "embedded" that is the server of a `run` on this machine."""
    from worker import embedded, state_folder
    from worker.problems import UsageError

    if settings.broker.url != "embedded":
        return settings.broker.url
    folder = state_folder.of(settings)
    where = embedded.found(folder)
    if not embedded.answers(where):
        raise UsageError(
            "the embedded broker is started by `mirrorpoint run`, which is not running here",
            f"start `mirrorpoint run` with the same state folder ({folder}), or set "
            '[broker] url = "redis://host:6379/0" for separate processes',
        )
    return where.url
