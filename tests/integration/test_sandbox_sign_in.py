"""The sandbox lets in who signs in as documented, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.sandbox_visitor import CREDENTIALS, Visitor, visiting


@pytest.fixture(scope="module")
def server() -> Iterator[Visitor]:
    with visiting() as visitor:
        yield visitor


@pytest.fixture
def visitor(server: Visitor) -> Visitor:
    server.begin()
    return server


def sign_in(visitor: Visitor, **more: str) -> httpx.Response:
    return visitor.client.post("/api/v2/signin", json={**CREDENTIALS, **more})


def test_the_answer_has_both_tokens_with_their_times(visitor: Visitor) -> None:
    body = sign_in(visitor).json()

    assert {"2faRequired", "accessToken", "refreshToken"} == set(body)
    assert {"token", "createdAt", "expiresAt"} == set(body["accessToken"]) == set(body["refreshToken"])
    assert body["accessToken"]["createdAt"] < body["accessToken"]["expiresAt"]


@pytest.mark.parametrize("token", ["", "Bearer nonsense", "Basic bWlycm9yOnNhbmRib3g="])
def test_without_a_living_token_every_list_is_refused(visitor: Visitor, token: str) -> None:
    answer = visitor.client.get("/api/v2/products", headers={"Authorization": token})

    assert 401 == answer.status_code


def test_a_wrong_password_is_refused_and_a_missing_one_named(visitor: Visitor) -> None:
    assert 401 == sign_in(visitor, password="other").status_code
    missing = visitor.client.post("/api/v2/signin", json={"email": "mirror@example.com"})
    assert (400, "password") == (missing.status_code, missing.json()["field"])


def test_the_sixth_sign_in_of_a_minute_is_refused_for_a_while_even_with_the_right_password(visitor: Visitor) -> None:
    statuses = [sign_in(visitor).status_code for _ in range(5)]

    assert [200, 200, 200, 200, 429] == statuses  # one was the visitor's own
    refused = sign_in(visitor)
    assert 429 == refused.status_code
    assert 0 < int(refused.headers["Retry-After"]) <= 601


def test_a_second_factor_is_demanded_where_the_user_has_one(visitor: Visitor) -> None:
    body = sign_in(visitor, email="second-factor@example.com").json()
    assert body["2faRequired"] is True
    assert "accessToken" not in body
    token = body["2faDetails"]["token"]

    assert 401 == visitor.client.post("/api/v2/2fa/confirm", json={"token": token, "code": "000000"}).status_code
    confirmed = visitor.client.post("/api/v2/2fa/confirm", json={"token": token, "code": "123456"})
    assert 200 == confirmed.status_code
    assert confirmed.json()["accessToken"]["token"]


def test_a_refresh_token_gives_new_tokens_once(visitor: Visitor) -> None:
    refresh = sign_in(visitor).json()["refreshToken"]["token"]

    renewed = visitor.client.post("/api/v2/refresh", json={"refreshToken": refresh})
    assert 200 == renewed.status_code
    token = renewed.json()["accessToken"]["token"]
    assert 200 == visitor.client.get("/api/v2/products", headers={"Authorization": f"Bearer {token}"}).status_code
    assert 401 == visitor.client.post("/api/v2/refresh", json={"refreshToken": refresh}).status_code


def test_a_token_ends_when_its_time_is_over_whatever_the_answer_said(visitor: Visitor) -> None:
    visitor.control("options", {"token_seconds": -1, "told_token_seconds": 3600})
    body = sign_in(visitor).json()

    assert body["accessToken"]["createdAt"] < body["accessToken"]["expiresAt"]
    token = body["accessToken"]["token"]
    assert 401 == visitor.client.get("/api/v2/products", headers={"Authorization": f"Bearer {token}"}).status_code


def test_signing_out_ends_the_token(visitor: Visitor) -> None:
    assert 204 == visitor.client.post("/api/v2/signout").status_code
    assert 401 == visitor.get("/api/v2/products").status_code
