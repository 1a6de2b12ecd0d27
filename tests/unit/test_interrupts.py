"""Ctrl-C ends a command whatever it is doing just then."""

from __future__ import annotations

import signal
import sys
import threading
import time
import weakref

import pytest

from worker import interrupts

MOST_SECONDS = 20.0


class Thing:
    """Something that is finalized."""


def _forget(things: list[Thing]) -> None:
    with interrupts.never_lost():
        things.clear()  # here Python drops the interrupt
        threading.Event().wait(MOST_SECONDS)  # as one waits for another thread: no line of Python is run meanwhile


def test_an_interrupt_that_comes_in_a_finalizer_is_raised_a_moment_later() -> None:
    things, before = [Thing()], signal.signal(signal.SIGINT, signal.default_int_handler)
    weakref.finalize(things[0], signal.raise_signal, signal.SIGINT)
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            _forget(things)
        assert time.monotonic() - began < MOST_SECONDS
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_exceptions_of_finalizers_are_told_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: told.append(dropped.exc_type))
    thing = Thing()
    weakref.finalize(thing, {}.__getitem__, "missing")
    with interrupts.never_lost():
        del thing
    assert told == [KeyError]
