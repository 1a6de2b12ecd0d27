"""What `status` says of the record: when it was last verified, and whether it was altered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from changes import written
from worker import output
from worker.commands import times

if TYPE_CHECKING:
    from storage.session import Session


def read(session: Session) -> dict[str, Any] | None:
    """The last look at the whole record, for `--json`; None: there was none."""
    from storage import verifications

    found = verifications.standing(session)
    if found is None:
        return None
    return {
        "ended_at": found.ended_at,
        "ok": found.is_ok,
        "changes": found.changes,
        "altered_since": found.altered_since,
        "what": found.what,
    }


def line(told: Mapping[str, Any] | None) -> str:
    """The same for people."""
    if told is None:
        return "record: not verified yet; `mirrorpoint verify` does it now, `[record] verify` says how often it is done"
    ago = written.lasting((times.now() - told["ended_at"]).total_seconds())
    if not told["ok"]:
        return f"record: found ALTERED at {found_at(told)}; {told['what']}"
    return f"record: verified {ago} ago, nothing was altered in {told['changes']:,} changes"


def found_at(told: Mapping[str, Any]) -> str:
    """When the last look found it altered, and since when looks do, where that was not the first of them."""
    at, since = output.moment(told["ended_at"]), output.moment(told["altered_since"])
    return at if at == since else f"{at} (since {since})"
