"""What a refusing receiver said, as it may be kept with the attempt: as text, in bounds, without our secrets.

"What did the receiver say?" is the first question when a delivery fails. Receivers like to quote what they were sent,
whole or in part, so every run of characters that belongs to a secret of ours is cut out.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import parse_qsl, quote, urlsplit

from webhooks import proxy, signature
from webhooks.target import Target

#: Characters that are kept.
KEPT = 2048
#: Bytes that are read: more, since a character may need several bytes, and secrets are cut out before the text is cut.
READ_BYTES = 8 * KEPT
#: So many characters of a secret in a row give it away; shorter secrets are cut out only as a whole.
TELLING = 8
#: Shorter secrets would be found in any text, and protect nothing.
SHORTEST = 4
CUT_OUT = "[secret]"

_CHARSET = re.compile(r"""charset\s*=\s*"?([A-Za-z0-9._:-]+)""", re.IGNORECASE)
#: Encodings of texts; Python also knows others that are none.
_TEXTUAL = re.compile(
    r"utf[-_]?(8|16|32)|iso[-_]?8859|latin|windows|cp\d|koi8|(us[-_]?)?ascii|gb|big5|shift|euc", re.IGNORECASE
)
_LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


@dataclass(slots=True)
class Refusal:
    """Filled as it arrives."""

    content_type: str = ""
    content_encoding: str = ""
    location: str = ""
    body: bytearray = field(default_factory=bytearray)  #: up to READ_BYTES
    read_bytes: int = 0  #: of the body, kept or not


def text(refusal: Refusal, target: Target) -> str | None:
    """The part of it that is kept; None if it says nothing."""
    if refusal.content_encoding.strip().lower() not in ("", "identity"):
        said = f"({_one_line(refusal.content_encoding)}, {refusal.read_bytes} bytes)"  # we asked for no packing
    else:
        said = _decoded(bytes(refusal.body), refusal.content_type)
    if refusal.location:
        said = f"Location: {_one_line(refusal.location)}\n\n{said}"
    shown = _visible(_without(said, _known_by(target)))[:KEPT].strip()
    return shown or None


@lru_cache(maxsize=256)
def _known_by(target: Target) -> tuple[frozenset[str], frozenset[str]]:
    """The runs of characters that give a secret away, and the short secrets; in lower case."""
    runs: set[str] = set()
    short: set[str] = set()
    for secret in _secrets(target):
        for form in _forms(secret):
            if len(form) > TELLING:
                runs.update(form[start : start + TELLING] for start in range(len(form) - TELLING + 1))
            elif len(form) >= SHORTEST:
                short.add(form)
    return frozenset(runs), frozenset(short)


def _secrets(target: Target) -> Iterator[str]:
    if target.token:
        yield target.token
    for secret in target.secrets:
        yield secret
        encoded = secret.removeprefix(signature.PREFIX)
        try:
            yield base64.b64decode(encoded + "=" * (-len(encoded) % 4)).hex()
        except binascii.Error:
            continue  # what signs nothing was never sent
    for _, value in target.headers:
        yield value
    for _, value in parse_qsl(urlsplit(target.url).query):
        yield value
    if target.proxy:
        credentials = proxy.credentials_in(target.proxy)
        yield from credentials
        if credentials:
            yield base64.b64encode(":".join(credentials).encode()).decode()


def _forms(secret: str) -> Iterable[str]:
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {form.translate(_LOWER) for form in (secret, quote(secret, safe=""), encoded)}


def _without(said: str, known: tuple[frozenset[str], frozenset[str]]) -> str:
    runs, short = known
    lower = said.translate(_LOWER)  # as long as the text, which lower() need not be
    spans = [(at, at + TELLING) for at in range(len(lower) - TELLING + 1) if lower[at : at + TELLING] in runs]
    for secret in short:
        spans += [(found.start(), found.end()) for found in re.finditer(re.escape(secret), lower)]
    pieces: list[str] = []
    end = 0
    for start, stop in sorted(spans):
        if start > end or not pieces:
            pieces += [said[end:start], CUT_OUT]
        end = max(end, stop)
    return "".join([*pieces, said[end:]])


def _decoded(body: bytes, content_type: str) -> str:
    named = _CHARSET.search(content_type)
    charset = named.group(1) if named and _TEXTUAL.match(named.group(1)) else "utf-8"
    try:
        codecs.lookup(charset)
    except LookupError:
        charset = "utf-8"
    return body.decode(charset, "replace").removeprefix("\ufeff")


def _one_line(value: str) -> str:
    return " ".join(value.split())[:KEPT]


def _visible(said: str) -> str:
    """Line ends stay; other characters that control a screen or hide something are written out."""
    if said.isprintable():
        return said
    lines = said.replace("\r\n", "\n")
    return "".join(
        character if character in "\n\t" or unicodedata.category(character) not in _UNSEEN else _written(character)
        for character in lines
    )


_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def _written(character: str) -> str:
    return character.encode("unicode_escape").decode()
