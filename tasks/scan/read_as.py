"""The settings by which a list is read, kept in `mirrorpoint_resource.read_as`: they decide which record a row is.

Pure: used when a scan begins, and by `check`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from changes import fingerprint, keys
from changes.records import Json
from changes.resources import Key, PointFields, Resource
from storage import former_rules

ReadAs = Mapping[str, Any]

#: These decide which record a row is: if they change, old records cannot be told from new ones.
WHO = ("key", "ancestors", "shape")
#: Where the list is, and how it is asked for: another address, tenant or part of the answer may have other records.
PLACE = ("base_url", "path", "asked_with", "rows")
#: Stands in place of all these if a resource's records were retired: there is nothing to compare with.
RETIRED = "retired_at"


def of(resource: Resource, base_url: str) -> dict[str, Json]:
    """The settings as the catalogue and the configuration have them now; plain JSON. No base_url has credentials."""
    return {
        "key": [each if isinstance(each, str) else list(each) for each in resource.key],
        "ancestors": list(resource.ancestors),
        "shape": resource.shape.value,
        "base_url": base_url.rstrip("/"),
        "path": resource.path,
        # Values may be secrets, and all that matters is whether they have changed: a digest is enough.
        "asked_with": fingerprint.hashed(fingerprint.canonical([dict(resource.params), dict(resource.headers)])),
        "rows": list(resource.envelope.rows),
        "item_path": resource.item_path,
        "deleted": {name: list(values) for name, values in resource.deleted.items()},
        "points": None if resource.points is None else asdict(resource.points),
        **former_rules.of(resource),
    }


def is_retired(before: ReadAs | None) -> bool:
    """Whether the records were retired, and nothing was read since."""
    return before is not None and RETIRED in before


def differing(before: ReadAs | None, now: ReadAs, names: Sequence[str]) -> list[str]:
    """Those of the names whose values have changed; none if the earlier values are not known."""
    found = [name for name in names if before is not None and name in before and before[name] != now[name]]
    if before is not None and "key" in found and _has_only_more(_as_key(before["key"]), _as_key(now["key"])):
        found.remove("key")
    return found


def _has_only_more(before: Key, now: Key) -> bool:
    """Whether only alternatives were added after the others: every row that had a key before has the same one now.

    Beside a composite key single members are escaped, so adding the first composite key is a change.
    """
    return now[: len(before)] == before and _is_composite(before) == _is_composite(now)


def _is_composite(key: Key) -> bool:
    return any(isinstance(each, tuple) for each in key)


def may_be_others(before: ReadAs | None, now: ReadAs) -> bool:
    """Whether the records in the mirror may be others than those that the catalogue means now."""
    return bool(differing(before, now, (*WHO, *PLACE)))


def can_be_same(before: ReadAs, now: ReadAs) -> bool:
    """Whether a person may say that records with the same keys are the same: a parent may have a new name."""
    is_as_deep = len(before.get("ancestors", now["ancestors"])) == len(now["ancestors"])
    return is_as_deep and not differing(before, now, ("shape",))


def told(before: ReadAs, now: ReadAs, names: Sequence[str]) -> str:
    """The differences, for people."""
    return " and ".join(_TOLD[name](before[name], now[name]) for name in names)


def _key(before: Any, now: Any) -> str:
    return f"its key is {_label(now)} now, its records are kept by {_label(before)}"


def _label(key: Any) -> str:
    return " or ".join(f'"{keys.label(each)}"' for each in _as_key(key))


def _as_key(key: Any) -> Key:
    return tuple(each if isinstance(each, str) else tuple(each) for each in key)


def _ancestors(before: Any, now: Any) -> str:
    return f"it is {_below(now)} now, its records are kept {_below(before)}"


def _below(ancestors: Any) -> str:
    return f"below {'/'.join(ancestors)}" if ancestors else "below no parent"


def _shape(before: Any, now: Any) -> str:
    return f'its shape is "{now}" now, its records were read as "{before}"'


def _base_url(before: Any, now: Any) -> str:
    return f"base_url is {now} now, its records are from {before}"


def _path(before: Any, now: Any) -> str:
    return f"its path is {now} now, its records are from {before}"


def _asked_with(_before: Any, _now: Any) -> str:
    return "it is asked for with other params or headers than its records were"


def _rows(before: Any, now: Any) -> str:
    return f"its rows are taken from {' or '.join(now)} now, its records were from {' or '.join(before)}"


_TOLD = {
    "key": _key,
    "ancestors": _ancestors,
    "shape": _shape,
    "base_url": _base_url,
    "path": _path,
    "asked_with": _asked_with,
    "rows": _rows,
}


def fields(names: Sequence[str], *, source: str, resource: str, catalogue: str) -> str:
    """Where the differing settings stand, for people; `catalogue` is the file."""
    return " and ".join(
        f"sources.{source}.base_url in the configuration"
        if name == "base_url"
        else f"resources.{resource}.{_FIELDS.get(name, name)} in {catalogue}"
        for name in names
    )


#: The names that people write. `params`, `headers` and `envelope` may also stand in `[source]`, for all its resources.
_FIELDS = {"ancestors": "parent", "asked_with": "params or headers", "rows": "envelope"}


def origin(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def resource_of(name: str, before: ReadAs | None) -> Resource:
    """A resource that no catalogue has any more, put together from what is known of how it was read."""
    known = before or {}
    return Resource(
        name=name,
        title=name,
        path="/",
        key=_as_key(known.get("key", ["id"])),
        ancestors=tuple(known.get("ancestors", ())),
        points=PointFields(**known["points"]) if known.get("points") else None,
    )
