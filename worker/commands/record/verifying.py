"""What `verify` does and prints: a line for each check, what was altered, and what it cannot know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from worker import output
from worker.commands import times
from worker.commands.record import given_heads
from worker.problems import ALTERED, SettingsError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from tasks.record.checks.outcome import Check, Name, Outcome
    from tasks.record.checks.whole import Record, Wanted
    from worker.commands.calling import Call
    from worker.settings import Settings

#: So many problems of one resource are named; of more, their number.
_MOST_OF_ONE = 5
#: What each check counts: one of it, and several.
_COUNTED = {
    "heads": ("head", "heads"),
    "signatures": ("checkpoint", "checkpoints"),
    "numbers": ("change", "changes"),
    "digests": ("change", "changes"),
    "roots": ("checkpoint", "checkpoints"),
    "mirror": ("row", "rows"),
    "deliveries": ("delivery or attempt", "deliveries, attempts"),
    "actions": ("action", "actions"),
}


def verify(call: Call, *, head_files: Sequence[Path], since: str | None, sample: int | None, wants_json: bool) -> int:
    """0, or 6 where the record was altered."""
    from tasks.record.checks.whole import Record, Wanted
    from worker import bootstrap, record_policy

    settings = call.settings()
    began = times.now()
    moment = None if since is None else times.past_moment(since, option="--since", now=began)
    catalogues, policy = bootstrap.load_catalogues(settings), record_policy.of(settings)
    wanted = Wanted(heads=given_heads.read(head_files, policy.signer), since=moment, sample=sample)
    resources = {name: each.resources for name, each in catalogues.items()}
    outcome = _look(settings, Record(resources, policy.signer, policy.keep, _seal(settings)), wanted)
    if outcome.is_whole or not outcome.is_ok:  # a part that is right says nothing of the whole
        _write_down(settings, outcome, began=began)
    if wants_json:
        output.document(outcome.told())
    else:
        _show(outcome, settings, at=began)
    return 0 if outcome.is_ok else ALTERED


def _look(settings: Settings, record: Record, wanted: Wanted) -> Outcome:
    from tasks.record.checks import whole
    from tasks.record.checks.looks import Looks
    from worker import bootstrap

    database = bootstrap.open_reading(settings)
    try:
        with output.progress() as bar, database.kept_open() as look:
            return whole.verify(Looks(look, tell=_Shown(bar).tell), record, wanted)
    finally:
        database.dispose()


def _seal(settings: Settings) -> Callable[[Any], Any] | None:
    """Whoever verifies need not be let near the seal key."""
    from worker import bootstrap

    try:
        return bootstrap.open_vault(settings).seal
    except SettingsError:
        return None


class _Shown:
    """A bar for the check that is under way."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._name: Name | None = None
        self._task: TaskID | None = None

    def tell(self, name: Name, done: int, total: int) -> None:
        if self._bar is None:
            return
        if self._task is None or name != self._name:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._name, self._task = name, self._bar.add_task(name.value, total=total or None)
        self._bar.update(self._task, completed=done, total=total or None)


def _write_down(settings: Settings, outcome: Outcome, *, began: Any) -> None:
    """For `status`. Whoever may only read verifies as well, and nothing is kept of it."""
    from storage import verifications
    from storage.engine import Database
    from storage.errors import StorageError
    from storage.session import failures
    from storage.verifications import How
    from tasks.record import verifying

    database = Database(settings.storage.url)
    try:
        with database.write() as session:
            verifications.add(session, verifying.row_of(outcome, how=How.COMMAND, began=began, ended=times.now()))
    except StorageError:
        return
    except failures():
        return
    finally:
        database.dispose()


def _show(outcome: Outcome, settings: Settings, *, at: datetime) -> None:
    from storage import urls

    database = urls.usable(settings.storage.url).text()
    output.say(f"{output.moment(at)}, {settings.record.name or 'a record without a name'}, {database}\n")
    for check in outcome.checks:
        _show_check(check)
    output.say("")
    problems = outcome.problems
    if problems:
        output.say(f"the record was ALTERED: {problems[0].what}", style="bold red")
        _show_others(outcome)
        output.say("  nothing was changed; what to do now: docs/record.md, When `verify` says no")
    else:
        output.say(f"nothing was altered{_in_what(outcome)}", style="bold green")
    for remark in outcome.remarks:
        output.say(f"note: {remark}")
    if not problems:
        for head in filter(None, (outcome.head, outcome.head_of_actions)):
            _show_head(head, settings.record.name)


def _show_others(outcome: Outcome) -> None:
    """All but the first problem: one altered table must not hide what else was."""
    named, more = Counter[str](), Counter[str]()
    for check in outcome.checks:
        more += check.untold
    for number, problem in enumerate(outcome.problems):
        of = problem.resource or ""
        if of and named[of] == _MOST_OF_ONE:
            more[of] += 1
            continue
        named[of] += 1
        if number:
            output.say(f"  also: {problem.what}", style="red")
    for of, count in more.items():
        output.say(f"  and {count:,} more{f' of {of}' if of else ''}", style="red")


def _in_what(outcome: Outcome) -> str:
    changes = "1 change" if outcome.changes == 1 else f"{outcome.changes:,} changes"
    return f": {changes}" if outcome.is_whole else f" in the part that was looked at; the record has {changes}"


def _show_head(head: str, name: str | None) -> None:
    origin = head.partition("\n")[0]
    if name is not None and origin in (name, f"{name}/actions"):
        said = "a head of this record, to be filed elsewhere"
    else:
        said = f"the newest head is of a former name, {origin}"
    output.say(f"\n{said}:\n\n{head}".rstrip())


def _show_check(check: Check) -> None:
    word, colour = ("ok", "green") if check.is_ok else ("BAD", "red")
    one, several = _COUNTED[check.name]
    number = f"{check.count:,}" if check.count else "no"
    counted = f"{number:>13} {one if check.count == 1 else several:<20}"
    said = f"  {check.problem}" if check.problem else ""
    output.say(f"{word:<4}{check.name:<11}{counted} {check.seconds:>8.1f} s{said}", style=colour)
