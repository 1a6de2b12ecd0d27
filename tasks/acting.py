"""What a person does is written down before and after; used by the commands and by the points API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from storage import actions
from storage.engine import Database


class Action:
    """One that is under way; `outcome` says what came of it."""

    def __init__(self) -> None:
        self.outcome = "done"


@contextmanager
def acting(
    database: Database,
    what: str,
    *,
    who: str,
    how: str,
    target: str,
    arguments: Mapping[str, Any],
    now: Callable[[], datetime],
) -> Iterator[Action]:
    """The intent is committed before the block, its outcome after it; an error that leaves the block is one too.

    `what` is a command's name (`points edit`), `how` the way by which `who` came: `command`, `page` or `rest`.
    """
    with database.write() as session:
        intent = actions.intend(session, who=who, how=how, what=what, target=target, arguments=arguments, now=now())
    action = Action()
    try:
        yield action
    except BaseException as error:
        action.outcome = f"failed: {_said(error)}"[:500]
        raise
    finally:
        with database.write() as session:
            actions.conclude(session, intent, outcome=action.outcome, now=now())


def _said(error: BaseException) -> str:
    """What people are told of it. Python's own errors hardly mean anything without their names."""
    name, text = type(error).__name__, str(error)
    return f"{name}: {text}".rstrip(": ") if type(error).__module__ == "builtins" else text or name
