"""Points, own and mirrored, and who receives under a code."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from changes.records import Id
from changes.sealing import Vault
from storage import outbox, point_health, points
from storage.engine import Database
from storage.outbox import Outcome, Owed
from storage.point_health import Health
from storage.points import Configured, Point, PointRefused

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
VAULT = Vault(b"k" * 32)


def configure(database: Database, *configured: Configured, now: datetime = NOW) -> None:
    with database.write() as session:
        points.sync_configured(session, configured, vault=VAULT, now=now)


def mirror(database: Database, *seen: tuple[str, str, str], source: str = "platform", now: datetime = NOW) -> None:
    """Records given as key, code, url."""
    records = [
        (Id("", key), {"code": code, "type": "public", "url": url, "token": f"token-of-{key}"})
        for key, code, url in seen
    ]
    with database.write() as session:
        points.apply_mirrored(session, source, seen=records, deleted=(), encrypt=VAULT.encrypt, now=now)


def delete(database: Database, *keys: str, source: str = "platform") -> None:
    with database.write() as session:
        ids = [Id("", key) for key in keys]
        points.apply_mirrored(session, source, seen=(), deleted=ids, encrypt=VAULT.encrypt, now=LATER)


def add(database: Database, code: str, url: str = "https://own.example/") -> Point:
    with database.write() as session:
        return points.add(session, code=code, url=url, token=VAULT.encrypt("t"), now=NOW)


def owe(database: Database, *owed: tuple[int, str]) -> None:
    with database.write() as session:
        outbox.owe(session, [Owed(seq, code, f"r{seq}") for seq, code in owed], now=NOW)


def is_owed(database: Database, code: str) -> bool:
    with database.read() as session:
        return code in outbox.waiting(session)


def targets(database: Database) -> dict[str, str | None]:
    with database.read() as session:
        assert sorted(points.targets(session)) == list(points.receivers(session))
        return {code: point.url for code, point in points.targets(session).items()}


def listed(database: Database) -> list[tuple[str, str, str]]:
    with database.read() as session:
        return [(point.code, point.origin, point.state) for point in points.list_all(session)]


def test_configured_points_follow_the_configuration(database: Database) -> None:
    configure(database, Configured("A", "https://a.example/"), Configured("B", "https://b.example/"))
    owe(database, (1, "A"), (2, "B"))
    configure(database, Configured("B", "https://b2.example/"), Configured("C", "https://c.example/"))

    assert targets(database) == {"B": "https://b2.example/", "C": "https://c.example/"}
    assert (is_owed(database, "A"), is_owed(database, "B")) == (False, True)
    configure(database, Configured("A", "https://a.example/"))
    assert targets(database) == {"A": "https://a.example/"}
    assert not is_owed(database, "A")  # it receives from now on, not what it has missed


def test_a_second_start_with_the_same_configuration_changes_nobodys_identity(database: Database) -> None:
    def ids() -> list[str]:
        with database.read() as session:
            return [point.id for point in points.list_all(session)]

    configure(database, Configured("A", "https://a.example/"))
    before = ids()
    configure(database, Configured("A", "https://a.example/"), now=LATER)
    assert ids() == before


def test_a_start_writes_only_what_differs(database: Database) -> None:
    """Encrypted texts differ each time; what they hold is compared."""

    def row(code: str) -> tuple[str | None, str | None, str | None, datetime]:
        with database.read() as session:
            point = points.targets(session)[code]
        return point.url, point.token, point.secret, point.changed_at

    def is_same(*configured: Configured) -> bool:
        with database.read() as session:
            return points.is_as_configured(session, configured, vault=VAULT)

    a = Configured("A", "https://a.example/", token="t", secret="whsec_1")
    b = Configured("B", "https://b.example/", token="t", secret="whsec_1")
    assert not is_same(a, b)
    configure(database, a, b)
    before = row("A")
    assert is_same(a, b)
    configure(database, a, b, now=LATER)
    assert row("A") == before

    for changed in (
        Configured("B", "https://b2.example/", token="t", secret="whsec_1"),
        Configured("B", "https://b2.example/", token="u", secret="whsec_1"),
        Configured("B", "https://b2.example/", token="u", secret="whsec_2 whsec_1"),
        Configured("B", "https://b2.example/", token="u"),
        Configured("B", "https://b2.example/", token="u", type="crm"),
    ):
        earlier = row("B")
        assert not is_same(a, changed)
        configure(database, a, changed, now=LATER)
        assert is_same(a, changed)
        assert row("B") != earlier
        assert row("A") == before
    assert not is_same(a)
    assert not is_same(a, changed, Configured("C", "https://c.example/"))


def test_what_another_key_encrypted_is_encrypted_anew(database: Database) -> None:
    configured = Configured("A", "https://a.example/", token="t")
    with database.write() as session:
        points.sync_configured(session, [configured], vault=Vault(b"o" * 32), now=NOW)
    configure(database, configured)
    with database.read() as session:
        assert VAULT.decrypt(points.targets(session)["A"].token or "") == "t"


def test_another_address_is_tried_at_once(database: Database) -> None:
    """What is known of the former one says nothing of it."""
    configure(database, Configured("C", "https://c.example/"))
    mirror(database, ("1", "M", "https://m.example/"))
    add(database, "A", "https://a.example/")
    pause(database, "A", "C", "M")

    still_paused = []
    configure(database, Configured("C", "https://c2.example/"))
    still_paused.append(paused_codes(database))
    mirror(database, ("1", "M", "https://m2.example/"))
    still_paused.append(paused_codes(database))
    edit(database, "A", url="https://a2.example/")
    still_paused.append(paused_codes(database))
    assert still_paused == [{"A", "M"}, {"A"}, set()]


def test_a_change_that_leaves_the_address_ends_no_pause(database: Database) -> None:
    add(database, "A", "https://a.example/")
    pause(database, "A")
    edit(database, "A", type="crm", url="https://a.example/")
    with database.read() as session:
        assert outbox.paused(session) == {"A": LATER}


def test_nothing_is_to_be_done_for_a_point_before_its_pause_is_over(database: Database) -> None:
    """Else every look at the database would wake the delivery step for nothing."""
    add(database, "A")
    add(database, "B")
    pause(database, "A")
    owe(database, (1, "A"))
    with database.read() as session:
        assert outbox.next_due_at(session) == LATER
    owe(database, (2, "B"))
    with database.read() as session:
        assert outbox.next_due_at(session) == NOW


def test_who_enables_a_paused_point_has_it_tried_at_once(database: Database) -> None:
    add(database, "A")
    pause(database, "A")
    with database.write() as session:
        points.enable(session, "A", now=NOW)
        assert outbox.paused(session) == {"A": NOW}


def paused_codes(database: Database) -> set[str]:
    with database.read() as session:
        return set(outbox.paused(session))


def edit(database: Database, code: str, **values: str) -> None:
    with database.write() as session:
        points.edit(session, code, values=values, now=LATER)


def pause(database: Database, *codes: str) -> None:
    """As the delivery step does after many failures."""
    owe(database, *((number, code) for number, code in enumerate(codes, 1000)))
    with database.write() as session:
        leased = outbox.lease_due(
            session, now=NOW, lease_seconds=60, limit=9, per_point=dict.fromkeys(codes, 1), at_once=1
        )
        outcomes = [Outcome(item, "dead", settled_at=NOW, attempted_at=NOW, status=503) for item in leased]
        health = Health("", NOW, 1, LATER)
        point_health.note(session, outbox.settle(session, outcomes), dict.fromkeys(codes, health))
        assert set(codes) <= set(outbox.paused(session))


def test_processes_that_start_together_do_not_hinder_each_other(database: Database) -> None:
    problems: list[BaseException] = []

    def start() -> None:
        try:
            configure(database, Configured("A", "https://a.example/"))
        except BaseException as problem:  # noqa: BLE001  whatever it is, the test shall show it
            problems.append(problem)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (problems, targets(database)) == ([], {"A": "https://a.example/"})


def test_tokens_and_secrets_are_unreadable_at_rest_and_usable_with_the_key(database: Database) -> None:
    configure(database, Configured("A", "https://a.example/", token="plain-token", secret="whsec_plain"))
    mirror(database, ("k", "M", "https://m.example/"))
    with database.read() as session:
        own, mirrored = points.targets(session)["A"], points.targets(session)["M"]

    assert "plain" not in f"{own!r}{own.token}{own.secret}"
    assert (VAULT.decrypt(own.token or ""), VAULT.decrypt(own.secret or "")) == ("plain-token", "whsec_plain")
    assert (VAULT.decrypt(mirrored.token or ""), mirrored.secret) == ("token-of-k", None)


def test_a_mirrored_point_receives_while_its_record_is_there_and_has_a_url(database: Database) -> None:
    mirror(database, ("1", "A", "https://a.example/"), ("2", "B", ""), ("3", "", "https://c.example/"))
    assert targets(database) == {"A": "https://a.example/"}
    owe(database, (1, "A"))

    mirror(database, ("1", "A", ""), ("2", "B", "https://b.example/"))
    assert targets(database) == {"B": "https://b.example/"}
    assert not is_owed(database, "A")
    mirror(database, ("1", "A", "https://a.example/"))
    owe(database, (2, "A"))
    delete(database, "1", "unknown")
    assert targets(database) == {"B": "https://b.example/"}
    assert not is_owed(database, "A")
    mirror(database, ("1", "A", "https://a.example/"))
    assert targets(database) == {"A": "https://a.example/", "B": "https://b.example/"}


def test_what_is_skipped_says_why(database: Database) -> None:
    from storage import deliveries

    mirror(database, ("1", "A", "https://a.example/"))
    owe(database, (1, "A"))
    delete(database, "1")
    with database.read() as session:
        (row,) = deliveries.read(session)
    assert (row.state, row.last_error) == ("skipped", "the point stopped receiving: its record was deleted")


def test_a_change_of_address_keeps_what_is_owed_and_a_change_of_code_does_not(database: Database) -> None:
    mirror(database, ("1", "A", "https://a.example/"))
    owe(database, (1, "A"))
    mirror(database, ("1", "A", "https://elsewhere.example/"))
    assert is_owed(database, "A")
    mirror(database, ("1", "Z", "https://elsewhere.example/"))
    assert not is_owed(database, "A")
    assert targets(database) == {"Z": "https://elsewhere.example/"}


def test_two_records_may_swap_their_codes_in_one_page(database: Database) -> None:
    mirror(database, ("1", "A", "https://one.example/"), ("2", "B", "https://two.example/"))
    mirror(database, ("1", "B", "https://one.example/"), ("2", "A", "https://two.example/"))
    assert targets(database) == {"A": "https://two.example/", "B": "https://one.example/"}


def test_an_own_point_goes_before_a_mirrored_one_of_the_same_code(database: Database) -> None:
    mirror(database, ("1", "A", "https://mirrored.example/"))
    owe(database, (1, "A"))
    add(database, "A", "https://added.example/")
    assert targets(database) == {"A": "https://added.example/"}
    assert not is_owed(database, "A")  # it was meant for the other one
    configure(database, Configured("A", "https://configured.example/"))

    assert targets(database) == {"A": "https://configured.example/"}
    assert listed(database) == [
        ("A", "configured", "active"),
        *sorted([("A", "added", "shadowed"), ("A", "mirrored", "shadowed")], key=lambda p: id_of(database, p[1])),
    ]
    configure(database)
    assert targets(database) == {"A": "https://added.example/"}
    with database.write() as session:
        points.remove(session, "A", now=LATER)
    assert targets(database) == {"A": "https://mirrored.example/"}


def id_of(database: Database, origin: str) -> str:
    with database.read() as session:
        return next(point.id for point in points.list_all(session) if point.origin == origin)


def test_of_two_mirrored_points_with_one_code_the_first_keeps_it(database: Database) -> None:
    mirror(database, ("1", "A", "https://first.example/"))
    mirror(database, ("9", "A", "https://second.example/"), source="other", now=LATER)
    mirror(database, ("1", "A", "https://first.example/new"), now=LATER)
    assert targets(database) == {"A": "https://first.example/new"}
    delete(database, "1")
    assert targets(database) == {"A": "https://second.example/"}


def test_an_own_point_is_added_changed_and_removed(database: Database) -> None:
    added = add(database, "A")
    assert (added.code, added.origin, added.state, added.delivered) == ("A", "added", "active", 0)
    with database.write() as session:
        edited = points.edit(session, "A", values={"url": "https://new.example/", "token": None}, now=LATER)
    assert (edited.id, edited.url, edited.token, edited.changed_at) == (added.id, "https://new.example/", None, LATER)
    owe(database, (1, "A"))
    with database.write() as session:
        points.remove(session, "A", now=LATER)
        assert points.find(session, "A") is None
    assert not is_owed(database, "A")
    assert add(database, "A").id != added.id


def test_what_cannot_be_done_to_a_point_is_told_with_the_cure(database: Database) -> None:
    configure(database, Configured("C", "https://c.example/"))
    mirror(database, ("1", "M", "https://m.example/"))
    add(database, "A")
    with pytest.raises(PointRefused, match="there is a point A already; change it: mirrorpoint points edit A"):
        add(database, "A")
    for code, complaint in [
        ("C", "stands in the configuration; change it in mirrorpoint.toml"),
        ("M", "is mirrored from platform; add --source platform"),
        ("X", "there is no point X; mirrorpoint points list shows all"),
    ]:
        with database.write() as session, pytest.raises(PointRefused, match=complaint):
            points.edit(session, code, values={"url": ""}, now=NOW)
        with database.write() as session, pytest.raises(PointRefused, match=complaint):
            points.remove(session, code, now=NOW)


def test_a_point_that_is_gone_is_owed_nothing_until_it_is_enabled(database: Database) -> None:
    configure(database, Configured("A", "https://a.example/"))
    owe(database, (1, "A"))
    with database.write() as session:
        points.mark_gone(session, "A", reason="the receiver answered 410 Gone", now=LATER)
    assert (targets(database), is_owed(database, "A")) == ({}, False)
    configure(database, Configured("A", "https://a.example/"))
    assert targets(database) == {}
    with database.write() as session:
        point = points.enable(session, "A", now=LATER)
    assert (point.state, point.state_reason) == ("active", None)
    assert targets(database) == {"A": "https://a.example/"}


def test_a_point_without_a_url_cannot_be_enabled(database: Database) -> None:
    mirror(database, ("1", "A", "https://a.example/"))
    with database.write() as session:
        points.mark_gone(session, "A", reason="gone", now=NOW)
    mirror(database, ("1", "A", ""))
    with database.write() as session, pytest.raises(PointRefused, match="the point A has no url"):
        points.enable(session, "A", now=NOW)


def test_a_point_remembers_its_last_answer_and_how_much_it_was_sent(database: Database) -> None:
    add(database, "A")
    owe(database, *((seq, "A") for seq in range(1, 5)))
    with database.write() as session:
        leased = outbox.lease_due(session, now=NOW, lease_seconds=60, limit=9, per_point={"A": 9}, at_once=9)
        outcomes = [
            Outcome(item, "delivered", settled_at=LATER, attempted_at=LATER, status=200) for item in leased[:3]
        ] + [Outcome(leased[3], "dead", settled_at=LATER, attempted_at=LATER, status=404)]
        point_health.note(session, outbox.settle(session, outcomes), {"A": Health("+++-")})
        point = points.find(session, "A")
        assert point_health.read(session, {"A", "B"}) == {"A": Health("+++-", LATER)}
    assert point is not None
    assert (point.delivered, point.last_status, point.last_attempt_at) == (3, 404, LATER)


def test_outcomes_of_several_points_are_noted_together(database: Database) -> None:
    for code in "ABC":
        add(database, code)
    owe(database, (1, "A"), (2, "B"), (3, "B"), (4, "C"))
    with database.write() as session:
        leased = outbox.lease_due(
            session, now=NOW, lease_seconds=60, limit=9, per_point=dict.fromkeys("ABC", 9), at_once=9
        )
        outcomes = [Outcome(item, "delivered", settled_at=NOW, attempted_at=NOW, status=200) for item in leased]
        point_health.note(session, outbox.settle(session, outcomes), dict.fromkeys("ABC", Health("+")))
        assert {point.code: point.delivered for point in points.list_all(session)} == {"A": 1, "B": 2, "C": 1}
