"""What all processes share of a source's budget and sign-in, over the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from changes import sealing
from changes.sealing import Vault
from storage.engine import Database
from storage.tables import TokenRow
from tasks.shared_limits import DatabaseTokenStore
from upstream.auth import Kept, Refusal

KEPT = Kept("access-token", "refresh-token", 1_800_000_000.0)


def utc_now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def vault() -> Vault:
    return Vault(sealing.read_key(sealing.new_key()))


def store_with(database: Database, vault: Vault, wait: Callable[[float], None] = time.sleep) -> DatabaseTokenStore:
    return DatabaseTokenStore(database, vault, wait=wait, now=utc_now)


def test_tokens_come_back_and_stand_encrypted_in_the_database(database: Database, vault: Vault) -> None:
    store = store_with(database, vault)
    store.save("shop:1", KEPT)
    assert store.load("shop:1") == KEPT
    with database.read() as session:
        row = session.objects.exec(select(TokenRow)).one()
    assert "access-token" not in f"{row.access} {row.refresh}"


def test_a_token_without_refresh_comes_back_without(database: Database, vault: Vault) -> None:
    store = store_with(database, vault)
    store.save("shop:1", Kept("access-token", None, 1_800_000_000.0))
    assert store.load("shop:1") == Kept("access-token", None, 1_800_000_000.0)


def test_tokens_of_another_seal_key_are_as_good_as_none(database: Database, vault: Vault) -> None:
    store_with(database, vault).save("shop:1", KEPT)
    assert store_with(database, Vault(sealing.read_key(sealing.new_key()))).load("shop:1") is None


def test_sign_ins_and_refusals_are_known_to_all(database: Database, vault: Vault) -> None:
    one, two, now = store_with(database, vault), store_with(database, vault), time.time()
    one.note_sign_in("shop:1", now - 3600)
    one.note_sign_in("shop:1", now)
    one.note_refusal("shop:1", Refusal(now, "answered 401"))
    assert list(two.sign_in_times("shop:1")) == pytest.approx([now], abs=1e-5)
    refusal = two.refusal("shop:1")
    assert refusal is not None
    assert refusal.reason == "answered 401"
    assert refusal.at == pytest.approx(now, abs=1e-5)
    assert two.refusal("shop:2") is None


def test_one_signs_in_while_the_other_waits(database: Database, vault: Vault) -> None:
    waits, inside = threading.Event(), []

    def wait(seconds: float) -> None:
        waits.set()
        time.sleep(seconds)

    def second() -> None:
        with store_with(database, vault, wait).exclusive("shop:1"):
            inside.append("second")

    thread = threading.Thread(target=second)
    with store_with(database, vault).exclusive("shop:1"):
        thread.start()
        assert waits.wait(10)
        inside.append("first")
    thread.join(10)
    assert inside == ["first", "second"]


def test_a_sign_in_whose_process_died_is_taken_over(database: Database, vault: Vault) -> None:
    waited = timedelta()

    def wait(seconds: float) -> None:
        nonlocal waited
        waited += timedelta(seconds=max(seconds, 10))

    store = DatabaseTokenStore(database, vault, wait=wait, now=lambda: utc_now() + waited)
    dead = store.exclusive("shop:1")
    dead.__enter__()  # and never left
    with store.exclusive("shop:1"):
        assert waited >= timedelta(seconds=80)
