"""What the pages show: the very documents that the commands give with `--json`, as values; handed to `web`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

from worker import output

if TYPE_CHECKING:
    from storage.engine import KeptDatabase
    from worker.commands.record_names import Named
    from worker.settings import Settings

Options = Mapping[str, Any]


class Document(NamedTuple):
    """What a command says: its document, and the notes beside it."""

    value: Any
    notes: tuple[str, ...]


class Documents:
    """Called from several threads. The commands read from the database that is handed in, and do not close it."""

    def __init__(self, settings: Settings, database: KeptDatabase) -> None:
        self._settings = settings
        self._database = database

    def __call__(self, command: str, /, **options: Any) -> Any:
        """The document; where the command gives JSON Lines, a list. Problem and StorageError are the command's."""
        return self.noted(command, **options).value

    def noted(self, command: str, /, **options: Any) -> Document:
        """The same with what the command notes beside it."""
        show, is_list = _COMMANDS[command]
        from worker import bootstrap

        with output.captured() as collected, bootstrap.reading_from(self._database):
            show(self._settings, options)
        value = collected.values if is_list else next(iter(collected.values), None)
        return Document(value, tuple(collected.notes))


def _status(settings: Settings, options: Options) -> None:
    from worker.commands.status import standing
    from worker.commands.status.wanted import Wanted

    standing.show(settings, Wanted(tuple(options.get("resources", ()))), is_check=False, wants_json=True)


def _changes(settings: Settings, options: Options) -> None:
    from worker.commands.reading import change_log

    wanted = change_log.Wanted(
        resources=tuple(options.get("resources", ())),
        key=options.get("key"),
        parent_key=options.get("parent"),
        kinds=tuple(options.get("kinds", ())),
        fields=tuple(options.get("fields", ())),
        source=options.get("source"),
        since=options.get("since"),
        until=options.get("until"),
        after_seq=options.get("after", 0),
        limit=options.get("limit"),
        has_all_kinds=options.get("all", False),
        is_newest_first=options.get("newest", False),
        before_seq=options.get("before"),
    )
    change_log.show(settings, wanted, zone=UTC, follows=False, wants_json=True)


def _show(settings: Settings, options: Options) -> None:
    from worker.commands.reading import records

    records.show(settings, _record(options), at=options.get("at"), zone=UTC, wants_json=True)


def _history(settings: Settings, options: Options) -> None:
    from worker.commands.reading import records

    records.history(settings, _record(options), field=options.get("field"), wants_json=True)


def _record(options: Options) -> Named:
    from worker.commands.record_names import Named

    return Named(options["resource"], options["key"], options.get("parent"), options.get("source"))


def _deliveries(settings: Settings, options: Options) -> None:
    from worker.commands.deliveries import delivery_list

    wanted = delivery_list.Wanted(
        point=options.get("point"),
        states=tuple(options.get("states", ())),
        record=options.get("record"),
        kinds=tuple(options.get("kinds", ())),
        limit=options.get("limit"),
        is_newest_first=options.get("newest", False),
        before_id=options.get("before"),
    )
    delivery_list.show(settings, wanted, wants_json=True)


def _delivery(settings: Settings, options: Options) -> None:
    from worker.commands.deliveries import delivery_shown

    delivery_shown.show(settings, options["id"], wants_json=True)


def _points(settings: Settings, _options: Options) -> None:
    from worker.commands.points import own_points, point_lists

    wanted = point_lists.read(filters=(), mask=None, order=None, limit=None, offset=0)
    own_points.show_all(settings, wanted, wants_json=True)


def _point(settings: Settings, options: Options) -> None:
    from worker.commands.points import own_points

    own_points.show(settings, options["code"], wants_json=True)


def _diff(settings: Settings, options: Options) -> None:
    from worker.commands.diff import diffing
    from worker.commands.diff.asked import Wanted

    wanted = Wanted(
        start=options["start"],
        end=options.get("end"),
        resources=tuple(options.get("resources", ())),
        source=options.get("source"),
        field=options.get("field"),
        has_steps=False,
    )
    diffing.show(settings, wanted, zone=UTC, is_check=False, wants_json=True)


def _plan(settings: Settings, _options: Options) -> None:
    from worker.commands.check import unasked

    unasked.show(settings)


def _verification(settings: Settings, _options: Options) -> None:
    from worker.commands.record import last_verification

    last_verification.show(settings)


def _actions(settings: Settings, options: Options) -> None:
    from worker.commands.reading import action_log

    wanted = action_log.Wanted(since=options.get("since"))
    action_log.show(settings, wanted, zone=UTC, wants_json=True)


def _replay(settings: Settings, options: Options) -> None:
    """How much it would be: without a yes nothing is sent."""
    from worker.commands.serve import acts

    acts.replay(settings, options, is_sure=False)


#: Command -> what gives its document, and whether that is JSON Lines.
_COMMANDS: dict[str, tuple[Callable[[Settings, Options], Any], bool]] = {
    "status": (_status, False),
    "changes": (_changes, True),
    "show": (_show, False),
    "history": (_history, True),
    "deliveries": (_deliveries, True),
    "deliveries show": (_delivery, False),
    "points list": (_points, False),
    "points show": (_point, False),
    "diff": (_diff, True),
    "check": (_plan, False),
    "verify": (_verification, False),
    "actions": (_actions, True),
    "replay": (_replay, False),
}
