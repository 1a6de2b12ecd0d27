"""Brings the text of an answer to UTF-8, whatever it was sent in; used by the client for every answer.

A mark at its start decides, then where its zeros are (RFC 4627, section 3). JSON is UTF-8 (RFC 8259, section 8.1), so
what is valid UTF-8 is taken for that, whatever the header says; else the header's charset counts. With one byte for
each character that is asked of each text by itself: what one row has must not change how another one is read.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

_CHARSET = re.compile(r"""(?i)\bcharset\s*=\s*["']?([\w.:+-]+)""")
#: A text of JSON, and what it is made of where that is no plain ASCII.
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
#: The longer ones first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Where the zeros of the first four bytes are, as the first character of JSON is ASCII.
_ZEROS = {
    b"\0\1\1\1": "utf-32-le",
    b"\1\1\1\0": "utf-32-be",
    b"\0\1\0\1": "utf-16-le",
    b"\1\0\1\0": "utf-16-be",
}
#: Codecs of Python that decode no charset, but something that could be anything.
_NO_CHARSETS = frozenset({"unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined", "mbcs", "oem"})


def in_utf8(body: bytes, content_type: str) -> bytes:
    """The body in UTF-8; as it is where that is what it is, or nobody can tell what it is."""
    mark = next((name for mark, name in _MARKS if body.startswith(mark)), None)
    if mark == "utf-8-sig":
        return body.removeprefix(codecs.BOM_UTF8)
    if mark is not None:
        return _decoded(body, mark)
    if len(body) >= 4 and 0 in body[:4]:  # no character of JSON's own is a zero
        return _decoded(body, _ZEROS.get(bytes(byte == 0 for byte in body[:4]), ""))
    if _is_utf8(body):
        return body
    declared = _CHARSET.search(content_type)
    return _decoded(body, declared[1]) if declared else body


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decoded(body: bytes, charset: str) -> bytes:
    try:
        name = codecs.lookup(charset).name
        if name in ("utf-8", "utf-8-sig") or name in _NO_CHARSETS:
            return body
        if _has_single_bytes(name):
            return _TEXT.sub(lambda text: text[0] if _is_utf8(text[0]) else _converted(text[0], name), body)
        return _converted(body, name)
    except (LookupError, ValueError, AssertionError):  # no such charset, or not the one of this body
        return body


def _converted(text: bytes, name: str) -> bytes:
    """What the charset does not have becomes half a character, which is repaired and counted in its row alone."""
    loose = "surrogatepass" if name.startswith(("utf-16", "utf-32")) else "surrogateescape"
    return text.decode(name, loose).encode("utf-8", loose)


@lru_cache(maxsize=32)
def _has_single_bytes(name: str) -> bool:
    """Whether each byte is a character, and those of ASCII are themselves: the marks of JSON can be found in it."""
    everything = bytes(range(256))
    return (
        len(everything.decode(name, "replace")) == 256
        and everything[:128].decode(name, "replace") == everything[:128].decode()
    )
