"""Somebody who visits the sandbox over HTTP, signed in, with its control API at hand; the sandbox's tests use it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from sandbox import serving
from sandbox.api import Api

CREDENTIALS = {"email": "mirror@example.com", "password": "sandbox"}


class Visitor:
    """`get` and its sisters send the token; `control` speaks with /_sandbox/."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=20, trust_env=False)

    def begin(self, **world: Any) -> None:
        """A fresh world, signed in."""
        self.control("reset", world)
        self.client.headers.pop("authorization", None)
        answer = self.client.post("/api/v2/signin", json=CREDENTIALS)
        self.client.headers["authorization"] = f"Bearer {answer.json()['accessToken']['token']}"

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.client.get(path, params=query)

    def rows(self, path: str, **query: Any) -> list[Any]:
        """The rows of a page, whatever its envelope."""
        answer = self.client.get(path, params=query)
        assert 200 == answer.status_code, answer.text
        body = answer.json()
        found: list[Any] = body["data"] if isinstance(body, dict) else body
        return found

    def ids(self, path: str, **query: Any) -> list[int]:
        return [row["id"] for row in self.rows(path, **query)]

    def control(self, name: str, body: Any = None) -> Any:
        answer = self.client.post(f"/_sandbox/{name}", json=body)
        assert 200 == answer.status_code, answer.text
        return answer.json()

    def truth(self, path: str) -> dict[tuple[tuple[str, ...], str], Any]:
        rows = self.client.get("/_sandbox/rows", params={"path": path}).json()["rows"]
        return {(tuple(row["parent_keys"]), row["key"]): row["document"] for row in rows}

    def as_platform_user(self) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(b"mirror:sandbox").decode()}


@contextmanager
def visiting() -> Iterator[Visitor]:
    with serving.start(Api()) as running:
        visitor = Visitor(running.url)
        yield visitor
        visitor.client.close()
