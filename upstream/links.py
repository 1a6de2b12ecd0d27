"""Reads from an answer what comes behind it: the next cursor, or a link on the source's own origin; used by the client.

Credentials go with each request, so a link is followed only where scheme, host and port are those of `base_url`; what
is kept of it is its path and its query, just as they came. Where its query repeats a secret that we have sent, a mark
stands for that, since what comes next is written to the database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, unquote_plus

import httpx

from changes import members, pointers
from changes.records import Json
from upstream.paging_table import LINK_HEADER, Paging, Style

#: No cursor and no link is longer: it is sent as a part of an address, which servers do not take at any length.
LONGEST_NEXT = 8000

#: One link of the header, with its parameters; a comma inside of quotes ends none.
_LINK = re.compile(r'<([^>]*)>((?:\s*;(?:[^,;"]|"(?:[^"\\]|\\.)*")*)*)')
_PARAMETER = re.compile(r';\s*([^\s=;,"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?')
_MARK = re.compile(r"\{secret:([0-9]+)\}")
_MISSING = object()


class Unfollowable(ValueError):  # noqa: N818  # what is wrong is the answer
    """What an answer names as its next page is none, or must not be asked for."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.message, self.hint = message, hint

    def __str__(self) -> str:
        return self.message


class Links:
    """What the answers of one source name as their next pages, and where that is asked for."""

    def __init__(self, base_url: str, secrets: Callable[[], Sequence[str]]) -> None:
        """`secrets`: what we send, and nobody else may see."""
        self._base_url = base_url.strip().rstrip("/")
        self._secrets = secrets

    def next_of(
        self, paging: Paging, path: str, body: Json, headers: Mapping[str, str], rows: Sequence[Json]
    ) -> str | None:
        """What `path` was answered, as `next_of` says it; a link as `url` takes it."""
        behind = next_of(paging, body, headers, rows)
        if not behind or paging.style is not Style.LINK:
            return behind
        page_url = self._base_url + path if path.startswith("/") else path
        return masked(target(behind, page_url=page_url, base_url=self._base_url), self._secrets())

    def address(self, link: str) -> str:
        """The whole address of what `next_of` gave, with marks in place of secrets."""
        own = httpx.URL(self._base_url)
        return f"{own.scheme}://{own.netloc.decode('ascii')}{link}"

    def opened(self, address: str, keys: Mapping[str, str]) -> str:
        """`address` with the secrets themselves, and with those of `keys` that it does not name."""
        opened = unmasked(address, self._secrets())
        named = {unquote_plus(part.partition("=")[0]) for part in opened.partition("?")[2].split("&")}
        for name, value in keys.items():
            if name not in named:
                opened += f"{'&' if '?' in opened else '?'}{quote(name, safe='')}={quote(value, safe='')}"
        return opened


def next_of(paging: Paging, body: Json, headers: Mapping[str, str], rows: Sequence[Json]) -> str | None:
    """The cursor or link of the next page; empty where the answer says that there is none, None where it says nothing.

    null, false, 0, "0" and what is empty say that there is none. `headers`: names in lower case. `rows`: of the page;
    its last one holds the cursor where `paging` has `after`.
    """
    if paging.after and not paging.next:
        return _of_last_row(paging, rows)
    found = None
    for place in paging.next:
        value = _in_header(headers) if place == LINK_HEADER else _in_body(body, place)
        if value is _MISSING:
            continue
        if paging.after and not _says_none(value):
            return _of_last_row(paging, rows)
        text = "" if paging.after else _text(paging, place, value)
        if text:
            return text
        found = ""
    return found


def _of_last_row(paging: Paging, rows: Sequence[Json]) -> str:
    """Empty behind an empty page: there is no row to go on from."""
    if not rows:
        return ""
    values = [members.value(row, paging.after) if isinstance(row, dict) else None for row in rows]
    value = values[-1]
    if value == "" or isinstance(value, bool) or not isinstance(value, str | int):
        hint = "Name the member that tells rows apart, by which the list goes on, in `after` of paging"
        raise Unfollowable(f'the last row of a page has no text and no whole number at "{paging.after}"', hint)
    texts = [str(each) for each in values if isinstance(each, str | int)]
    if len(set(texts)) < len(texts):
        hint = "Name a member that no two rows share, by which the list goes on, in `after` of paging"
        raise Unfollowable(f'rows of a page have the same "{paging.after}", so that others may be passed over', hint)
    return str(value)


def in_header(headers: Mapping[str, str]) -> str | None:
    """What the header `Link` (RFC 8288) has as the next page, empty where it names none; None where there is none."""
    if "link" not in headers:
        return None
    for link in _LINK.finditer(headers["link"]):
        values = (one[2] or "" for one in _PARAMETER.finditer(link[2]) if one[1].lower() == "rel")
        if "next" in next(values, "").strip('"').lower().split():
            return link[1].strip()
    return ""


def _in_header(headers: Mapping[str, str]) -> Json:
    link = in_header(headers)
    return _MISSING if link is None else link


def _in_body(body: Json, place: str) -> Json:
    try:
        return pointers.resolved(body, place if place.startswith("/") else f"/{pointers.escape(place)}")
    except LookupError:
        return _MISSING


def _text(paging: Paging, place: str, value: Json) -> str:
    if isinstance(value, dict) and paging.style is Style.LINK and "href" in value:  # as JSON:API and HAL write it
        value = value["href"]
    if _says_none(value):
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        hint = "Name the member with the cursor or link itself in `next` of paging"
        raise Unfollowable(f'"{place}" is no {paging.style}: neither a text nor a whole number', hint)
    if len(value) > LONGEST_NEXT:
        raise Unfollowable(f'"{place}" has {len(value):,} characters', "Look whether `next` of paging is right")
    if paging.style is Style.CURSOR and re.match(r"https?://", value):
        raise Unfollowable(f'"{place}" is a link, not a cursor', 'Write style = "link" in paging')
    if paging.style is Style.LINK and not re.search(r"[/?]", value):
        raise Unfollowable(f'"{place}" is no link', 'Write style = "cursor" in paging, if it is a cursor')
    return value


def _says_none(value: Json) -> bool:
    return value is None or value in (False, 0, "0", [], {}) or (isinstance(value, str) and not value.strip())


def target(link: str, *, page_url: str, base_url: str) -> str:
    """Path and query of `link` as it stands in the answer to `page_url`; Unfollowable where it leads elsewhere."""
    try:
        own, url = httpx.URL(base_url), httpx.URL(page_url).join(link.strip())
    except httpx.InvalidURL:
        raise Unfollowable("its link to the next page is no address", "The API itself must be corrected") from None
    if url.userinfo or (url.scheme, url.host, url.port) != (own.scheme, own.host, own.port):
        message = f"its link to the next page leads to {_origin(url)}, not to {_origin(own)}"
        hint = "Credentials are sent to base_url alone: correct it, or how the API names itself (behind a proxy?)"
        raise Unfollowable(message, hint)
    return url.raw_path.decode("ascii")


def _origin(url: httpx.URL) -> str:
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{url.host}{port}"[:200]


def masked(target: str, secrets: Sequence[str]) -> str:
    """`target` with a mark in place of each value of its query that is one of `secrets`."""
    path, sign, query = target.partition("?")
    parts = []
    for part in query.split("&"):
        name, equals, value = part.partition("=")
        plain = unquote_plus(value)
        if plain and plain in secrets:
            part = f"{name}{equals}{{secret:{list(secrets).index(plain)}}}"  # noqa: PLW2901
        parts.append(part)
    return path + sign + "&".join(parts)


def unmasked(target: str, secrets: Sequence[str]) -> str:
    """What `masked` was given, with the secrets as they are now."""

    def secret(mark: re.Match[str]) -> str:
        number = int(mark[1])
        return quote(secrets[number], safe="") if number < len(secrets) else ""

    return _MARK.sub(secret, target)
