"""What an answer of a source means: its body within bounds, its status as an error; for wire, client and sign-in."""

from __future__ import annotations

import html
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

import orjson

from changes.records import Json
from upstream.errors import (
    CredentialsRefused,
    MalformedResponse,
    NotAvailable,
    Overloaded,
    Rejected,
    ServerError,
    UpstreamError,
)
from upstream.paging_table import Paging

#: Longer waits that a source asks for are cut to this: a typing error there must not stop a mirror for a year.
LONGEST_RETRY_AFTER_SECONDS = 300.0
EXCERPT_CHARACTERS = 200
#: Members of an error's body that say what is wrong. Others are not quoted: a body may repeat what was sent.
TELLING_MEMBERS = ("error_message", "message", "error_description", "detail", "title", "error", "error_code", "code")
#: Of a list of complaints, so many are quoted; each says in one of these members what it is about.
MOST_COMPLAINTS = 5
_PLACES = ("field", "loc", "parameter", "param", "property", "path")
_TOKENS = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+|\beyJ[\w-]+\.[\w-]*\.?[\w-]*")


#: What servers write as the packing of a body that is not packed.
_NO_PACKINGS = frozenset({"", "identity", "none", "utf-8", "utf8", "binary", "8bit", "7bit"})
#: What each part of a gzip body begins with.
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever it means."""

    status: int
    headers: Mapping[str, str]  #: names in lower case
    body: bytes
    requested_at: datetime  #: when the request was sent


class TooLarge(Exception):  # noqa: N818  becomes MalformedResponse where source and resource are known
    """The body is larger than allowed."""


class Garbled(Exception):  # noqa: N818  becomes MalformedResponse where source and resource are known
    """The body is not packed the way its headers say."""


class Unpacker:
    """Undoes gzip and deflate step by step, so that a small body which unpacks to a huge one is noticed in time."""

    def __init__(self, encoding: str, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._inflate: zlib._Decompress | None = None
        self._has_parts = False  #: whether another part may follow
        self._held = b""  #: the first bytes of a part, until it is known what they begin
        names = [name.strip().lower() for name in encoding.split(",")]
        packings = [name for name in names if name not in _NO_PACKINGS]
        self._is_packed = packings in (["gzip"], ["x-gzip"], ["deflate"])
        if packings and not self._is_packed:
            raise Garbled(f"it is packed as {encoding[:40]!r}, which was not asked for")

    def feed(self, data: bytes) -> None:
        if not self._is_packed:
            self._keep(data)
            return
        data = self._held + data
        self._held = b""
        while data:
            if self._inflate is None or self._inflate.eof:
                if len(data) < len(_GZIP):
                    self._held = data
                    return
                self._inflate = self._begin(data)
            try:
                self._keep(self._inflate.decompress(data, self._most_bytes - self._size + 1))
            except zlib.error as error:
                raise Garbled("it cannot be unpacked") from error
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail

    def _begin(self, data: bytes) -> zlib._Decompress:
        """A gzip body may have several parts; nothing else may follow what has come to its end."""
        is_gzip = data.startswith(_GZIP)
        if self._inflate is not None and not (is_gzip and self._has_parts):
            raise Garbled("something follows behind its packing")
        self._has_parts = is_gzip
        return _inflate(data)

    def close(self) -> bytes:
        """The whole body."""
        if self._held or (self._inflate is not None and not self._inflate.eof):
            raise Garbled("it ends before its packing does")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def head(self) -> bytes:
        """What has come so far."""
        return b"".join(self._parts)

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._most_bytes:
            raise TooLarge
        if data:
            self._parts.append(data)


def is_text(body: bytes) -> bool:
    """Whether a body is text as it stands: JSON, whatever its characters, or anything in UTF-8."""
    if body.lstrip()[:1] in b'{["':
        return True
    try:
        return "\0" not in body.decode()
    except UnicodeDecodeError:
        return False


def _inflate(data: bytes) -> zlib._Decompress:
    """What undoes a body that begins so: gzip, deflate, or deflate without its header, as some servers send it."""
    has_header = data.startswith(_GZIP) or (data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0)
    return zlib.decompressobj(zlib.MAX_WBITS | 32 if has_header else -zlib.MAX_WBITS)


def error_for(
    source: str, resource: str, answer: Answer, *, hide: Iterable[str] = (), is_reading: bool = False
) -> UpstreamError:
    """The error that an answer other than 2xx stands for; `hide`: texts that must not be quoted.

    `is_reading`: nothing was sent that an answer could repeat, so its complaints are quoted too.
    """
    status = answer.status
    said = excerpt(answer.body, hide=hide, with_complaints=is_reading)
    message = f"answered {status}" + (f' "{said}"' if said else "")
    retry_after = retry_after_seconds(answer.headers, now=answer.requested_at)
    if status in (429, 503):
        hint = "It is asked again later; lower limits.requests_per_second if this happens often"
        return Overloaded(source, resource, message, hint, retry_after, status == 429)
    if status in (408, 425) or (500 <= status < 600 and status != 501):
        return ServerError(source, resource, message, "It is asked again later", retry_after, status == 425)
    if status == 401:
        return CredentialsRefused(source, resource, message, "Check the source's auth settings")
    if status in (403, 404, 405, 410, 501):
        hint = (
            "Give the user the right to read it"
            if status == 403
            else "This installation may not have it, or base_url may be wrong"
        )
        hint += '; or set its schedule to "off"'
        if status in (404, 410):
            hint += f"; or write empty = [{status}] in the catalogue, where it means an empty list"
        return NotAvailable(source, resource, message, hint, status)
    if 400 <= status < 500:
        return Rejected(source, resource, message, "The request does not fit this installation", status)
    if 300 <= status < 400:
        target = redirect_target(answer.headers.get("location", ""))
        hint = "Redirects are not followed, so that credentials go nowhere else. Correct base_url if the API has moved"
        return MalformedResponse(
            source, resource, f"answered {status}, a redirect to {target}", hint, None, False, True
        )
    return MalformedResponse(source, resource, message, "No meaning is known for it")


def redirect_target(location: str) -> str:
    """The host that a redirect names; never its query, which may hold a token."""
    try:
        parts = urlsplit(location)
        host = parts.hostname
    except ValueError:
        host, parts = None, urlsplit("")
    if host:
        return printable(f"{parts.scheme or 'http'}://{host}")[:EXCERPT_CHARACTERS]
    return "another path of its own" if location else "nowhere"


def retry_after_seconds(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """`Retry-After` in either form, within 0 to 300 s; None where it is missing or makes no sense."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?", value):
        return min(max(float(value), 0.0), LONGEST_RETRY_AFTER_SECONDS)
    moment = _http_date(value)
    if moment is None:
        return None
    # Its own clock decides how long that is from now: ours may be another.
    seconds = (moment - (_http_date(headers.get("date", "")) or now)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def refused_page(error: Rejected, limit: int, paging: Paging) -> Rejected:
    """A refusal of a page of so many rows, with the cure that is most likely."""
    which = paging.names - {paging.limit}
    name = next((each for each in which if re.search(rf"(?i)(?<![\w]){re.escape(each)}(?![\w])", error.message)), None)
    if name is not None:
        hint = f'"{name}" is how the catalogue asks for a page: `paging` must say which parameters this list takes'
    elif error.status in (400, 413, 422) and limit > 1:
        hint = (
            f"It was asked for {limit} rows at once: where that is more than it gives, lower page_size, of this list "
            "in the catalogue or of all under `limits` of the source"
        )
    else:
        return error
    return Rejected(error.source, error.resource, error.message, hint, error.status)


def excerpt(body: bytes, *, hide: Iterable[str] = (), with_complaints: bool = False) -> str:
    """What an error's body says, in at most 200 characters; empty where it says nothing that may be quoted."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = _text_of_page(body)
    else:
        text = _telling_texts(document, with_complaints=with_complaints)
    for secret in sorted({form for text_ in hide if len(text_) > 2 for form in _forms(text_)}, key=len, reverse=True):
        text = text.replace(secret, "…")
    text = _TOKENS.sub("…", text)
    text = printable(text)
    return text if len(text) <= EXCERPT_CHARACTERS else text[: EXCERPT_CHARACTERS - 1] + "…"


def _forms(secret: str) -> set[str]:
    """The ways in which a body may write it."""
    return {secret, html.escape(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}


def _telling_texts(document: Json, *, with_complaints: bool) -> str:
    if isinstance(document, str):
        return document
    if with_complaints and isinstance(document, list):
        return "; ".join(dict.fromkeys(filter(None, map(_complaint, document[:MOST_COMPLAINTS]))))
    if not isinstance(document, dict):
        return ""
    found: list[str] = []
    for name in TELLING_MEMBERS:
        value = document.get(name)
        if isinstance(value, (dict, list)):
            value = _telling_texts(value, with_complaints=with_complaints)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
            found.append(str(value))
    faulty = document.get("errors")
    if with_complaints and isinstance(faulty, (dict, list)):
        named = [{"field": name, "msg": each} for name, each in faulty.items()] if isinstance(faulty, dict) else faulty
        found.append(_telling_texts(named, with_complaints=True))
    elif isinstance(faulty, str):
        found.append(faulty)
    elif isinstance(faulty, dict):  # field -> complaints, which may repeat the value: only the fields are named
        found.append("errors in " + ", ".join(list(faulty)[:20]))
    return "; ".join(filter(None, found))


def _complaint(entry: Json) -> str:
    """One of a list: a text, or an object that says which parameter it means and what is wrong with it."""
    if not isinstance(entry, dict):
        return entry if isinstance(entry, str) else ""
    source = entry.get("source")
    place = next((entry[name] for name in _PLACES if entry.get(name)), source if isinstance(source, dict) else "")
    steps = place.values() if isinstance(place, dict) else place if isinstance(place, list) else [place]
    msg = entry.get("msg")
    said = "; ".join(map(str, msg)) if isinstance(msg, list) else str(msg or "")
    said = said or _telling_texts(entry, with_complaints=False)
    return ": ".join(part for part in (".".join(str(step) for step in steps if step), said) if part)


def _text_of_page(body: bytes) -> str:
    text = body[:65536].decode("utf-8", "replace")
    title = re.search(r"(?is)<title[^>]*>(.*?)</title", text)
    if title:
        return html.unescape(title.group(1))
    if text.lstrip()[:1] in ("{", "["):
        return ""  # JSON that was cut: it may hold anything
    return html.unescape(re.sub(r"(?s)<(script|style).*?</\1\s*>|<[^>]*>", " ", text))


def printable(text: str) -> str:
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
