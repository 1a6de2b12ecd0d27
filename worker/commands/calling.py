"""What a command was called with, and the doors to settings and database that commands share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Call:
    """The options before the command's name."""

    config: str | None
    is_debug: bool

    def settings(self) -> Settings:
        """The configuration; SettingsError says what is wrong with it."""
        from worker import settings

        return settings.load(self.config)


def call_of(context: typer.Context) -> Call:
    """The options that stood before the command."""
    call = context.obj
    assert isinstance(call, Call)  # noqa: S101  # set by the callback that runs before each command
    return call
