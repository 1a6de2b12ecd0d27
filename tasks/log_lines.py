"""The loggers of steps and processes. structlog is loaded with the first line that is written, since it and what it
loads take a command a tenth of its start, and most commands write none.

What becomes of a line, worker/logs.py says.
"""

from __future__ import annotations

import logging
import sys
from typing import Any


class Logger:
    """Is given an event, and what is to be known of it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **known: Any) -> None:
        """For who looks for the cause of something."""
        self._write(logging.DEBUG, "debug", event, known)

    def info(self, event: str, **known: Any) -> None:
        """What was done."""
        self._write(logging.INFO, "info", event, known)

    def warning(self, event: str, **known: Any) -> None:
        """What somebody should know."""
        self._write(logging.WARNING, "warning", event, known)

    def error(self, event: str, **known: Any) -> None:
        """What went wrong."""
        self._write(logging.ERROR, "error", event, known)

    def exception(self, event: str, **known: Any) -> None:
        """The same with the traceback of the exception that is being handled."""
        self._write(logging.ERROR, "exception", event, known)

    def _write(self, level: int, method: str, event: str, known: dict[str, Any]) -> None:
        # Where structlog is loaded it decides itself, by what was set up or by what a test looks for.
        if "structlog" not in sys.modules and not logging.getLogger(self._name).isEnabledFor(level):
            return
        import structlog

        getattr(structlog.get_logger(self._name), method)(event, **known)
