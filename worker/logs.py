"""Log lines on standard error: an event, its ids and its numbers; set up once per process by the commands.

People read columns on a terminal; where standard error is not one, each line is a JSON object.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

#: Libraries that tell on INFO what they do with every message; what matters of it, our own steps log.
QUIET = {
    "alembic": logging.WARNING,
    "apscheduler": logging.ERROR,  # a tick that is late is made good by the next one, and no reason to be worried
    "celery": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "kombu": logging.WARNING,
}


def wants_json(is_json: bool | None) -> bool:
    """What was said, else JSON unless standard error is a terminal."""
    return not sys.stderr.isatty() if is_json is None else is_json


def set_up(*, is_json: bool | None = None, is_debug: bool = False, process: str = "") -> None:
    """For this process and every library in it; `is_json` None: unless standard error is a terminal."""
    import structlog

    is_json = wants_json(is_json)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso" if is_json else "%H:%M:%SZ", utc=True),
        _name_process(process),
    ]
    if is_json:
        last: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        last = [
            _without_noughts,
            _without_logger,
            structlog.dev.ConsoleRenderer(
                sort_keys=False,  # what it is about stands first where it is logged
                colors=has_colours(),
                pad_event_to=20,
                pad_level=False,
                exception_formatter=structlog.dev.plain_traceback,  # the other one shows variables, secrets among them
            ),
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared, _shorten_library],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if is_debug else logging.INFO)
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(logging.INFO if is_debug else level)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # loggers made at import must follow what is set here
    )


def set_up_quietly() -> None:
    """For commands that tell themselves what was done: of the libraries, and of us, only what nobody expects is shown.

    structlog is loaded when there is such a thing.
    """
    if "structlog" in sys.modules:
        _set_up_late()
        return
    root = logging.getLogger()
    root.handlers[:] = [_Late()]
    root.setLevel(logging.CRITICAL)
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=True)


def _set_up_late() -> None:
    set_up(is_json=False)
    logging.getLogger().setLevel(logging.CRITICAL)


class _Late(logging.Handler):
    """Gives way to the real one with the first line."""

    def emit(self, record: logging.LogRecord) -> None:
        _set_up_late()
        logging.getLogger().handle(record)


def has_colours() -> bool:
    """On a terminal, and where a parent that writes to one passes our lines on."""
    return (sys.stderr.isatty() or bool(os.environ.get("FORCE_COLOR"))) and not os.environ.get("NO_COLOR")


def _name_process(process: str) -> Any:
    def name(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if process:
            event.setdefault("process", process)
        return event

    return name


def _without_noughts(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """People look for what there was; programs are told of each counter."""
    for name in [
        name for name, value in event.items() if value == 0 and isinstance(value, int) and name != "exit_code"
    ]:
        del event[name]
    return event


def _without_logger(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Ours name the process besides; a line that fits into a terminal's is worth more than the module's name."""
    if str(event.get("logger", "")).startswith("mirrorpoint."):
        del event["logger"]
    return event


_CELERYS_OWN = ("data", "args", "kwargs", "description", "internal")
#: Celery tells a broker that is away with a page of traceback each time; what is in it stands in its last line.
_WITHOUT_TRACEBACK = ("celery.worker.request", "celery.worker.consumer", "kombu")


def _shorten_library(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """One line for what is expected to happen."""
    if str(event.get("logger", "")).startswith(_WITHOUT_TRACEBACK):
        event.pop("exc_info", None)
    for name in _CELERYS_OWN:  # of a task that broke, with the traceback once more; `exception` has it
        event.pop(name, None)
    event["event"] = " ".join(str(event.get("event", "")).split())
    return event
