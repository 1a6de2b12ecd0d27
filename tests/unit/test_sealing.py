"""Seals and encryption: unreadable without the key, equal where equal."""

from __future__ import annotations

import base64
import pickle
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes import fingerprint, sealing
from tests.unit.json_values import fixed, shuffled, values

VAULT = sealing.Vault(bytes(range(32)))
OTHER = sealing.Vault(bytes(32))


@fixed
@given(value=values, seed=st.integers(0, 2**32))
def test_equal_values_have_one_seal(value: Any, seed: int) -> None:
    assert VAULT.seal(shuffled(value, random.Random(seed))) == VAULT.seal(value)


@fixed
@given(a=values, b=values)
def test_different_values_have_different_seals(a: Any, b: Any) -> None:
    assert (VAULT.seal(a) == VAULT.seal(b)) is (fingerprint.canonical(a) == fingerprint.canonical(b))


@pytest.mark.parametrize(
    "value",
    ["secret", 1, True, False, 0, [], {}, {"password": "p"}, "sealed:", "sealed:" + "g" * 32, "sealed:" + "0" * 33],
)
def test_a_seal_is_32_digits_that_another_key_does_not_make(value: Any) -> None:
    seal = VAULT.seal(value)
    assert re.fullmatch("sealed:[0-9a-f]{32}", seal)
    assert seal != OTHER.seal(value)
    assert sealing.is_sealed(seal)


@pytest.mark.parametrize("value", [None, "", "sealed:" + "0" * 32])
def test_what_hides_nothing_stays(value: Any) -> None:
    assert VAULT.seal(value) == value


def test_the_seals_made_so_far_stay_as_they_are() -> None:
    """Another way of deriving or writing would be told as a change of every secret."""
    assert VAULT.seal({"password": "p"}) == "sealed:45c22e2a3939961e2430f5f6f0ba0e17"
    assert (
        VAULT.decrypt(
            "gAAAAABrA4OT51eXyKqWN9FmqUUNYcfc7mLBCHS8WtYBpvyNHd8CDEk34uSdisZNkwdHpy1nlJ-9O5x9zMBKRgZe5psxUuze-g=="
        )
        == "token \U0001f600"
    )


def test_what_was_encrypted_is_read_back_and_never_looks_the_same() -> None:
    texts = ["", "token", "\U0001f600"]
    assert [VAULT.decrypt(VAULT.encrypt(text)) for text in texts] == texts
    assert VAULT.encrypt("token") != VAULT.encrypt("token")
    assert "token" not in VAULT.encrypt("token")


@pytest.mark.parametrize(
    "text",
    [OTHER.encrypt("token"), "nonsense", "", VAULT.encrypt("token")[:-6] + "AAAA=="],
    ids=["another key", "nonsense", "nothing", "altered"],  # what is encrypted reads differently in each test process
)
def test_another_key_or_an_altered_text_is_told_with_a_cure(text: str) -> None:
    with pytest.raises(sealing.SealKeyError, match="put the former key back") as caught:
        VAULT.decrypt(text)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_vault_does_not_show_its_key() -> None:
    assert repr(VAULT) == "Vault(…)"
    assert not hasattr(VAULT, "__dict__")


def test_a_new_key_is_read_back_and_is_another_each_time() -> None:
    text = sealing.new_key()
    assert base64.urlsafe_b64decode(text) == sealing.read_key(text + "\n")
    assert len(sealing.read_key(text)) == 32
    assert sealing.new_key() != text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has 0 bytes"),
        ("c2hvcnQ=", "has 5 bytes"),
        ("not base64!", "is not url-safe base64"),
        ("ключ", "is not url-safe base64"),
        ("A" * 43, "is not url-safe base64"),
    ],
)
def test_what_is_no_key_is_told_with_a_cure_and_not_shown(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        sealing.read_key(text)
    assert "`mirrorpoint init` writes one" in str(caught.value)
    assert not text or text not in str(caught.value)


def test_a_key_in_plain_base64_is_taken_too() -> None:
    assert sealing.read_key("+/" * 21 + "8=") == sealing.read_key("-_" * 21 + "8=")


def test_a_key_of_another_length_makes_no_vault() -> None:
    with pytest.raises(ValueError, match="has 16 bytes"):
        sealing.Vault(bytes(16))
