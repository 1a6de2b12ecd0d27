"""The generated part of docs/tables.md, every bookkeeping table of storage/tables.py; called by `docs.generator`."""

from __future__ import annotations

from sqlalchemy import Column, Dialect
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from docs.generator import markdown
from storage import tables

#: Tables that people query, in the order in which they meet them, with what their columns mean.
PUBLIC: dict[type[SQLModel], dict[str, str]] = {
    tables.ChangeRow: {
        "seq": "global, ascending; the order of the numbers is the order of the commits",
        "id": "the event's id: a UUIDv7, made once, when the change was written",
        "source": "the source of the configuration",
        "resource": "the resource",
        "parent_key": "the keys of its parents from the outermost, joined by `/`; empty where there is none",
        "key": "the record's key, always text",
        "version": "1, 2, … per record",
        "kind": "`snapshot`, `created`, `updated`, `deleted`, `restored`",
        "changed": 'JSON Pointers of the fields that differ; `[""]` is the whole record',
        "previous": 'pointer -> old value, secrets sealed; for `deleted` the last document under `""`',
        "document": "the record afterwards; null for `deleted`",
        "observed_after": "the last time the old state was seen; null: never",
        "observed_at": "when the new state was seen: the change happened between the two",
        "scan_id": "which scan saw it",
        "digest": "SHA-256 over the other columns, [as the record writes them](record.md); a leaf of the log's tree",
        "salt": "16 random bytes, as hexadecimal text; null: document and old values were erased",
        "document_digest": "SHA-256 over salt and canonical document; null where there was none",
        "previous_digest": "SHA-256 over salt and canonical `previous`",
    },
    tables.ScanRow: {
        "id": "sorts by time",
        "source": "the source",
        "resource": "the resource",
        "kind": "`full`; `head` is kept for a later version",
        "state": "`running`, `complete`, `drifted`, `partial`, `failed`",
        "reason": "why it is not complete, or why the first row that was skipped was",
        "started_at": "when it began",
        "ended_at": "when it ended; null while it runs",
        "pages": "answers that were taken",
        "requests": "requests for lists and single records; sign-ins and what was sent again at once are not counted",
        "rows": "records that came, and rows that were skipped",
        "created": "changes of that kind; a snapshot counts as none",
        "updated": "changes of that kind",
        "deleted": "changes of that kind, children that went with a record among them",
        "restored": "changes of that kind",
        "skipped": "rows that could not be taken: without a key, null, too deep",
        "held": "deletions that wait for a person",
        "doubles": "rows whose key came twice; the last one won",
        "repaired": "rows with NUL or half characters in their text, which were replaced",
        "unconverted": "values that did not fit their column and are in `document` alone",
        "total": "how many rows the source said there are, the last time it said so",
        "position": "where the scan goes on; null when it has ended",
        "fence": "grows with each process that takes the scan over; an older one cannot write any more",
        "heartbeat_at": "the last time it moved",
        "paused_seconds": "in which it only waited, because its requests are spread",
    },
    tables.DeliveryRow: {
        "id": "the number that `deliveries retry` takes",
        "change_seq": "the change that it tells of; null: a notice",
        "point": "the code of the point",
        "record": "the event's `partitionkey`; those of one record are sent in order",
        "state": "`due`, `leased`, `delivered`, `dead`, `skipped`",
        "attempts": "made so far; 0 again after a retry",
        "due_at": "when it is due; null while an earlier event of the record is still owed, and when it has ended",
        "leased_until": "how long whoever attempts it has it for itself",
        "fence": "grows with each lease",
        "last_status": "the last answer",
        "last_error": "what kept it from arriving, or why it was skipped",
        "losses": "how often in a row its process ended without an outcome; from the fifth on it rests",
        "created_at": "when it became owed",
        "delivered_at": "when it arrived",
        "leased_by": "the process that attempts it, or did so last",
        "notice_id": "the notice that it tells of; null: a change",
        "event_id": "the id of a replay as new, under which it is sent; null: that of its change or notice",
    },
    tables.AttemptRow: {
        "id": "ascending",
        "delivery_id": "the delivery",
        "change_seq": "its change; null: a notice",
        "point": "the code of the point",
        "attempted_at": "when the attempt began",
        "duration_ms": "how long it took; 0 with 2xx: no more is known than when it arrived",
        "status": "the answer; null where none came",
        "error": "what kept the answer away, or which answer it was; null where it arrived",
        "answer": "the first 2 KB of an answer that refused it, with our secrets cut out",
    },
    tables.PointRow: {
        "id": "a UUID of our own",
        "code": "what routes and deliveries call it",
        "origin": "`configured`, `added`, `mirrored`",
        "source": "of a mirrored one",
        "key": "of a mirrored one: the key of its record",
        "type": "the entity's type",
        "url": "where events are posted; null or empty: nothing is, the point pulls",
        "token": "encrypted; sent as a bearer token",
        "secret": "encrypted; signs",
        "state": "`active`, `disabled`, `gone`, `removed`, `shadowed`",
        "state_reason": "why it is not active",
        "created_at": "when it was first seen",
        "changed_at": "when it last changed",
        "delivered": "how many events it has been sent",
        "last_status": "the last answer",
        "last_attempt_at": "when that was",
        "recent": "its last attempts, the newest last: `+` it answered, `-` it failed",
        "pauses": "how often in a row it was paused without a success",
        "paused_until": "the breaker: nothing is attempted before then, and one delivery after it; null while closed",
        "paused_at": "since when a person has it paused: what it is owed waits; null: nobody has",
        "next_start_at": "its rate limit: no attempt begins before then",
        "options": "how it is sent to where that differs from `[delivery]`: `timeout_seconds`, `retries_seconds`, "
        "`requests_per_second`, `content_type`, `ca`, `client_certificate`, `client_key`",
        "sealed_options": "encrypted: its headers and its proxy",
        "token_local": "sealed: the token with which it reads the feed, and by which a LOOKUP finds it",
        "entity": "of an own one, what else its entity has: script codes, `opts`, and `token_remote2`, sealed",
    },
    tables.SealRow: {
        "log": "`changes` or `actions`: each has a tree of its own",
        "size": "how many rows of the log it covers, from the first on",
        "root": "the root of their tree (RFC 6962), as hexadecimal text",
        "checkpoint": "the signed note (C2SP tlog-checkpoint); null: there was no signing key",
        "sealed_at": "when",
    },
    tables.KeptRow: {
        "id": "ascending",
        "log": "`changes` or `actions`",
        "size": "of the checkpoint",
        "target": "where: the entry of `keep`",
        "at": "when",
        "receipt": "a witness's cosignatures, or a time stamp's token in base64",
        "error": "why it could not be kept; null where it was",
    },
    tables.VerificationRow: {
        "id": "ascending",
        "started_at": "when it began",
        "ended_at": "when it ended",
        "how": "`command`, or `by itself`",
        "is_ok": "whether nothing was altered",
        "changes": "how many changes were in the log",
        "checks": "a list of `{name, count, seconds, problem}`",
        "first_bad": "the first that does not fit: `{seq, resource, key, what}`; null where all is well",
    },
    tables.NoticeRow: {
        "id": "a UUIDv7; the event's id",
        "type": "`mirrorpoint.sealed`, …",
        "subject": "what it is about; those of one subject are sent in order",
        "at": "when it was written",
        "data": "the event's `data`",
        "number": "1, 2, … in the order of the commits, for the feed",
    },
    tables.ReaderRow: {
        "kind": "`token` or `point`",
        "name": "the token's name, or the point's code",
        "seq": "the `seq` up to which it has everything: all that was for it",
        "at": "when it last asked, to within a minute",
    },
    tables.ActionRow: {
        "id": "ascending",
        "of": "of an outcome: the `id` of its intent; null for intents",
        "at": "when it was written: the intent before the deed, the outcome after it",
        "who": "the system user; behind `sudo` also who called it: `root (anna)`",
        "how": "by which way: `command`, `page`, `rest` (the points API), or `by itself`",
        "what": "the command: `approve`, `points edit`, `erase`, …; also `retention`, `rule`, `put back`, `made anew`",
        "target": "what it was done to",
        "arguments": "what it was given, without secrets",
        "outcome": "of an outcome: `done…` or `failed: …`; null for intents",
        "digest": "SHA-256 over all other columns; a leaf of the actions' own tree",
    },
    tables.LeaseRow: {
        "name": "what is being worked on: `scan:backoffice/products`",
        "holder": "host and process",
        "fence": "only ever grows",
        "expires_at": "null: free",
    },
}


def part() -> str:
    """The public tables column by column, the others by their purpose."""
    parts = [_section(row, meanings) for row, meanings in PUBLIC.items()]
    others = [(markdown.code(_name(row)), _purpose(row)) for row in sorted(_all_rows(), key=_name) if row not in PUBLIC]
    return "\n\n".join(
        [
            *parts,
            "### The others",
            "These serve the program; they may change with any version.",
            markdown.table(("table", "what it holds"), others),
        ]
    )


def _section(row: type[SQLModel], meanings: dict[str, str]) -> str:
    columns: list[Column[object]] = list(row.__table__.columns)  # type: ignore[attr-defined]  # made by the metaclass
    rows = [
        (
            markdown.code(column.name),
            _type(column, sqlite.dialect()),
            _type(column, postgresql.dialect()),  # type: ignore[no-untyped-call]
            "yes" if column.nullable else "",
            meanings[column.name],
        )
        for column in columns
    ]
    head = ("column", "SQLite", "PostgreSQL", "null?", "meaning")
    return "\n\n".join([f"### `{_name(row)}`", _purpose(row), markdown.table(head, rows)])


def _type(column: Column[object], dialect: Dialect) -> str:
    return str(column.type.compile(dialect)).partition(" COLLATE ")[0].lower()


def _name(row: type[SQLModel]) -> str:
    return str(row.__tablename__)


def _purpose(row: type[SQLModel]) -> str:
    return " ".join((row.__doc__ or "").split())


def _all_rows() -> list[type[SQLModel]]:
    return [getattr(tables, name) for name in tables.__all__]
