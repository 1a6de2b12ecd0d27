"""Proves to a source who is asking, by the method of the configuration; built by who wires, used by the client."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from upstream import tokens
from upstream.catalogue import SignIn
from upstream.sign_in import Post, SignInAuth
from upstream.throttle import Budget
from upstream.token_store import Kept, LocalTokenStore, Refusal, TokenStore

__all__ = [
    "Auth",
    "AuthSettings",
    "FixedAuth",
    "Kept",
    "LocalTokenStore",
    "Refusal",
    "SignInAuth",
    "TokenStore",
    "build",
]

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """A source's `auth`: the method, and the other members with their secrets resolved."""

    method: str  #: "sign-in", "bearer", "basic", "header" or "none"
    values: Mapping[str, str] = field(default_factory=dict, repr=False)


class Auth(Protocol):
    """A method of proving who is asking."""

    def headers(self, post: Post) -> Headers:
        """What to send with a request; a token is fetched first where none is there."""

    def refused(self, used: Mapping[str, str], post: Post, *, status: int = 401, resource: str = "") -> bool:
        """The source answered `status` to `used`: True where another try with `headers` makes sense."""

    def answered(self, used: Mapping[str, str], status: int, resource: str, *, is_renewed: bool) -> None:
        """What the source answered to `used` in the end; `is_renewed`: after `refused` had asked for another try."""

    def secrets(self) -> Sequence[str]:
        """Texts that must not be quoted anywhere."""


class FixedAuth:
    """The same headers with every request: none, a bearer token, a user and password, or any header."""

    def __init__(self, headers: Headers, secrets: Sequence[str]) -> None:
        self._headers = headers
        self._secrets = tuple(secrets)

    def headers(self, post: Post) -> Headers:  # noqa: ARG002
        return dict(self._headers)

    def refused(self, *_used: object, **_answer: object) -> bool:
        return False

    def answered(self, *_used: object, **_answer: object) -> None:
        """There is nothing to be learned from it."""

    def secrets(self) -> Sequence[str]:
        return self._secrets


def build(
    settings: AuthSettings, *, source: str, base_url: str, sign_in: SignIn | None, store: TokenStore, budget: Budget
) -> Auth:
    """The method that `settings` names; ValueError, without any value in it, where something is missing or unusable."""

    def value(name: str) -> str:
        """As it was given: an outer space may belong to it."""
        if not settings.values.get(name, "").strip():
            raise ValueError(f'the auth of source {source} needs "{name}" for the method "{settings.method}"')
        return settings.values[name]

    def for_header(name: str) -> str:
        text = value(name).strip()  # the outer spaces of a header's value are no part of it
        if not text.isascii() or not text.isprintable():
            raise ValueError(f'"{name}" in the auth of source {source} holds characters that no header can carry')
        return text

    match settings.method:
        case "none":
            return FixedAuth({}, ())
        case "bearer":
            return FixedAuth({"Authorization": f"Bearer {for_header('token')}"}, (for_header("token"),))
        case "basic":
            pair = f"{value('username')}:{value('password')}".encode()
            text = base64.b64encode(pair).decode("ascii")
            return FixedAuth({"Authorization": f"Basic {text}"}, (value("password"), text))
        case "header":
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", value("name")):
                raise ValueError(f'"name" in the auth of source {source} is not the name of a header')
            return FixedAuth({value("name"): for_header("value")}, (for_header("value"),))
        case "sign-in":
            if sign_in is None:
                raise ValueError(
                    f"the catalogue of source {source} does not say how to sign in; use another auth method"
                )
            for name in tokens.asked(sign_in):
                value(name)
            known = {name: text for name, text in settings.values.items() if text}
            return SignInAuth(source, sign_in, known, base_url=base_url, store=store, budget=budget)
        case other:
            raise ValueError(
                f'the auth method "{other}" of source {source} is not one of sign-in, bearer, basic, header, none'
            )
