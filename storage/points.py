"""Integration points, own and mirrored: who receives under which code, and what becomes of what they are owed.

Called by the scan step (mirrored ones), at start (configured ones), by the delivery step and by the `points` commands.
"""

# ruff: noqa: S608  # values are parameters
from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from changes.records import Id
from changes.resources import child_parent_key
from changes.sealing import Vault
from storage import outbox, point_codes, point_health, point_pauses, point_rows, point_tokens, sql
from storage.configured_points import Configured, is_same
from storage.errors import StorageError
from storage.point_rows import Draft
from storage.session import Session
from storage.states import PointState

__all__ = ["Configured"]

Encrypt = Callable[[str], str]

#: The shown state of a point without a url: it reads the feed, and is owed nothing.
PULLS = "pulls"
#: What we keep of a point beside what its platform says of it: it may be changed here for a mirrored one too.
OURS = frozenset({"secret", "options", "sealed_options"})
_CHANGEABLE = OURS | {"code", "type", "url", "token", "entity"}


class PointRefused(StorageError):  # noqa: N818  # the word a person reads
    """What was asked of a point cannot be done."""


@dataclass(frozen=True, slots=True)
class Point:
    """A row of `mirrorpoint_point`, column by column."""

    id: str
    code: str
    origin: str  #: configured, added, mirrored
    source: str | None
    key: str | None
    type: str | None
    url: str | None = field(repr=False)  #: may carry a secret in its query
    token: str | None = field(repr=False)  #: encrypted
    secret: str | None = field(repr=False)  #: encrypted
    state: str  #: one of PointState
    state_reason: str | None
    created_at: datetime
    changed_at: datetime
    delivered: int
    last_status: int | None
    last_attempt_at: datetime | None
    paused_until: datetime | None  #: the breaker's; None: it is closed
    paused_at: datetime | None  #: a person's; None: nobody has paused it
    options: Mapping[str, Any]
    sealed_options: str | None = field(repr=False)  #: encrypted
    token_local: str | None  #: sealed
    entity: Mapping[str, Any]  #: what else an own one's entity has

    @property
    def shown_state(self) -> str:
        """The state for people: `pulls` and `paused` are active ones that nothing is posted to, always or just now."""
        if self.state != PointState.ACTIVE:
            return self.state
        return PULLS if not self.url else "paused" if self.paused_at is not None else self.state


_SELECT = f"SELECT {point_rows.columns(column.name for column in fields(Point))} FROM mirrorpoint_point WHERE"


def receivers(session: Session) -> dict[str, str | None]:
    """The codes that routes lead to, in their order, each with its point's type; those that pull among them."""
    return receiving(session)[0]


def receiving(session: Session) -> tuple[dict[str, str | None], frozenset[str]]:
    """The same, and the codes among them that nothing is owed to, since their points pull."""
    text = f"""
        SELECT code, type, {point_codes.IS_POSTED_TO} FROM mirrorpoint_point WHERE state = 'active' ORDER BY code
    """
    rows = sql.rows(session, text)
    return {code: type_ for code, type_, _ in rows}, frozenset(
        code for code, _, is_posted_to in rows if not is_posted_to
    )


def targets(session: Session) -> dict[str, Point]:
    """Who is posted to, by code."""
    rows = sql.rows(session, f"{_SELECT} state = 'active' AND {point_codes.IS_POSTED_TO}")
    return {point.code: point for point in (Point(*row) for row in rows)}


def list_all(session: Session) -> list[Point]:
    """All that are not removed, by code; behind the one that holds a code those that it shadows."""
    found = (Point(*row) for row in sql.rows(session, f"{_SELECT} state <> 'removed'"))
    return sorted(found, key=lambda point: (point.code, point.state == PointState.SHADOWED, point.id))


def find(session: Session, code: str) -> Point | None:
    """The point that holds the code."""
    found = sql.first(session, f"{_SELECT} code = :code AND {point_codes.IS_HOLDING}", code=code)
    return Point(*found) if found else None


def is_as_configured(session: Session, configured: Sequence[Configured], *, vault: Vault) -> bool:
    """Whether `sync_configured` would find nothing to do; only reads, so that a start need not wait for writers."""
    kept = sql.rows(session, f"{_SELECT} origin = 'configured' AND state <> 'removed'")
    rows = {point.code: point for point in (Point(*row) for row in kept)}
    return rows.keys() == {point.code for point in configured} and all(
        is_same(rows[point.code], point, vault) for point in configured
    )


def sync_configured(session: Session, configured: Sequence[Configured], *, vault: Vault, now: datetime) -> None:
    """Bring the table to what the configuration says; called at start. What is the same already is not written."""
    outbox.lock(session)  # before looking: another process may be starting with the same configuration
    rows = {row.code: row for row in point_rows.drafts(session, "origin = 'configured'")}
    changed = []
    with point_codes.changing(session, {*rows, *(point.code for point in configured)}, now=now):
        for point in configured:
            row = rows.pop(point.code, None) or point_rows.new("configured", point.code, name=point.code, now=now)
            if not is_same(row, point, vault):
                row.move(point.url)
                row.type, row.changed_at = point.type, now
                row.token = vault.encrypt(point.token) if point.token else None
                row.secret = vault.encrypt(point.secret) if point.secret else None
                row.options, row.sealed_options = point.options.open(), point.options.sealed(vault)
                row.token_local = point.sealed_token(vault)
            row.claim()
            changed.append(row)
        for row in rows.values():
            row.remove("it is no longer in the configuration", now=now)
        point_rows.write(session, [*changed, *rows.values()])


def apply_mirrored(
    session: Session,
    source: str,
    *,
    seen: Collection[tuple[Id, Mapping[str, str]]],
    deleted: Collection[Id],
    encrypt: Encrypt,
    now: datetime,
) -> None:
    """Follow the records that are points: `seen` as `Record.point` has them, and those deleted."""
    outbox.lock(session)
    keys = {_key(id_) for id_, _ in seen} | {_key(id_) for id_ in deleted}
    # All of the source: they are few.
    mirrored = point_rows.drafts(session, "source = :source AND origin = 'mirrored'", source=source)
    rows = {row.key: row for row in mirrored if row.key in keys}
    codes = {row.code for row in rows.values()} | {given.get("code", "") for _, given in seen}
    with point_codes.changing(session, codes, now=now):
        for id_, given in seen:
            key, code = _key(id_), given.get("code", "")
            row = rows.get(key) or point_rows.new("mirrored", code, name=f"{source}\0{key}", now=now)
            rows[key] = row
            row.source, row.key, row.type, row.changed_at = source, key, given.get("type"), now
            row.move(given.get("url", ""))
            row.token = encrypt(given["token"]) if given.get("token") else None
            row.token_local = given.get("token_local") or None
            if row.code != code:
                row.code, row.state = code, PointState.SHADOWED  # holds nothing until the codes are awarded
            if code and (row.url or row.token_local):
                row.claim()
            elif row.state in (PointState.ACTIVE, PointState.SHADOWED):
                why = "its record has neither a url nor a local token" if code else "its record has no code"
                row.remove(why, now=now)
        for id_ in deleted:
            if _key(id_) in rows:
                rows[_key(id_)].remove("its record was deleted", now=now)
        point_rows.write(session, rows.values())


def add(
    session: Session,
    *,
    code: str,
    url: str | None,
    now: datetime,
    type: str | None = None,  # noqa: A002  # the field's name
    token: str | None = None,
    secret: str | None = None,
    options: Mapping[str, Any] | None = None,
    sealed_options: str | None = None,
    id: str | None = None,  # noqa: A002  # the field's name
    token_local: str | None = None,
    entity: Mapping[str, Any] | None = None,
) -> Point:
    """A point of one's own; token, secret and `sealed_options` encrypted, `token_local` sealed."""
    outbox.lock(session)
    _refuse_taken(session, code)
    if token_local is not None and (other := point_tokens.taken_by(session, token_local)) is not None:
        raise PointRefused(f"the point {other} has this token_local", "give each point its own")
    if id is not None and not point_codes.is_free(session, id):
        raise PointRefused(f"there is a point with the id {id} already", "leave it out, and one is made")
    with point_codes.changing(session, {code}, now=now):
        row = point_rows.new("added", code, name=id, now=now)
        row.type, row.url, row.token, row.secret = type, url, token, secret
        row.options, row.sealed_options = dict(options or {}), sealed_options
        row.token_local, row.entity = token_local, dict(entity or {})
        point_rows.write(session, [row])
    return _get(session, code)


def edit(session: Session, code: str, *, values: Mapping[str, Any], now: datetime) -> Point:
    """Change some columns of an added point, or of a mirrored one those that are OURS; None empties one.

    Columns: code, type, url, entity, options, and encrypted token, secret and sealed_options. With another code it
    receives from now on: what it was owed under the former one is skipped.
    """
    unknown = set(values) - _CHANGEABLE
    if unknown:
        raise ValueError(f"a point has no {', '.join(sorted(unknown))} to be changed")
    outbox.lock(session)
    row = _changeable(session, code, is_ours=set(values) <= OURS)
    new = values.get("code", code)
    if new != code:
        _refuse_taken(session, new)
    with point_codes.changing(session, {code, new}, now=now):
        if "url" in values:
            row.move(values["url"])
        for name, value in values.items():
            setattr(row, name, value)
        if new != code:
            row.state = PointState.SHADOWED  # holds nothing until the codes are awarded
        row.changed_at = now
        if "url" in values and not (row.url or row.token_local):
            raise PointRefused(f"the point {code} needs a url", "it has no token_local to read the feed with")
        point_rows.write(session, [row])
    return _get(session, new)


def remove(session: Session, code: str, *, now: datetime) -> None:
    """Take an added point away; what it is owed is skipped."""
    outbox.lock(session)  # before it is read: another process may be giving it another code
    row = _changeable(session, code, is_ours=False)
    with point_codes.changing(session, {code}, now=now):
        row.remove("it was removed", now=now)
        point_rows.write(session, [row])


def enable(session: Session, code: str, *, now: datetime) -> Point:
    """Let a point that is gone, disabled or paused receive again; what it is owed is due at once."""
    outbox.lock(session)  # before any row of a point is touched, as the delivery step does
    point = _get(session, code)
    if not (point.url or point.token_local):
        raise PointRefused(f"the point {code} has no url", "give it one where it is kept, then enable it")
    text = """
        UPDATE mirrorpoint_point SET state = 'active', state_reason = NULL, changed_at = :now
        WHERE code = :code AND state IN ('disabled', 'gone')
    """
    sql.change(session, text, code=code, now=now)
    point_pauses.end(session, code)
    point_health.end_pause(session, {code}, now=now)
    point_pauses.hurry(session, code, now=now)
    return _get(session, code)


def mark_gone(session: Session, code: str, *, reason: str, now: datetime) -> None:
    """The receiver wants no more."""
    with point_codes.changing(session, {code}, now=now):
        text = """
            UPDATE mirrorpoint_point SET state = 'gone', state_reason = :reason, changed_at = :now
            WHERE code = :code AND state = 'active'
        """
        sql.change(session, text, code=code, reason=reason, now=now)


def _get(session: Session, code: str) -> Point:
    point = find(session, code)
    if point is None:
        raise PointRefused(f"there is no point {code}", "mirrorpoint points list shows all")
    return point


def _refuse_taken(session: Session, code: str) -> None:
    held = find(session, code)
    if held and held.origin != "mirrored":
        raise PointRefused(f"there is a point {code} already", f"change it: mirrorpoint points edit {code} …")


def _changeable(session: Session, code: str, *, is_ours: bool) -> Draft:
    """`is_ours`: only what we keep beside what a platform says is to be changed."""
    point = _get(session, code)
    if point.origin == "configured":
        raise PointRefused(f"the point {code} stands in the configuration", "change it in mirrorpoint.toml")
    if point.origin == "mirrored" and not is_ours:
        raise PointRefused(f"the point {code} is mirrored from {point.source}", f"add --source {point.source}")
    (row,) = point_rows.drafts(session, "id = :id", id=point.id)
    return row


def _key(id_: Id) -> str:
    return child_parent_key(id_.parent_key, id_.key) if id_.parent_key else id_.key
