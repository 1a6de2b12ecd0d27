"""Refuses a catalogue whose secrets would stand in clear elsewhere; used by resource_table.py."""

from __future__ import annotations

from collections.abc import Iterable

from changes import pointers
from changes.problems import Misfit


def refuse(secrets: Iterable[str], uses: Iterable[tuple[str, str]]) -> None:
    """`uses`: a key of the table, and a member of rows whose value it takes out of the document, or sends."""
    found = [(pointer, pointers.split(pointer)) for pointer in secrets]
    for where, member in uses:
        steps = pointers.split(member) if member.startswith("/") else (member,)
        for pointer, secret in found:
            if len(secret) <= len(steps) and all(a in ("*", b) for a, b in zip(secret, steps, strict=False)):
                message = f'"{member}" is sealed by "{pointer}" of secrets, and would stand in clear here'
                raise Misfit(message, _CURES.get(where.partition(".")[0], _CURE), at=where)


_CURE = "leave it out here, or out of secrets"
_CURES = {
    "key": 'key the rows by another member, or by "#", their fingerprint; else take it out of secrets',
    "columns": "leave the column out: what is secret stays sealed in `document`; else take it out of secrets",
}
