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
        action.outcome = f"failed: {type(error).__name__}: {error}".rstrip(": ")[:500]
        raise
    finally:
        with database.write() as session:
            actions.conclude(session, intent, outcome=action.outcome, now=now())
