"""Signs in as the catalogue says, and renews the token when it expires or is refused; built by auth.py.

Signing in costs dear (some APIs block an account after five tries in a minute), so tokens are shared by all processes
through a store, renewed by one caller at a time, and refused credentials are not tried again at once.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Protocol

from changes.records import Json
from upstream import tokens
from upstream.answers import Answer, error_for
from upstream.catalogue import SignIn
from upstream.doubts import Doubts
from upstream.errors import (
    CredentialsRefused,
    MalformedResponse,
    Overloaded,
    SecondFactorDemanded,
    StopSource,
    TryLater,
    UpstreamError,
)
from upstream.throttle import Budget, Paused
from upstream.token_store import Kept, Refusal, TokenStore

#: Refused credentials are not tried again for this long, by no process.
REFUSAL_SECONDS = 60.0
#: Assumed where the sign-in is blocked and does not say for how long.
BLOCKED_SECONDS = 60.0

#: Members of `auth` that may be quoted; all others may not.
OPEN_NAMES = frozenset({"email", "user", "username", "login", "name", "account"})
#: Members of `auth` whose values tell no account from another, and of which not even a hash may be kept.
_SECRET_NAMES = re.compile(r"(?i)pass|secret|token|key|pin|code")

_SECOND_FACTOR = "the sign-in asks for a second factor"
_SECOND_FACTOR_HINT = "Use a service user that has no second factor: nobody is here to type a code"

_MISPLACED = "the sign-in's answer has no token"
_MISPLACED_HINT = "Mend `token` under [source.sign_in] of the catalogue"


class Post(Protocol):
    """Sends a POST of a body to a path of the source; raises TryLater where no answer comes."""

    def __call__(self, path: str, body: Json, /, *, is_form: bool = False, basic: str = "") -> Answer:
        """The body as JSON or as a form; `basic`: the Authorization header, where the caller shows who it is."""


class SignInAuth:
    """Signs in as the catalogue says, and renews the token when it expires or is refused."""

    def __init__(
        self,
        source: str,
        sign_in: SignIn,
        values: Mapping[str, str],
        *,
        base_url: str,
        store: TokenStore,
        budget: Budget,
    ) -> None:
        self._source = source
        self._sign_in = sign_in
        self._values = values
        self._store = store
        self._budget = budget
        self._name = f"{source}:{_account(base_url, sign_in.path, values)}"
        self._kept: Kept | None = None
        self._own = ""  #: the token that this process signed in for last
        self._doubts = Doubts(sign_in.expired, budget.clock)
        self._lock = threading.Lock()

    def headers(self, post: Post) -> dict[str, str]:
        kept = self._kept
        if kept is None or self._is_over(kept):
            kept = self._renew(None, post)
        return {"Authorization": f"Bearer {kept.access}"}

    def refused(self, used: Mapping[str, str], post: Post, *, status: int = 401, resource: str = "") -> bool:
        token = _token_of(used)
        if not self._doubts.may_be_over(token, status, resource, is_own=token == self._own):
            return False
        if not self._doubts.is_sure(status) and not self._has_room(token):
            return False
        self._renew(token, post)
        return True

    def answered(self, used: Mapping[str, str], status: int, resource: str, *, is_renewed: bool) -> None:
        self._doubts.note(_token_of(used), status, resource, is_renewed=is_renewed)

    def _has_room(self, token: str) -> bool:
        """For what may be in vain no more than half of the sign-ins are spent; a token that is there costs none."""
        kept = self._store.load(self._name)
        if kept is not None and kept.access != token and not self._is_over(kept):
            return True
        times, seconds = self._sign_in.limit
        return len(self._recent(seconds)) <= times // 2

    def secrets(self) -> Sequence[str]:
        kept = self._kept
        tokens_ = (kept.access, kept.refresh or "") if kept is not None else ("", "")  # a secret keeps its place
        basic = tokens.basic(self._sign_in, self._values).removeprefix("Basic ")
        return (*(value for name, value in self._values.items() if name not in OPEN_NAMES), *tokens_, basic)

    def _is_over(self, kept: Kept) -> bool:
        return kept.expires_at <= self._budget.clock()

    def _renew(self, refused: str | None, post: Post) -> Kept:
        """A token other than the refused one: another caller's where there is one by now, else a new one."""
        while True:
            with self._lock, self._store.exclusive(self._name):
                kept = self._store.load(self._name)
                if kept is None or kept.access == refused or self._is_over(kept):
                    renewed = self._refresh(kept, refused, post) if kept is not None else None
                    wait_seconds = 0.0 if renewed is not None else self._seconds_until_sign_in()
                    if renewed is None and wait_seconds <= 0:
                        renewed = self._sign_in_anew(post)
                    if renewed is not None:
                        self._store.save(self._name, renewed)
                    kept = renewed
                if kept is not None:
                    self._kept = kept
                    return kept
            self._budget.wait(wait_seconds)  # with the lock given back: somebody may be quicker

    def _refresh(self, kept: Kept, refused: str | None, post: Post) -> Kept | None:
        """None where there is no other way than to sign in."""
        refresh = self._sign_in.refresh
        if refresh is None or not kept.refresh:
            return None
        body = tokens.filled(refresh.body, {**self._values, "refresh_token": kept.refresh})
        try:
            answer = self._send(post, refresh.path, body)
            if answer.status in (429, 503):
                raise self._error(answer)
            renewed = self._read(answer, kept.refresh) if 200 <= answer.status < 300 else None
        except (MalformedResponse, tokens.NoTokenError):
            return None
        return None if renewed is None or renewed.access == refused else renewed

    def _seconds_until_sign_in(self) -> float:
        """0 where one may sign in now; raises while a refusal is fresh."""
        now = self._budget.clock()
        refusal = self._store.refusal(self._name)
        if refusal is not None and 0 <= now - refusal.at < REFUSAL_SECONDS:
            raise self._stop(refusal.reason, REFUSAL_SECONDS - (now - refusal.at))
        times, seconds = self._sign_in.limit
        recent = self._recent(seconds)
        return recent[-times] + seconds - now if len(recent) >= times else 0.0

    def _recent(self, seconds: float) -> list[float]:
        """When was signed in lately, the oldest first."""
        now = self._budget.clock()
        return sorted(at for at in self._store.sign_in_times(self._name) if 0 <= now - at < seconds)

    def _send(self, post: Post, path: str, body: Json) -> Answer:
        basic = tokens.basic(self._sign_in, self._values)
        if not (basic or self._sign_in.form):
            return post(path, body)
        return post(path, body, is_form=self._sign_in.form, basic=basic)

    def _sign_in_anew(self, post: Post) -> Kept:
        is_sent = True
        try:
            answer = self._send(post, self._sign_in.path, tokens.filled(self._sign_in.body, self._values))
        except TryLater as trouble:
            is_sent = not trouble.is_untouched
            raise
        except Paused:
            is_sent = False
            raise
        finally:
            if is_sent:
                self._store.note_sign_in(self._name, self._budget.clock())
        if 200 <= answer.status < 300:
            renewed = self._read_new(answer)
            if renewed is None:
                raise self._refuse(_SECOND_FACTOR)
            self._own = renewed.access
            return renewed
        error = self._error(answer)
        if _is_lasting(error) or (400 <= answer.status < 500 and not isinstance(error, TryLater)):
            raise self._refuse(f"the sign-in {error.message}")
        raise error

    def _read_new(self, answer: Answer) -> Kept | None:
        try:
            return self._read(answer, None)
        except tokens.NoTokenError as error:
            raise self._refuse(f"the sign-in's answer has {error}") from None  # each try would count, and end alike
        except MalformedResponse as error:
            if not _is_lasting(error):
                raise
            # What is no API's answer, as a web page: it would be there for each resource and try, and every one counts.
            raise self._refuse(error.message) from None

    def _error(self, answer: Answer) -> UpstreamError:
        error = error_for(self._source, "", answer, hide=self.secrets())
        if isinstance(error, Overloaded):
            seconds = BLOCKED_SECONDS if error.retry_after_seconds is None else error.retry_after_seconds
            return Overloaded(self._source, "", f"the sign-in {error.message}", error.hint, seconds, error.is_untouched)
        return error

    def _read(self, answer: Answer, refresh: str | None) -> Kept | None:
        """The tokens in an answer; None where a second factor is asked for, NoTokenError where it has none."""
        try:
            found = tokens.found(answer.body, self._sign_in, now=self._budget.clock())
        except tokens.NoTokenError:
            raise
        except ValueError as error:
            hint = "Check base_url: a web page may stand where the API is expected"
            body = answer.body.strip()
            is_cut = body.startswith(b"{") and not body.endswith(b"}")  # all else would be answered again
            message = f"the sign-in's answer is of no use: {error if body else 'it is empty'}"
            raise MalformedResponse(self._source, "", message, hint, None, False, not is_cut) from None
        if found is None:
            return None
        return Kept(found.access, found.refresh or refresh, found.expires_at)

    def _refuse(self, reason: str) -> StopSource:
        self._store.note_refusal(self._name, Refusal(self._budget.clock(), reason))
        return self._stop(reason, REFUSAL_SECONDS)

    def _stop(self, reason: str, seconds: float) -> StopSource:
        if reason == _SECOND_FACTOR:
            return SecondFactorDemanded(self._source, "", reason, _SECOND_FACTOR_HINT)
        if reason.startswith(_MISPLACED):
            return CredentialsRefused(self._source, "", reason, _MISPLACED_HINT)
        hint = f"Check base_url and the source's auth settings; it is not tried again for {seconds:.0f} s"
        return CredentialsRefused(self._source, "", reason, hint)


def _token_of(used: Mapping[str, str]) -> str:
    return used.get("Authorization", "").removeprefix("Bearer ")


def _is_lasting(error: UpstreamError) -> bool:
    return isinstance(error, MalformedResponse) and error.is_lasting


def _account(base_url: str, path: str, values: Mapping[str, str]) -> str:
    """Tells accounts apart, so that tokens of one are not used for another after the configuration was changed."""
    open_values = sorted((name, value) for name, value in values.items() if not _SECRET_NAMES.search(name))
    return hashlib.sha256(repr((base_url, path, open_values)).encode()).hexdigest()[:12]
