"""What a person does on the page: the very functions of the commands, written down as done by him; handed to `web`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import acting, times
from worker.commands.calling import Call

if TYPE_CHECKING:
    from tasks.services import Services
    from worker.settings import Settings

Options = Mapping[str, Any]


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


@dataclass(frozen=True, slots=True)
class _PageCall(Call):
    """A command that is called in a process that serves: its configuration is read, and its log is set up."""

    loaded: Settings

    def settings(self) -> Settings:
        return self.loaded

    def services(self, settings: Settings | None = None, **options: Any) -> Services:
        from worker import bootstrap

        return bootstrap.build(self.loaded if settings is None else settings, prepare=False, **options)


def _call(settings: Settings) -> Call:
    return _PageCall(config=str(settings.file), is_debug=False, loaded=settings)


def _approve(settings: Settings, options: Options) -> None:
    """The scan that looks again is a worker's: it finds the slot that is opened here."""
    from contextlib import closing

    from worker.commands.sync import jobs

    scan = options["scan"]
    with (
        closing(_call(settings).services()) as services,
        acting.acting(services.database, "approve", target=scan) as action,
    ):
        job, approved = jobs.approve(services, scan, look_at=times.now())
        action.outcome = f"done: {'1 deletion' if approved == 1 else f'{approved:,} deletions'} of {job.name} approved"
    output.document({"scan": scan, "resource": job.name, "approved": approved})


def _enable(settings: Settings, options: Options) -> None:
    from worker.commands.points import own_point_changes

    own_point_changes.enable(settings, options["code"], wants_json=True)


def _pause(settings: Settings, options: Options) -> None:
    from worker.commands.points import own_point_changes

    own_point_changes.pause(settings, options["code"], wants_json=True)


def _resume(settings: Settings, options: Options) -> None:
    from worker.commands.points import own_point_changes

    own_point_changes.resume(settings, options["code"], wants_json=True)


def _retry(settings: Settings, options: Options) -> None:
    from worker.commands.deliveries import delivery_retries

    wanted = delivery_retries.Wanted(
        ids=(), point=options["point"], states=(), since=options.get("from"), until=options.get("to"), is_all=False
    )
    delivery_retries.retry(settings, wanted, wants_json=True)


def _test(settings: Settings, options: Options) -> None:
    from worker.commands.points import pinging

    pinging.run(_call(settings), options["code"], like=None, shows=False, wants_json=True)


def _replay(settings: Settings, options: Options) -> None:
    replay(settings, options, is_sure=True)


def replay(settings: Settings, options: Options, *, is_sure: bool) -> None:
    """Without `is_sure` it only counts."""
    from worker.commands.deliveries import replay_choice, replaying
    from worker.problems import UsageError

    if not options.get("from"):
        raise UsageError("the time to begin with is missing", "write from when on, such as 2026-11-22 or 2h")
    resources = str(options.get("resource", "")).replace(",", " ").split()
    wanted = replay_choice.Wanted(
        point=options["point"],
        since=options["from"],
        until=options.get("to"),
        resources=tuple(resources),
        kinds=(),
        is_new=False,
    )
    replaying.replay(_call(settings), wanted, is_sure=is_sure, wants_json=True)


#: Command -> what does it.
_COMMANDS: dict[str, Callable[[Settings, Options], Any]] = {
    "approve": _approve,
    "points enable": _enable,
    "points pause": _pause,
    "points resume": _resume,
    "points test": _test,
    "deliveries retry": _retry,
    "replay": _replay,
}
