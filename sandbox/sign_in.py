"""Who may call: sign-in of the Back Office with its limits, and the tokens it gives out."""

from __future__ import annotations

import secrets
import time
from collections import deque
from datetime import UTC, datetime

from sandbox.exchange import Answer, Refusal, Request, answered
from sandbox.fields import Json, stamp
from sandbox.options import Options


class SignIn:
    """Tokens live in memory only: a new sandbox knows none of the old ones."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.sign_ins = 0  #: that were answered with tokens
        self._access: dict[str, float] = {}  # token -> when it ends
        self._refresh: dict[str, float] = {}
        self._pending: set[str] = set()  # second factors awaited
        self._tries: deque[float] = deque()
        self._blocked_until = 0.0

    def answer(self, request: Request) -> Answer | None:
        """None where the path is not about signing in."""
        step = {
            "/api/v2/signin": self._sign_in,
            "/api/v2/2fa/confirm": self._confirm,
            "/api/v2/refresh": self._renew,
            "/api/v2/signout": self._sign_out,
        }.get(request.path)
        if step is None:
            return None
        if request.method != "POST":
            raise Refusal(405, {"error": "POST is wanted"}, {"Allow": "POST"})
        return step(request)

    def check(self, request: Request) -> None:
        """Refuses a request without a living token."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self._access.get(token, 0) < time.time():
            raise Refusal(401, {"error": "Unauthorized"}, {"WWW-Authenticate": "Bearer"})

    def expire(self, *, with_refresh: bool = False) -> None:
        """No token that was given out is good any more."""
        self._access.clear()
        if with_refresh:
            self._refresh.clear()

    def _sign_in(self, request: Request) -> Answer:
        now = time.time()
        while self._tries and self._tries[0] < now - 60:
            self._tries.popleft()
        self._tries.append(now)
        if len(self._tries) > self.options.sign_ins_per_minute and now >= self._blocked_until:
            self._blocked_until = now + self.options.block_seconds
        if now < self._blocked_until:
            wait = str(int(self._blocked_until - now) + 1)
            raise Refusal(429, {"error": "Too many sign-in attempts"}, {"Retry-After": wait})
        body = _object(request)
        for name in ("email", "password"):
            if not isinstance(body.get(name), str):
                raise Refusal(400, {"error": f"{name}: required", "field": name})
        known = (self.options.email, self.options.two_factor_email)
        if body["email"] not in known or body["password"] != self.options.password:
            raise Refusal(401, {"error": "Invalid credentials"})
        if body["email"] == self.options.two_factor_email:
            token = secrets.token_hex(16)
            self._pending.add(token)
            details = {"token": token, "provider": "email", "expiresAt": self._told(now + 300)}
            return answered({"2faRequired": True, "2faDetails": details})
        return self._tokens()

    def _confirm(self, request: Request) -> Answer:
        body = _object(request)
        if body.get("token") not in self._pending or str(body.get("code")) != self.options.two_factor_code:
            raise Refusal(401, {"error": "Invalid code"})
        self._pending.discard(body["token"])
        return self._tokens()

    def _renew(self, request: Request) -> Answer:
        """A refresh token is good once."""
        token = _object(request).get("refreshToken")
        if not isinstance(token, str) or self._refresh.pop(token, 0) < time.time():
            raise Refusal(401, {"error": "Invalid refresh token"})
        return self._tokens()

    def _sign_out(self, request: Request) -> Answer:
        self.check(request)
        self._access.pop(request.headers["authorization"].partition(" ")[2], None)
        return Answer(204)

    def _tokens(self) -> Answer:
        now, options = time.time(), self.options
        access, refresh = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
        self._access[access] = now + options.token_seconds
        self._refresh[refresh] = now + options.refresh_seconds
        self.sign_ins += 1
        told = options.told_token_seconds if options.told_token_seconds is not None else options.token_seconds

        def shown(token: str, seconds: float) -> Json:
            return {"token": token, "createdAt": self._told(now), "expiresAt": self._told(now + seconds)}

        tokens = {"accessToken": shown(access, told), "refreshToken": shown(refresh, options.refresh_seconds)}
        return answered({"2faRequired": False, **tokens})

    def _told(self, moment: float) -> str:
        return stamp(datetime.fromtimestamp(moment + self.options.clock_skew_seconds, UTC))


def _object(request: Request) -> dict[str, Json]:
    body = request.json()
    if not isinstance(body, dict):
        raise Refusal(400, {"error": "an object is wanted"})
    return body
