"""Who does what: an action that a command does for a person is written down; used by such commands."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from worker.commands import times

if TYPE_CHECKING:
    from storage.engine import Database
    from tasks.acting import Action


#: Who acts, and how, where it is not who calls a command.
_actor: ContextVar[tuple[str, str] | None] = ContextVar("actor", default=None)


@contextmanager
def acting_for(who: str, how: str) -> Iterator[None]:
    """Meanwhile actions are written down as this person's, who came by another way (`page`, `rest`)."""
    token = _actor.set((who, how))
    try:
        yield
    finally:
        _actor.reset(token)


def acting(
    database: Database, what: str, *, target: str, arguments: Mapping[str, Any] | None = None
) -> AbstractContextManager[Action]:
    """The intent is committed before the block, its outcome after it; an error that leaves the block is one too.

    `what` is the command's name (`points edit`), `target` what it is done to. No secret may be in `arguments`.
    """
    from tasks import acting as written_down

    who, how = _actor.get() or (system_user(), "command")
    return written_down.acting(
        database, what, who=who, how=how, target=target, arguments=arguments or {}, now=times.now
    )


def system_user() -> str:
    """The name that this process runs under, and behind `sudo` the one who called it: `root (anna)`."""
    import pwd

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user that no file names
        name = f"uid {os.getuid()}"
    caller = os.environ.get("SUDO_USER")
    return f"{name} ({caller})" if caller and caller != name else name
