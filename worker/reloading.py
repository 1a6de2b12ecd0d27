"""SIGHUP to `run` or `worker`: the configuration is read and checked anew before any child is started with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.settings import Settings


def reloader(config: str | None, begun_with: Settings) -> Callable[[], str]:
    """A function that says what is wrong with the configuration as it is now; empty where it can be gone on with.

    It builds all that a process would build, so points, tables and secrets are known to be good as well.
    """

    def reload() -> str:
        from worker import bootstrap, failures, settings, state_folder

        try:
            read = settings.load(config)
            if _fixed(read) != _fixed(begun_with) or state_folder.of(read) != state_folder.of(begun_with):
                return "another database, broker or state folder wants a restart"
            bootstrap.build(read).database.dispose()
        except Exception as error:  # noqa: BLE001  # whatever it is: the old configuration goes on
            failure = failures.read(error)
            return f"{failure.message} ({failure.hint})" if failure.hint else failure.message
        return ""

    return reload


def _fixed(read: Settings) -> tuple[str, str]:
    return read.storage.url, read.broker.url
