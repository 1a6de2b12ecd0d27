"""Ctrl-C that comes just while Python finalizes an object: Python only prints such an exception and goes on."""

from __future__ import annotations

import _thread
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
    before, is_over = sys.unraisablehook, threading.Event()

    def interrupt() -> None:
        if not is_over.is_set():
            _thread.interrupt_main()

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
