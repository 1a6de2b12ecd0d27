"""When a worker gives itself up: nothing came through for long, though it could have; or no thread becomes free."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from worker import celery_app, liveness, watchdog
from worker.commands import processes
from worker.watchdog import BEAT_SECONDS, STALLED_SECONDS, STUCK_SECONDS, Watchdog


class Patient:
    """A worker's watchdog, its tasks and the broker, all as we say; time passes in beats."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lost = 0
        self.is_reached = True
        self._state = SimpleNamespace(all_total_count=[0], active_requests=[])
        monkeypatch.setattr(watchdog, "state", self._state)
        monkeypatch.setattr(liveness, "reached", lambda _url: self.is_reached)
        self._watchdog = Watchdog(celery_app.make("redis://nowhere"), queues=["scan"], threads=2, on_lost=self._lose)
        self._now = self._watchdog._moved_at = 0.0  # a whole number: sums of beats stay exact

    def _lose(self) -> None:
        self.lost += 1

    def at_work(self, tasks: int) -> None:
        self._state.active_requests = list(range(tasks))

    def accept(self) -> None:
        self._state.all_total_count[0] += 1

    def live(self, seconds: float, *, accepts: bool = False) -> int:
        for _ in range(int(seconds // BEAT_SECONDS)):
            self._now += BEAT_SECONDS
            if accepts:
                self.accept()
            self._watchdog._look(self._now)
        return self.lost


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Patient:
    return Patient(monkeypatch)


def test_as_long_as_anything_comes_through_all_is_well(patient: Patient) -> None:
    assert patient.live(10 * STALLED_SECONDS, accepts=True) == 0


def test_where_nothing_comes_through_it_gives_up_after_a_while_and_once(patient: Patient) -> None:
    assert patient.live(STALLED_SECONDS) == 0
    assert patient.live(5 * STALLED_SECONDS) == 1


def test_a_broker_that_is_away_is_no_reason_and_when_it_is_back_there_is_time(patient: Patient) -> None:
    patient.is_reached = False
    assert patient.live(10 * STALLED_SECONDS) == 0
    patient.is_reached = True
    assert patient.live(STALLED_SECONDS - 2 * BEAT_SECONDS) == 0


def test_one_thread_that_is_at_work_excuses_nothing(patient: Patient) -> None:
    patient.at_work(1)
    assert patient.live(2 * STALLED_SECONDS) == 1


def test_while_all_threads_are_at_work_nothing_can_come_and_afterwards_there_is_time(patient: Patient) -> None:
    patient.at_work(2)
    assert patient.live(5 * STALLED_SECONDS) == 0
    patient.at_work(0)
    assert patient.live(STALLED_SECONDS) == 0
    assert patient.live(STALLED_SECONDS) == 1


def test_threads_that_never_become_free_are_given_up(patient: Patient) -> None:
    patient.at_work(2)
    assert patient.live(STUCK_SECONDS) == 0
    assert patient.live(2 * BEAT_SECONDS) == 1


def test_threads_that_work_on_one_task_after_the_other_are_not(patient: Patient) -> None:
    patient.at_work(2)
    assert patient.live(3 * STUCK_SECONDS, accepts=True) == 0


@pytest.mark.parametrize(
    ("sources", "queues", "threads", "others"),
    [(1, "scan", 4, 0), (3, "scan", 6, 2), (3, "deliver", 2, 0), (2, "scan,deliver", 6, 2), (40, "scan", 12, 39)],
)
def test_a_worker_has_a_thread_more_for_each_source_beyond_the_first(
    sources: int, queues: str, threads: int, others: int
) -> None:
    settings: Any = SimpleNamespace(sources=dict.fromkeys(range(sources)))
    assert processes._threads(settings, queues.split(",")) == threads
    assert processes._others(settings, queues.split(",")) == others
