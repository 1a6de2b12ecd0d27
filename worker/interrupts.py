"""Ctrl-C that comes just while Python finalizes an object: Python only prints such an exception and goes on."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

#: Long enough to be out of the finalizer, short enough for nobody to notice.
_PAUSE_SECONDS = 0.02


@contextmanager
def never_lost() -> Iterator[None]:
    """Meanwhile an interrupt that Python drops comes once more, a moment later."""
    before, is_over, main = sys.unraisablehook, threading.Event(), threading.main_thread().ident
    assert main is not None  # noqa: S101  # it runs

    def interrupt() -> None:
        if not is_over.is_set():
            # A signal, and not only its flag, which nobody looks at while the main thread waits for another.
            signal.pthread_kill(main, signal.SIGINT)

    def look(dropped: UnraisableHookArgs, /) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            threading.Timer(_PAUSE_SECONDS, interrupt).start()
        else:
            before(dropped)

    sys.unraisablehook = look
    try:
        yield
    finally:
        is_over.set()
        sys.unraisablehook = before
