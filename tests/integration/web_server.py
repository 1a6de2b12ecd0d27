"""The whole application in a thread, over a configuration, as `serve` wires it; for tests that speak HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import uvicorn

from web import app as application
from web import server
from worker import settings
from worker.commands.serve import wiring


@contextmanager
def serving(config: Path, *, now: Callable[[], datetime] | None = None) -> Iterator[str]:
    """Its URL, on a free port of this machine; `now` in place of the clock."""
    web = wiring.web(settings.load(str(config)), "127.0.0.1", links=wiring.Links())
    listener = server.listen("127.0.0.1", 0)
    app = application.make(web if now is None else replace(web, now=now))
    running = uvicorn.Server(uvicorn.Config(app, http="h11", ws="none", lifespan="off", log_config=None))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()  # whoever asks before it answers waits in the listener's queue
    try:
        yield server.url(listener)
    finally:
        running.should_exit = True
        thread.join()
        listener.close()
        web.reading.dispose()
        web.writing.dispose()
