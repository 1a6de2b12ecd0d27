"""Secrets in documents that were stored while the catalogue had another list of them; called by net.py.

A value that is a secret now may stand in an old document in clear: it is shown to nobody, and never compared with its
sealed form. A value that is no secret any more may stand there sealed: that its form differs is no difference.
"""

from __future__ import annotations

from collections.abc import Sequence

from changes import pointers, sealing
from changes.records import Json
from changes.resources import Resource
from changes.versions import Missing


def without_open(resource: Resource, document: Json | Missing, *, beside: Sequence[Json] = ()) -> Json | Missing:
    """The document without the secrets that stand in clear in it, or in one of those that it is compared with."""
    paths = pointers.compiled(resource.secrets)
    if not paths or isinstance(document, Missing):
        return document
    clear = set[str]()

    def note(pointer: str, secret: Json) -> Json:
        if not _is_closed(secret):
            clear.add(pointer)
        return secret

    def leave_out(pointer: str, secret: Json) -> Json:
        return pointers.LEFT_OUT if pointer in clear else secret

    for each in (document, *beside):
        pointers.rewritten(each, paths, note)
    return pointers.rewritten(document, paths, leave_out) if clear else document


def was_unsealed(resource: Resource, pointer: str, old: Json | Missing, new: Json | Missing) -> bool:
    """Whether the field was a secret when the old document was stored, and is none by now."""
    if isinstance(new, Missing) or not sealing.is_sealed(old) or sealing.is_sealed(new):
        return False
    return not _is_secret(pointers.compiled(resource.secrets), pointer)


def _is_secret(paths: pointers.Paths, pointer: str) -> bool:
    for step in pointers.split(pointer) if pointer else ():
        following = paths.get(step, paths.get("*"))
        if not following:  # a path ends here, or none leads on
            return following is not None
        paths = following
    return False


def _is_closed(secret: Json) -> bool:
    return secret is None or secret == "" or sealing.is_sealed(secret)
