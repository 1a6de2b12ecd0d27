"""Plays the demo: first sight, then change after change, each watched until its events have arrived."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from storage import history, reports
from storage.engine import Database
from upstream.catalogue import Catalogue
from worker import bootstrap, output, settings
from worker.demo.stage import Stage
from worker.problems import Problem

#: So long without one more resource that was mirrored, or until all events of a change have arrived; then it gives up.
PATIENCE_SECONDS = 120
#: How often is looked; seldom, since the database is asked.
LOOK_SECONDS = 0.2


class Play:
    """What is told goes to standard output, a line at a time."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._settings = settings.load(str(stage.config))
        self._catalogues = bootstrap.load_catalogues(self._settings)
        self._resources = [
            (source, resource)
            for source, catalogue in self._catalogues.items()
            for resource in catalogue.resources.values()
            if self._is_on(source, catalogue, resource.name)
        ]
        self._database: Database
        self._delays: list[float] = []

    def go(self) -> bool:
        """The whole of it; False where something that was owed did not arrive, or came with a wrong signature."""
        self._title("1  Mirror", "every list method of the Back Office and of an integration platform, page by page")
        self._first_sight()
        self._title("2  Change", "somebody works in the Back Office; the point DEMO is told, signed")
        for number in range(1, len(self._stage.api.get("story").json()) + 1):
            self._step(number)
        self._title("3  Look", "what stands in the database now")
        return self._sum_up()

    def _is_on(self, source: str, catalogue: Catalogue, name: str) -> bool:
        from changes import schedules

        return schedules.resolve(catalogue.resources[name], self._settings.sources[source].schedule) != "off"

    def _title(self, title: str, about: str) -> None:
        output.say(f"\n{title}: {about}\n", style="bold")

    def _first_sight(self) -> None:
        """Wait until each resource has had its first complete scan."""
        began = moved = time.monotonic()
        done = 0
        self._database = bootstrap.open_database(self._settings, catalogues=self._catalogues)
        self._stage.start_run()
        with output.progress() as bar:
            task = bar.add_task("resources mirrored", total=len(self._resources)) if bar else None
            while True:
                with self._database.read() as session:
                    states = reports.resource_states(session)
                before, done = done, sum(1 for state in states.values() if state.baseline_at)
                moved = time.monotonic() if done > before else moved
                if bar and task is not None:
                    bar.update(task, completed=done)
                if done >= len(self._resources):
                    break
                self._see_to_it(moved, f"{done} of {len(self._resources)} resources were mirrored")
                time.sleep(LOOK_SECONDS)
        seconds = time.monotonic() - began
        with self._database.read() as session:
            rows = sum(reports.row_counts(session, self._resources).values())
        output.say(
            f"   {rows:,} records of {done} resources in {seconds:.1f} s, each with its first version in the log"
        )

    def _step(self, number: int) -> None:
        """One change in the Back Office, until all that it brought about has arrived."""
        before = self._received()
        step = self._stage.api.post(f"story/{number}").json()
        began = time.time()
        output.say(f"   {number:>2}  {step['sentence']}", style="bold")
        owed = len(step["effects"])
        monotonic = time.monotonic()
        while len(arrived := self._received(after=len(before))) < owed:
            what = f"{len(arrived)} of {owed} events arrived after «{step['sentence']}»"
            self._see_to_it(monotonic, what)
            time.sleep(LOOK_SECONDS)
        self._delays += [one["arrived_at"] - began for one in arrived]
        for line in _told(arrived, began=began):
            output.say(f"       {line}")

    def _received(self, *, after: int = 0) -> list[dict[str, Any]]:
        """What has come to our own point so far."""
        answer = self._stage.receiver.get("received", params={"path": "/demo"})
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found[after:]

    def _see_to_it(self, began: float, what: str) -> None:
        """Problem when `run` has ended or the time is over."""
        run = self._stage.run
        is_over = run is not None and run.poll() is not None
        if is_over or time.monotonic() - began > PATIENCE_SECONDS:
            why = "`mirrorpoint run` ended" if is_over else f"not more within {PATIENCE_SECONDS} s"
            raise Problem(f"{what}: {why}", f"it said last:\n{self._stage.log_tail()}")

    def _sum_up(self) -> bool:
        received = self._stage.receiver.get("received").json()
        own, invalid = self._received(), [one for one in received if not one["valid"]]
        with self._database.read() as session:
            kinds = Counter(change.kind for change in history.read(session, after_seq=0, limit=1_000_000))
            problems = [state.last_problem for state in reports.resource_states(session).values() if state.last_problem]
            product = history.read(session, resource="products", key="3", after_seq=0, limit=100)
        output.table(("change", "count"), [(kind, count) for kind, count in kinds.items()], right=("count",))
        output.say("   product 3, version by version:")
        for change in product:
            was = ", ".join(f"{pointer} was {value!r}" for pointer, value in change.previous.items())
            output.say(f"   {change.version}  {output.moment(change.observed_at)}  {change.kind:<9} {was}")
        delays = sorted(self._delays)
        output.say(
            f"\n{len(received)} events arrived, {len(received) - len(invalid)} with a valid signature:"
            f" {len(own)} at DEMO, and {len(received) - len(own)} at CRM, a point of the platform that gets products\n"
            f"from the change in the Back Office to the point: median {delays[len(delays) // 2]:.1f} s,"
            f" worst {delays[-1]:.1f} s"
        )
        for one in invalid:
            output.complain(f"event {one['number']}: {'; '.join(one['problems'])}")
        for problem in problems:
            output.warn(problem)
        return not invalid


def _told(arrived: Sequence[dict[str, Any]], *, began: float) -> list[str]:
    """A line for each kind of event of a resource."""
    lines = []
    width = max([26, *(len(one["event"]["subject"]) for one in arrived[:4])])
    for one in arrived[:4]:
        event = one["event"]
        data = event["data"]
        verdict = "signature valid" if one["valid"] else "; ".join(one["problems"])
        changed = " ".join(pointer for pointer in data["changed"] if pointer)
        seconds = one["arrived_at"] - began
        lines.append(f"{event['type']:<32} {event['subject']:<{width}} {changed:<32} +{seconds:.1f} s  {verdict}")
    if len(arrived) > 4:
        rest = Counter(one["event"]["type"] for one in arrived[4:])
        lines.append("and " + ", ".join(f"{count} more {kind}" for kind, count in rest.items()))
    return lines
