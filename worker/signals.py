"""Signals as values for the supervisor's loop; what was ignored at the start stays ignored (`nohup`)."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple


class Signals(NamedTuple):
    """What the loop waits with."""

    #: Waits for the next byte, at most so many seconds: the number of a signal, or what was written to `descriptor`.
    #: None when the time is over.
    next: Callable[[float | None], int | None]
    descriptor: int  #: children write to it; their bytes come in line with the signals


def heeded(numbers: Collection[int]) -> set[int]:
    """Those of them that were not ignored when this process began. SIGTERM is always heeded."""
    return {each for each in numbers if each == signal.SIGTERM or signal.getsignal(each) != signal.SIG_IGN}


def has_terminal() -> bool:
    """Whether a terminal controls this process: then SIGHUP says that it has gone; else somebody asks to reload."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


@contextlib.contextmanager
def as_values(numbers: Collection[int]) -> Iterator[Signals]:
    """Nothing happens between two lines of the loop: these signals only wake it."""
    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)
    handlers = {number: signal.signal(number, lambda *_: None) for number in numbers}
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)

        def next_byte(timeout_seconds: float | None) -> int | None:
            if not selector.select(timeout_seconds):
                return None
            return reader.recv(1)[0]

        try:
            yield Signals(next_byte, writer.fileno())
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)
            reader.close()
            writer.close()
