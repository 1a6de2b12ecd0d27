"""What the pages show: the very documents that the commands give with `--json`, as values; handed to `web`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any

from worker import output

if TYPE_CHECKING:
    from worker.settings import Settings


class Documents:
    """Called from several threads; each call opens what it reads, as the command does."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, command: str, /, **options: Any) -> Any:
        """The document; where the command gives JSON Lines, a list. Problem and StorageError as the command's."""
        show, is_list = _COMMANDS[command]
        with output.captured() as collected:
            show(self._settings, options)
        return collected.values if is_list else collected.values[0]


def _status(settings: Settings, options: Mapping[str, Any]) -> None:
    from worker.commands.status import standing
    from worker.commands.status.wanted import Wanted

    standing.show(settings, Wanted(tuple(options.get("resources", ()))), is_check=False, wants_json=True)


def _changes(settings: Settings, options: Mapping[str, Any]) -> None:
    from worker.commands.reading import change_log

    wanted = change_log.Wanted(
        resources=tuple(options.get("resources", ())),
        key=options.get("key"),
        parent_key=options.get("parent_key"),
        kinds=tuple(options.get("kinds", ())),
        fields=tuple(options.get("fields", ())),
        source=options.get("source"),
        since=options.get("since"),
        until=options.get("until"),
        after_seq=options.get("after_seq", 0),
        limit=options.get("limit"),
        has_all_kinds=options.get("has_all_kinds", False),
    )
    change_log.show(settings, wanted, zone=UTC, follows=False, wants_json=True)


Show = Callable[["Settings", Mapping[str, Any]], Any]
#: Command -> what gives its document, and whether that is JSON Lines.
_COMMANDS: dict[str, tuple[Show, bool]] = {"status": (_status, False), "changes": (_changes, True)}
