"""What `sync` and `status` say of rows that a scan could not take, or not as they came."""

from __future__ import annotations

from collections.abc import Mapping

#: Columns of `mirrorpoint_scan` -> what is said of one and of several.
_SAID: Mapping[str, tuple[str, str]] = {
    "doubles": ("1 row had a key that came again", "{:,} rows had keys that came again"),
    "repaired": ("1 row had text that cannot be held as it is", "{:,} rows had text that cannot be held as it is"),
    "unconverted": ("1 value did not fit its column", "{:,} values did not fit their columns"),
}
#: Beside `skipped`.
COUNTED = tuple(_SAID)


def skipped(rows: int, reason: str | None) -> str:
    """Of rows that were left out, and why the first of them was."""
    first = f": {reason}" if rows == 1 else f", the first: {reason}"
    return f"{rows:,} {'row' if rows == 1 else 'rows'} could not be taken" + (first if reason else "")


def others(counts: Mapping[str, int]) -> list[str]:
    """Of those that were taken all the same."""
    return [
        one if counts[name] == 1 else several.format(counts[name])
        for name, (one, several) in _SAID.items()
        if counts[name]
    ]
