"""What waits for a person, and what he can do about it on the page. Pure: made of the document of `status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from web import formats

#: An SQLite file that has less than this share of its disk left, and less than so many bytes.
_LEAST_FREE_SHARE, _LEAST_FREE_BYTES = 0.05, 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Button:
    """One thing that can be done: a form of one button."""

    label: str
    action: str  #: path that it is posted to
    confirm: str = ""  #: what is asked first, on a page of its own


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that a person must look at."""

    id: str
    title: str
    text: str
    href: str = ""
    button: Button | None = None
    is_grave: bool = False


def of(status: Mapping[str, Any], *, held_keys: Mapping[str, Sequence[str]]) -> list[Waiting]:
    """The gravest first. `held_keys`: scan -> the first keys that it holds back."""
    return [
        *_record(status),
        *_credentials(status["sources"]),
        *_plans(status["sources"]),
        *held(status["resources"], held_keys=held_keys),
        *_points(status["points"]),
        *_unsigned(status["points"]),
        *_heads(status["summary"]["problems"]),
        *_disk(status.get("database") or {}),
    ]


def _record(status: Mapping[str, Any]) -> Iterator[Waiting]:
    found = status["verification"]
    if found is not None and not found["ok"]:
        at, since = formats.moment(found["ended_at"]), formats.moment(found["altered_since"])
        text = f"{found['what']}. Found at {at}" + (f"; found altered since {since}." if since != at else ".")
        yield Waiting("altered", "The record was altered", text, href="/seal", is_grave=True)


def _credentials(sources: Sequence[Mapping[str, Any]]) -> Iterator[Waiting]:
    for source in sources:
        if source["refused_at"] is not None:
            text = (
                f"since {formats.moment(source['refused_at'])}: {source['refused_reason']}. "
                f"Mend auth under [sources.{source['source']}], or give its user the rights, then `mirrorpoint check`."
            )
            yield Waiting(
                f"refused-{source['source']}", f"{source['source']} refuses the credentials", text, is_grave=True
            )


def _plans(sources: Sequence[Mapping[str, Any]]) -> Iterator[Waiting]:
    for source in sources:
        if source["cure"] is not None:
            unkept = formats.plural(source["unkept"], "promise") if source["unkept"] else "to its budget"
            title = f"The plan of {source['source']} cannot keep {unkept}"
            text = f"More is claimed than its budget carries. The cheapest cure: {source['cure']}."
            yield Waiting(f"plan-{source['source']}", title, text, href="/plan")


def held(rows: Sequence[Mapping[str, Any]], *, held_keys: Mapping[str, Sequence[str]]) -> Iterator[Waiting]:
    """Deletions that the guard holds back."""
    for row in rows:
        if not row["held"]:
            continue
        scan, number = row["held_scan"], row["held"]
        of_all = f"{formats.number(number)} of {formats.number(row['rows'])}"
        shown = ", ".join(held_keys.get(scan, ()))
        more = ", …" if number > len(held_keys.get(scan, ())) else ""
        yield Waiting(
            f"held-{scan}",
            f"{formats.plural(number, 'deletion')} of {row['resource']} held back",
            f"{of_all} records were in no list, and that is too many to be believed without you: {shown}{more}",
            href=f"/resources/{row['source']}:{row['resource']}",
            button=Button(
                "Look again and delete",
                f"/actions/approve/{scan}",
                confirm=f"What is still absent of {number:,} {row['resource']} at the next look will be deleted.",
            ),
        )


def _points(points: Sequence[Mapping[str, Any]]) -> Iterator[Waiting]:
    for point in points:
        code, href = point["code"], f"/points/{formats.quoted(point['code'])}"
        if point["state"] == "gone":
            why = point["state_reason"] or "it answered 410"
            button = Button("Let it receive again", f"/actions/enable/{formats.quoted(code)}")
            yield Waiting(f"gone-{code}", f"{code} wants no more", f"{why}.", href=href, button=button)
        if point["dead"]:
            dead = formats.plural(point["dead"], "delivery", "deliveries")
            # What is due again is not sent either while the point is paused.
            since = point["paused_at"]
            paused = "" if since is None else f" It has been paused since {formats.moment(since)}, and is sent nothing."
            label, act = ("Retry", "retry") if since is None else ("Resume", "resume")
            button = Button(label, f"/actions/{act}/{formats.quoted(code)}")
            yield Waiting(
                f"dead-{code}",
                f"{dead} to {code} {'is' if point['dead'] == 1 else 'are'} dead",
                f"All attempts were used up, or the answer was final.{paused}",
                href=f"/deliveries?point={formats.quoted(code)}&state=dead",
                button=button,
            )


def _unsigned(points: Sequence[Mapping[str, Any]]) -> Iterator[Waiting]:
    codes = [point["code"] for point in points if point["gets_unsigned"]]
    if codes:
        shown = ", ".join(codes[:5]) + (", …" if len(codes) > 5 else "")
        yield Waiting(
            "unsigned",
            f"{formats.plural(len(codes), 'point')} {'gets' if len(codes) == 1 else 'get'} unsigned events",
            f"{shown}: a receiver cannot tell them from forged ones. Set [delivery] secret, or a secret of the point.",
            href="/points",
        )


def _heads(problems: Sequence[Mapping[str, Any]]) -> Iterator[Waiting]:
    for each in problems:
        if each["code"] in {"contradicted", "not-kept"}:
            yield Waiting(
                each["where"],
                "A head of the record contradicts it" if each["code"] == "contradicted" else "Heads are not kept",
                f"{each['where']}: {each['message']}",
                href="/seal",
                is_grave=each["code"] == "contradicted",
            )


def _disk(database: Mapping[str, Any]) -> Iterator[Waiting]:
    free, disk = database.get("free_bytes"), database.get("disk_bytes")
    if free is not None and disk and free < min(_LEAST_FREE_BYTES, disk * _LEAST_FREE_SHARE):
        yield Waiting(
            "disk",
            "The database's disk is nearly full",
            f"{formats.size(free)} are left beside {formats.size(database['bytes'])} of database. Make room.",
            is_grave=True,
        )
