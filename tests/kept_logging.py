"""What is set up of the logging for a whole process, put back."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from worker import logs


@contextmanager
def kept_logging() -> Iterator[None]:
    """Handlers, levels and structlog are afterwards as before."""
    root = logging.getLogger()
    handlers = list(root.handlers)
    levels = {log: log.level for log in (root, *map(logging.getLogger, logs.QUIET))}
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        for log, level in levels.items():
            log.setLevel(level)
        if "structlog" in sys.modules:
            sys.modules["structlog"].reset_defaults()
