"""The delivery step with real receivers: everything owed arrives, in order per record, and nobody waits for another."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from changes.sealing import Vault
from storage import deliveries, outbox, points
from storage.engine import Database
from storage.errors import DatabaseTrouble
from tasks.delivery import deliver as step
from tasks.delivery import dispatcher, store
from tasks.delivery.deliver import DeliverEnd
from tests import waiting
from tests.integration.office import OK, Office, arrived, hanging
from tests.integration.scripted_server import Reply, Request, ScriptedServer, closed_port
from webhooks import request as requests
from worker import minute_line

SECRET = "whsec_" + "c2VjcmV0" * 4
OTHER_SECRET = "whsec_" + "b3RoZXJz" * 4


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        running.on("POST", "/hook", OK)
        yield running


def is_ascending(versions: list[int]) -> bool:
    return versions == sorted(versions)


def test_all_that_is_due_arrives_signed_and_in_the_form_that_is_promised(
    office: Office, server: ScriptedServer
) -> None:
    office.policy(secret=OTHER_SECRET)
    office.point("A", f"{server.url}/hook", token="remote", secret=SECRET)
    office.point("B", f"{server.url}/b")
    server.on("POST", "/b", OK)
    (seq,) = office.change("42", to=("A", "B"))
    end = office.deliver()

    assert end == DeliverEnd(attempted=2, delivered=2, due=0, dead=0)
    for path, secret, authorization in (("/hook", SECRET, "Bearer remote"), ("/b", OTHER_SECRET, None)):
        (request,) = server.asked("POST", path)
        Webhook(secret).verify(request.body, dict(request.headers))
        event = from_http_event(HTTPMessage(headers=dict(request.headers), body=request.body))
        assert event.get_id() == request.headers["webhook-id"]
        assert event.get_extension("sequence") == f"{seq:020d}"
        assert request.headers.get("authorization") == authorization
    assert office.rows() == [("A", seq, "delivered", 1), ("B", seq, "delivered", 1)]
    with office.database.read() as session:
        assert {point.code: point.delivered for point in points.list_all(session)} == {"A": 1, "B": 1}


def test_nothing_due_is_nothing_to_do(office: Office) -> None:
    assert office.deliver() == DeliverEnd()


def test_versions_of_a_record_arrive_in_order_whatever_fails(office: Office, server: ScriptedServer) -> None:
    """Every third answer is a failure; the clock is moved on for the pauses."""
    count = 0
    lock = threading.Lock()

    def moody(_: Request) -> Reply:
        nonlocal count
        with lock:
            count += 1
            return Reply(503) if count % 3 == 0 else OK

    office.policy(retries_seconds=(10.0,) * 20)
    office.point("A", f"{server.url}/hook")
    server.on("POST", "/hook", moody)
    for _ in range(4):
        office.change(*"abcdefghij")
    for _ in range(30):
        if not office.deliver().due:
            break
        office.clock.ahead += timedelta(seconds=20)

    assert set(office.states()) == {"delivered"}
    ids: dict[tuple[str, int], set[str]] = {}
    for request in server.asked("POST", "/hook"):
        data = request.json()["data"]
        ids.setdefault((data["key"], data["version"]), set()).add(request.headers["webhook-id"])
    assert sorted(ids) == [(key, version) for key in "abcdefghij" for version in range(1, 5)]
    assert {len(same) for same in ids.values()} == {1}
    for key in "abcdefghij":
        assert is_ascending([version for other, version in arrived(server) if other == key])


def test_a_record_that_fails_holds_up_no_other(office: Office, server: ScriptedServer) -> None:
    office.point("A", f"{server.url}/hook")
    server.on("POST", "/hook", lambda request: Reply(500) if request.json()["data"]["key"] == "bad" else OK)
    office.change("bad", "good")
    office.change("bad", "good")
    end = office.deliver()

    assert end == DeliverEnd(attempted=3, delivered=2, due=2, dead=0)
    assert sorted(arrived(server)) == [("bad", 1), ("good", 1), ("good", 2)]


def test_after_the_last_attempt_a_delivery_is_dead_and_the_next_version_goes_on(
    office: Office, server: ScriptedServer
) -> None:
    office.point("A", f"{server.url}/hook")
    server.on("POST", "/hook", *[Reply(500)] * 3, OK)
    office.change("r")
    office.change("r")
    ends = []
    for _ in range(4):
        ends.append(office.deliver())
        office.clock.ahead += timedelta(seconds=30)

    assert [(end.delivered, end.dead, end.due) for end in ends] == [(0, 0, 2), (0, 0, 2), (1, 1, 0), (0, 0, 0)]
    assert arrived(server) == [("r", 1)] * 3 + [("r", 2)]
    with office.database.read() as session:
        row = deliveries.read(session)[0]
        attempts = deliveries.attempts(session, row.id or 0)
    assert (row.state, row.last_status, row.last_error) == (
        "dead",
        500,
        "3 attempts failed, the last: answered 500",
    )
    assert [(attempt.status, attempt.error) for attempt in attempts] == [
        (500, "answered 500"),
        (500, "answered 500"),
        (500, "3 attempts failed, the last: answered 500"),
    ]


def test_a_final_answer_makes_one_delivery_dead(office: Office, server: ScriptedServer) -> None:
    office.point("A", f"{server.url}/hook")
    server.on("POST", "/hook", Reply(302, headers={"Location": "/hook"}))
    office.change("r")

    assert office.deliver() == DeliverEnd(attempted=1, delivered=0, due=0, dead=1)
    assert arrived(server) == [("r", 1)]


def test_410_stops_the_point_and_skips_what_it_is_owed(office: Office, server: ScriptedServer) -> None:
    office.policy(concurrency=1)
    office.point("A", f"{server.url}/hook")
    office.point("B", f"{server.url}/b")
    server.on("POST", "/hook", Reply(410))
    server.on("POST", "/b", OK)
    for _ in range(3):
        office.change("r", "q", to=("A", "B"))
    end = office.deliver()

    assert (end.delivered, end.due, end.dead) == (6, 0, 0)
    assert {(point, state) for point, _, state, _ in office.rows()} == {("A", "skipped"), ("B", "delivered")}
    assert len(server.asked("POST", "/hook")) == 1
    with office.database.read() as session:
        gone = points.find(session, "A")
    assert gone is not None
    assert (gone.state, gone.state_reason) == ("gone", "the receiver answered 410 Gone")


def test_what_is_under_way_when_its_point_goes_is_not_left_owed(office: Office, server: ScriptedServer) -> None:
    """One answer says 410; another, still on its way, would be tried again: but there is nobody any more to try."""
    is_gone = threading.Event()

    def answer(request: Request) -> Reply:
        if request.json()["data"]["key"] == "first":
            is_gone.set()
            return Reply(410)
        is_gone.wait(10)
        time.sleep(0.3)
        return Reply(503)

    office.point("A", f"{server.url}/hook")
    server.on("POST", "/hook", answer)
    office.change("first", "second")
    office.deliver()

    assert office.states() == ["skipped", "skipped"]


def test_retry_after_is_obeyed(office: Office, server: ScriptedServer) -> None:
    office.point("A", f"{server.url}/hook")
    server.on("POST", "/hook", Reply(429, headers={"Retry-After": "120"}), OK)
    office.change("r")
    office.deliver()
    office.clock.ahead += timedelta(seconds=110)
    assert office.deliver().attempted == 0
    office.clock.ahead += timedelta(seconds=20)
    assert office.deliver().delivered == 1


@pytest.mark.parametrize("hang", [1, 12])
def test_points_that_hang_delay_no_other(office: Office, server: ScriptedServer, hang: int) -> None:
    """What becomes due while the others hang is seen too."""
    slow = [f"SLOW{number}" for number in range(hang)]
    with hanging() as (go_on, answer):
        server.on("POST", "/slow", answer)
        for code in slow:
            office.point(code, f"{server.url}/slow")
        office.point("Z", f"{server.url}/hook")
        office.change(*"abcdefghijkl", to=(*slow, "Z"))
        step_thread = threading.Thread(target=office.deliver)
        step_thread.start()
        waiting.until(lambda: len(arrived(server)) == 12)
        changed_at = time.monotonic()
        office.change("new", to=(*slow, "Z"))
        waiting.until(lambda: ("new", 1) in arrived(server))
        seconds = time.monotonic() - changed_at
        go_on.set()
        step_thread.join()

    assert seconds < 1
    assert {state for point, _, state, _ in office.rows() if point == "Z"} == {"delivered"}


def test_no_more_requests_are_under_way_at_a_point_than_allowed(office: Office, server: ScriptedServer) -> None:
    under_way, most = 0, 0
    lock = threading.Lock()

    def answer(_: Request) -> Reply:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.01)
        with lock:
            under_way -= 1
        return OK

    office.policy(concurrency=3)
    office.point("A", f"{server.url}/hook")
    server.on("POST", "/hook", answer)
    office.change(*(f"r{number}" for number in range(40)))
    steps = [threading.Thread(target=office.deliver) for _ in range(2)]
    for thread in steps:
        thread.start()
    for thread in steps:
        thread.join()

    assert most == 3
    assert len(arrived(server)) == 40


def test_two_steps_at_once_send_nothing_twice_and_keep_the_order(office: Office, server: ScriptedServer) -> None:
    office.point("A", f"{server.url}/hook")
    for _ in range(6):
        office.change(*"abcdefgh")
    steps = [threading.Thread(target=lambda: office.deliver(wait=True)) for _ in range(3)]
    for thread in steps:
        thread.start()
    for thread in steps:
        thread.join()

    got = arrived(server)
    assert sorted(got) == [(key, version) for key in "abcdefgh" for version in range(1, 7)]
    for key in "abcdefgh":
        assert [version for other, version in got if other == key] == [1, 2, 3, 4, 5, 6]


def test_waiting_goes_on_until_nothing_is_owed(office: Office, server: ScriptedServer) -> None:
    office.policy(retries_seconds=(0.3, 0.3))
    office.point("A", f"{server.url}/hook")
    server.on("POST", "/hook", Reply(503), Reply(503), OK)
    office.change("r")

    assert office.deliver(wait=True) == DeliverEnd(attempted=3, delivered=1, due=0, dead=0)


def test_waiting_ends_when_the_time_is_over(office: Office) -> None:
    with closed_port() as port:
        office.point("A", f"http://127.0.0.1:{port}/")
        office.change("r")
        started = time.monotonic()
        end = office.deliver(wait=True, seconds=0.5)

    assert end == DeliverEnd(attempted=1, delivered=0, due=1, dead=0)
    assert 0.4 < time.monotonic() - started < 5
    assert office.woken == []  # what is left is not due yet


def test_at_the_end_of_its_time_a_step_waits_for_what_is_under_way_and_hands_the_rest_on(
    office: Office, server: ScriptedServer
) -> None:
    office.policy(concurrency=1)
    office.point("A", f"{server.url}/hook")
    server.on("POST", "/hook", lambda _: time.sleep(0.4) or OK)  # type: ignore[func-returns-value]
    office.change("a", "b", "c")
    end = office.deliver(seconds=0.2)

    assert end == DeliverEnd(attempted=1, delivered=1, due=2, dead=0)
    assert office.woken == ["deliver"]


def test_a_step_that_is_to_stop_gives_up_what_hangs_and_settles_it(
    office: Office, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step, "STOP_SECONDS", 0.3)
    with hanging() as (_, answer):
        server.on("POST", "/hook", answer)
        office.policy(timeout_seconds=60)
        office.point("A", f"{server.url}/hook")
        office.change("r", "q", "p")
        running = threading.Thread(target=office.deliver)
        running.start()
        waiting.until(lambda: len(server.requests) == 2)
        office.services.stopping.set()
        running.join(10)

        assert not running.is_alive()
    assert sorted((state, attempts) for _, _, state, attempts in office.rows()) == [("due", 0), ("due", 1), ("due", 1)]
    with office.database.read() as session:
        errors = {row.last_error for row in deliveries.read(session)}
    assert errors == {None, "the process was stopped before the answer came"}
    assert office.woken == []


def test_a_step_that_is_to_stop_lets_a_slow_receiver_have_what_it_has_in_hand(
    office: Office, server: ScriptedServer
) -> None:
    has_begun, may_answer = threading.Event(), threading.Event()

    def slow(_: Request) -> Reply:
        has_begun.set()
        may_answer.wait(20)
        return OK

    server.on("POST", "/hook", slow)
    office.policy(timeout_seconds=20, concurrency=1)
    office.point("A", f"{server.url}/hook")
    office.change("r", "q")
    running = threading.Thread(target=office.deliver)
    running.start()
    assert has_begun.wait(10)
    office.services.stopping.set()
    waiting.until(lambda: sorted(state for _, _, state, _ in office.rows()) == ["due", "leased"])
    may_answer.set()
    running.join(20)

    assert sorted((state, attempts) for _, _, state, attempts in office.rows()) == [("delivered", 1), ("due", 0)]


def test_no_more_requests_are_under_way_than_files_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    for files, expected in ((1024, 400), (150, 50), (64, 1), (resource.RLIM_INFINITY, 400)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        assert dispatcher.most_under_way() == expected


def test_a_line_a_minute_tells_what_was_done_since_the_last_one(office: Office, server: ScriptedServer) -> None:
    line = minute_line.MinuteLine(lambda: office.services)
    server.on("POST", "/hook", OK)
    office.point("A", f"{server.url}/hook")
    line.tell()
    office.change("r", "q")
    office.deliver()
    with capture_logs() as lines:
        line.tell()
        line.tell()

    first, second = (each for each in lines if each["event"] == "minute")
    assert (first["changes"], first["delivered"], first["owed"]) == (2, 2, 0)
    assert (second["changes"], second["delivered"], second["owed"]) == (0, 0, 0)


def test_a_delivery_whose_process_died_is_sent_again_when_its_lease_is_over(
    office: Office, server: ScriptedServer
) -> None:
    office.point("A", f"{server.url}/hook")
    office.change("r")
    with office.database.write() as session:
        outbox.lease_due(session, now=office.clock(), lease_seconds=35, limit=1, per_point={"A": 1}, at_once=1)

    assert office.deliver() == DeliverEnd(due=1)
    office.clock.ahead += timedelta(seconds=36)
    assert office.deliver() == DeliverEnd(attempted=1, delivered=1)


def test_a_request_may_take_longer_than_a_lease(
    office: Office, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is short, so that what a dead process held is soon free; who lives renews it."""
    monkeypatch.setattr(store, "LEASE_SECONDS", 1)
    monkeypatch.setattr(store, "RENEW_AFTER_SECONDS", 0.2)
    with hanging() as (go_on, answer):
        server.on("POST", "/hook", answer)
        office.policy(timeout_seconds=30)
        office.point("A", f"{server.url}/hook")
        office.change("r", "q", "p")
        running = threading.Thread(target=office.deliver)
        running.start()
        waiting.until(lambda: len(server.requests) == 2)
        over_at = time.monotonic() + 1.5
        while time.monotonic() < over_at:
            assert office.deliver().attempted == 0
        go_on.set()
        running.join()

    assert sorted(arrived(server)) == [("p", 1), ("q", 1), ("r", 1)]
    assert {(state, attempts) for _, _, state, attempts in office.rows()} == {("delivered", 1)}


def test_what_another_process_has_taken_is_not_begun_any_more(
    office: Office, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a long sleep of the machine: the leases are over, and somebody else goes on with what waited here."""
    monkeypatch.setattr(store, "RENEW_AFTER_SECONDS", 0.1)
    with hanging() as (go_on, answer):
        server.on("POST", "/hook", answer)
        office.policy(concurrency=1)
        office.point("A", f"{server.url}/hook")
        office.change("r", "q", "p")
        running = threading.Thread(target=office.deliver)
        running.start()
        waiting.until(lambda: len(server.requests) == 1)
        with office.database.write() as session:
            later = office.clock() + timedelta(seconds=100)
            taken = outbox.lease_due(session, now=later, lease_seconds=60, limit=9, per_point={"A": 9}, at_once=9)
        time.sleep(0.5)  # some turns, in which it learns of its loss; nothing to be seen from outside tells of it
        go_on.set()
        running.join()

    assert [item.change_seq for item in taken] == [1, 2, 3]
    assert arrived(server) == [("r", 1)]
    assert office.states() == ["leased"] * 3


def test_an_address_that_was_changed_counts_for_what_is_owed_already(office: Office, server: ScriptedServer) -> None:
    with closed_port() as port:
        office.point("A", f"http://127.0.0.1:{port}/")
        office.change("r")
        office.deliver()
    with office.database.write() as session:
        points.edit(session, "A", values={"url": f"{server.url}/hook"}, now=office.clock())
    office.clock.ahead += timedelta(seconds=20)

    assert office.deliver().delivered == 1


def test_an_address_inside_the_network_gets_nothing(office: Office, server: ScriptedServer) -> None:
    office.policy(allow_networks=())
    office.point("A", f"{server.url}/hook")
    office.change("r")
    end = office.deliver()

    assert (end.attempted, end.due, server.requests) == (1, 1, [])
    with office.database.read() as session:
        (row,) = deliveries.read(session)
    assert "127.0.0.1 is this machine itself" in (row.last_error or "")


def test_a_token_that_another_key_encrypted_is_an_attempt_that_says_so(office: Office, server: ScriptedServer) -> None:
    with office.database.write() as session:
        token = Vault(b"o" * 32).encrypt("t")
        points.add(session, code="A", url=f"{server.url}/hook", token=token, now=office.clock())
    office.point("B", f"{server.url}/b")
    server.on("POST", "/b", OK)
    office.change("r", to=("A", "B"))
    office.deliver()

    with office.database.read() as session:
        rows = {row.point: row for row in deliveries.read(session)}
    assert (rows["A"].state, rows["B"].state) == ("due", "delivered")
    assert "another seal key" in (rows["A"].last_error or "")


def test_what_breaks_one_delivery_breaks_no_other(
    office: Office, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = requests.head

    def breaks(way: Any, target: Any, **more: Any) -> Any:
        if target.point == "A":
            raise ZeroDivisionError("secret text")
        return original(way, target, **more)

    monkeypatch.setattr(requests, "head", breaks)
    office.point("A", f"{server.url}/hook")
    office.point("B", f"{server.url}/hook")
    office.change("r", to=("A", "B"))
    end = office.deliver()

    assert end == DeliverEnd(attempted=2, delivered=1, due=1, dead=0)
    with office.database.read() as session:
        errors = {row.point: row.last_error for row in deliveries.read(session)}
    assert errors == {"A": "it could not be sent: ZeroDivisionError", "B": None}


def test_outcomes_wait_for_a_database_that_is_away_for_a_moment(
    office: Office, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, failures = outbox.settle, [DatabaseTrouble("away"), DatabaseTrouble("away")]

    def settle(session: Any, outcomes: Any) -> Any:
        if outcomes and failures:
            raise failures.pop()
        return original(session, outcomes)

    monkeypatch.setattr(outbox, "settle", settle)
    office.point("A", f"{server.url}/hook")
    office.change("r")

    assert office.deliver() == DeliverEnd(attempted=1, delivered=1)
    assert arrived(server) == [("r", 1)]


def test_a_database_that_is_away_from_the_start_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise DatabaseTrouble("away", "start it")

    monkeypatch.setattr(outbox, "next_due_at", away)
    with pytest.raises(DatabaseTrouble, match="away; start it"):
        office.deliver()


def test_progress_is_told_as_it_is_made(office: Office, server: ScriptedServer) -> None:
    told: list[DeliverEnd] = []
    office.point("A", f"{server.url}/hook")
    office.change(*"abcdef")
    step.deliver(office.services, on_progress=told.append)

    assert told[-1] == DeliverEnd(attempted=6, delivered=6)
    assert is_ascending([progress.delivered for progress in told])
