"""Signatures, judged by the published library."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from webhooks import signature

OLD = "whsec_" + base64.b64encode(b"o" * 24).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 64).decode()
OTHER = "whsec_" + base64.b64encode(b"x" * 32).decode()
BODY = '{"name": "Grüße 🎉"}'.encode()


def test_the_published_library_accepts_a_signed_body() -> None:
    headers = signature.headers("evt_1", BODY, secrets=[OLD], attempted_at=datetime.now(UTC))
    assert Webhook(OLD).verify(BODY, headers) == {"name": "Grüße 🎉"}


def test_the_moment_of_an_attempt_counts_whatever_zone_it_is_written_in() -> None:
    here = datetime.now(timezone(timedelta(hours=5)))
    headers = signature.headers("evt_1", BODY, secrets=[OLD], attempted_at=here)
    assert headers["webhook-timestamp"] == str(int(here.timestamp()))
    Webhook(OLD).verify(BODY, headers)


def test_while_a_secret_is_changed_both_are_accepted_and_no_third() -> None:
    headers = signature.headers("evt_1", BODY, secrets=signature.split(f"{NEW} {OLD}"), attempted_at=datetime.now(UTC))
    assert headers["webhook-signature"].count("v1,") == 2
    Webhook(OLD).verify(BODY, headers)
    Webhook(NEW).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, headers)


def test_without_a_secret_id_and_time_are_sent_without_a_signature() -> None:
    headers = signature.headers("evt_1", BODY, secrets=(), attempted_at=datetime(2026, 11, 22, tzinfo=UTC))
    assert headers == {"webhook-id": "evt_1", "webhook-timestamp": "1795305600"}


@pytest.mark.parametrize("text", [None, "", " \n "])
def test_no_secret_is_no_secret(text: str | None) -> None:
    assert signature.split(text) == ()


@pytest.mark.parametrize("text", [OLD, NEW, f"{NEW} {OLD}", OTHER.rstrip("=")])
def test_secrets_that_can_sign_pass(text: str) -> None:
    signature.check_secret(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the signing secret is empty"),
        ("hunter2-hunter2", "does not begin with whsec_"),
        ("whsec_hunter2!", "is not base64"),
        ("whsec_" + base64.b64encode(b"s" * 23).decode(), "has 23 bytes where 24 to 64 are needed"),
        ("whsec_" + base64.b64encode(b"s" * 65).decode(), "has 65 bytes"),
        (f"{OLD} hunter2", "signing secret 2 of 2 does not begin with whsec_"),
    ],
)
def test_a_secret_that_cannot_sign_is_refused_with_the_cure_and_not_shown(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refused:
        signature.check_secret(text)
    assert "make one with" in str(refused.value)
    assert "hunter2" not in str(refused.value)
