"""Reads pages and single records of one source; one per process and source, called by the steps and commands."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import orjson
import tenacity

from changes import normalise
from changes.pauses import doubled
from changes.records import Id, Json
from changes.resources import Resource
from upstream import addresses, answers, charsets, links, raw_page, single_record, tokens
from upstream.answers import Answer
from upstream.auth import Auth, Headers
from upstream.catalogue import Catalogue
from upstream.errors import (
    CredentialsRefused,
    MalformedResponse,
    Overloaded,
    Rejected,
    ServerError,
    TryLater,
    UpstreamError,
)
from upstream.paging_table import Style
from upstream.raw_page import RawPage
from upstream.throttle import LONGEST_WAIT_SECONDS, Budget, Paused
from upstream.transport import Wire

T = TypeVar("T")

USER_AGENT = "mirrorpoint"
LARGEST_BODY_BYTES = 64 * 1024 * 1024
#: How often a request is sent before the caller is told of the trouble.
TRIES = 4
FIRST_PAUSE_SECONDS = 0.5

#: Answers that may mean that a token has expired; the sign-in knows which of them do.
REFUSING = frozenset(range(400, 500)) - {404, 429}
#: Answers of an item path that say that the record is not there.
GONE = frozenset({404, 410})


class SourceClient:
    """The connection to one source. A call ends within about twice the time-out, or raises an UpstreamError."""

    def __init__(
        self,
        source: str,
        catalogue: Catalogue,
        *,
        base_url: str,
        auth: Auth,
        budget: Budget,
        language: str = "en",
        timeout_seconds: float = 30.0,
        user_agent: str = USER_AGENT,
        verify: bool | ssl.SSLContext = True,
        max_body_bytes: int = LARGEST_BODY_BYTES,
        stopping: threading.Event | None = None,
        texts: Mapping[str, str] = addresses.NO_TEXTS,
    ) -> None:
        """`texts`: what the catalogue has in place of a value, such as `env:KEY` -> the value."""
        self.source = source
        self.catalogue = catalogue
        self._texts = texts
        for reference, place in catalogue.references():
            if reference not in texts:
                raise ValueError(f"{catalogue.origin}, {place}: the value of {reference} is not known")
        self._auth = auth
        self.links = links.Links(base_url, self._secrets)
        self._budget = budget
        self._timeout_seconds = timeout_seconds
        self._wire = Wire(
            budget,
            base_url=base_url,
            language=language,
            user_agent=user_agent,
            timeout_seconds=timeout_seconds,
            verify=verify,
            max_body_bytes=max_body_bytes,
            stopping=stopping if stopping is not None else budget.stopping,
        )

    def __enter__(self) -> SourceClient:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        self._wire.close()

    @property
    def requests_made(self) -> int:
        """Requests sent so far, tries that failed and sign-ins included."""
        return self._wire.requests_made

    def can_sort_newest_first(self, resource: Resource) -> bool:
        """Whether `fetch_page(..., newest_first=True)` is possible."""
        return addresses.can_sort_newest_first(self.catalogue, resource)

    def fetch_page(
        self,
        resource: Resource,
        *,
        parent_key: str = "",
        offset: int = 0,
        limit: int,
        newest_first: bool = False,
        in_slices: bool = False,
        cursor: str = "",
    ) -> RawPage:
        """The rows from `offset` on, as many as the source cares to send. `in_slices`: unread, if that is possible.

        `cursor`: the `next` of the page before this one, if pages name the next one.
        """
        next_of = None
        if addresses.is_chain(self.catalogue, resource):
            next_of = partial(self.links.next_of, self.catalogue.paging_of(resource))
        if cursor and self.catalogue.paging_of(resource).style is Style.LINK:
            path, params = self.links.address(cursor), None
        else:
            path = addresses.of_list(resource, parent_key)
            params = self.page_params(
                resource, parent_key=parent_key, offset=offset, limit=limit, newest_first=newest_first, cursor=cursor
            )

        def read(answer: Answer) -> RawPage:
            return raw_page.read(resource, path, answer, in_slices=in_slices, next_of=next_of)

        try:
            return self.ask("GET", path, resource=resource, params=params, read=read)
        except Rejected as error:
            paging = self.catalogue.paging_of(resource)
            raise (answers.refused_page(error, limit, paging) if resource.paged else error) from None

    @property
    def page_params(self) -> Callable[..., dict[str, str]]:
        """Gives the query of a list request, with secrets; called like `addresses.page_params` without a catalogue."""
        return partial(addresses.page_params, self.catalogue, texts=self._texts)

    def fetch_record(self, resource: Resource, id: Id) -> Json | None:  # noqa: A002  the word of the mirror
        """The row of one record, as a list would have it; None if its own path says that it is not there."""
        found = self.look_up(resource, id)
        if found.row is None and not found.is_denied:
            message = f"status {found.status}, but the answer is no record, or another record than was asked for"
            hint = "Look at item_path in the catalogue, and leave it out if it always answers so"
            raise MalformedResponse(self.source, resource.name, message, hint, None, False, True)
        return found.row

    def look_up(self, resource: Resource, id: Id) -> single_record.LookedUp:  # noqa: A002
        """What the own path of a record answers: that it is there, that it is not, or any other JSON."""

        def read(answer: Answer) -> single_record.LookedUp:
            return single_record.read(resource, id, answer, is_denied=answer.status in GONE)

        path, params = addresses.of_record(self.source, resource, id), addresses.record_params(resource, id)
        return self.ask("GET", path, resource=resource, params=params, accept=GONE, read=read)

    def probe(self, resource: Resource, *, parent_key: str = "") -> RawPage:
        """One row, to see whether the resource answers at all."""
        return self.fetch_page(resource, parent_key=parent_key, limit=1)

    def ask(
        self,
        method: str,
        path: str,
        *,
        resource: Resource,
        read: Callable[[Answer], T],
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        accept: Collection[int] = (),
        is_repeatable: bool = True,
        hide: Collection[str] = (),
    ) -> T:
        """What `read` makes of the answer, after bounded retries; raises the error that another answer stands for.

        `accept`: statuses besides 2xx that `read` knows; its ValueError becomes MalformedResponse. `is_repeatable`
        False: sent again only if the source has not acted on it. `hide`: texts of the request that must not be
        quoted.
        """

        def once() -> T:
            try:
                answer = self._send(method, path, resource, params, content)
                if not (200 <= answer.status < 300 or answer.status in accept):
                    raise self._error(resource.name, answer, hide, is_reading=content is None)
            except Overloaded as error:
                if error.retry_after_seconds:
                    self._budget.pause(error.retry_after_seconds)
                raise
            except Paused as pause:
                message = f"it or its sign-in answered 429 or 503; it is left alone for {pause.seconds:.0f} s from now"
                hint = "It is asked again later"
                raise Overloaded(self.source, resource.name, message, hint, pause.seconds, True) from None
            try:
                return read(answer)
            except ValueError as error:
                raise self._misshapen(resource.name, answer, error) from error

        def is_worth_another(error: BaseException) -> bool:
            if not isinstance(error, TryLater) or (isinstance(error, MalformedResponse) and error.is_lasting):
                return False
            return (error.retry_after_seconds or 0) <= LONGEST_WAIT_SECONDS and (is_repeatable or error.is_untouched)

        return tenacity.Retrying(
            sleep=self._budget.wait,
            # No new try once the time-out is used up: the caller holds a lease that must not run out meanwhile.
            stop=tenacity.stop_after_attempt(TRIES) | tenacity.stop_after_delay(self._timeout_seconds),
            wait=self._pause_seconds,
            retry=tenacity.retry_if_exception(is_worth_another),
            reraise=True,
        )(once)

    def _send(
        self, method: str, path: str, resource: Resource, params: Mapping[str, str] | None, content: bytes | None
    ) -> Answer:
        own, is_link = self._opened(resource.headers), not path.startswith("/")
        query = None if is_link else {**self._opened(self.catalogue.params), **(params or {})}

        def send() -> tuple[Headers, Answer]:
            headers = self._auth.headers(self._post)
            where = self.links.opened(path, self._keys(resource)) if is_link else path  # with the present token
            return headers, self._wire.send(
                method, where, resource=resource.name, headers={**own, **headers}, params=query, content=content
            )

        used, answer = send()
        is_renewed = answer.status in REFUSING and self._auth.refused(
            used, self._post, status=answer.status, resource=resource.name
        )
        if is_renewed:
            used, answer = send()
        self._auth.answered(used, answer.status, resource.name, is_renewed=is_renewed)
        content_type = answer.headers.get("content-type", "")
        return replace(answer, body=charsets.in_utf8(answer.body, content_type))

    def _opened(self, written: Mapping[str, str]) -> dict[str, str]:
        """The values themselves in place of what says where they are."""
        return {name: self._texts.get(value, value) for name, value in written.items()}

    def _keys(self, resource: Resource) -> dict[str, str]:
        """The secret parameters of a list: like credentials they belong to each of its requests."""
        written = {**self.catalogue.params, **resource.params}
        return {name: self._texts[value] for name, value in written.items() if value in self._texts}

    def _post(self, path: str, body: Json, /, *, is_form: bool = False, basic: str = "") -> Answer:
        headers = self._opened(self.catalogue.headers)
        if basic:
            headers["Authorization"] = basic
        if is_form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        content = tokens.form(body) if is_form else orjson.dumps(body)
        return self._wire.send("POST", path, resource="", headers=headers, content=content)

    def _secrets(self) -> Sequence[str]:
        return (*self._auth.secrets(), *self._texts.values())

    def _error(self, resource: str, answer: Answer, hide: Collection[str], *, is_reading: bool) -> UpstreamError:
        hidden = (*self._secrets(), *hide)
        error = answers.error_for(self.source, resource, answer, hide=hidden, is_reading=is_reading)
        if isinstance(error, CredentialsRefused):
            hint = "The credentials of its auth settings are not accepted, or no longer"
            return CredentialsRefused(self.source, resource, error.message, hint)
        return error

    def _pause_seconds(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, Overloaded) and error.retry_after_seconds is not None:
            return 0.0  # the budget is paused: the next request waits there, like those of other processes
        if isinstance(error, ServerError) and error.retry_after_seconds is not None:
            return error.retry_after_seconds
        pause = doubled(FIRST_PAUSE_SECONDS, state.attempt_number, self._timeout_seconds)
        return pause * self._budget.rng.uniform(0.75, 1.25)

    def _misshapen(self, resource: str, answer: Answer, error: ValueError) -> MalformedResponse:
        if isinstance(error, links.Unfollowable):
            message = f"status {answer.status}, but {error.message}"
            return MalformedResponse(self.source, resource, message, error.hint, None, False, True)
        is_page = "html" in answer.headers.get("content-type", "")
        said = answers.excerpt(answer.body, hide=self._secrets()) if is_page else ""  # data is never quoted
        message = str(error).removeprefix(f"{resource}: ") + (f' "{said}"' if said else "")
        is_lasting = isinstance(error, normalise.UnexpectedShape)
        hint = (
            "Say in a catalogue of your own where its rows are"
            if is_lasting
            else "It is asked again later; if it stays so, check base_url"
        )
        return MalformedResponse(
            self.source, resource, f"status {answer.status}, but {message}", hint, None, False, is_lasting
        )
