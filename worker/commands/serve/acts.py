"""What a person does on the page: the very functions of the commands, written down as done by him; handed to `web`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import acting

if TYPE_CHECKING:
    from worker.settings import Settings


class Acts:
    """Called from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, command: str, /, *, who: str, **options: Any) -> Any:
        """What the command gives with `--json`; Problem and StorageError as the command's."""
        act = _COMMANDS[command]
        with output.captured() as collected, acting.acting_for(who, "page"):
            act(self._settings, options)
        return collected.values[0] if collected.values else None


def _enable(settings: Settings, options: Mapping[str, Any]) -> None:
    from worker.commands.points import own_point_changes

    own_point_changes.enable(settings, options["code"], wants_json=True)


def _pause(settings: Settings, options: Mapping[str, Any]) -> None:
    from worker.commands.points import own_point_changes

    own_point_changes.pause(settings, options["code"], wants_json=True)


def _resume(settings: Settings, options: Mapping[str, Any]) -> None:
    from worker.commands.points import own_point_changes

    own_point_changes.resume(settings, options["code"], wants_json=True)


#: Command -> what does it.
_COMMANDS: dict[str, Callable[[Settings, Mapping[str, Any]], Any]] = {
    "points enable": _enable,
    "points pause": _pause,
    "points resume": _resume,
}
