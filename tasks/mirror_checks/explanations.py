"""Why a mirrored row is not simply what its last change says: for a good reason, or because somebody has edited it.

Volatile members may differ, lists may have another order, and where the catalogue has changed since, its former rules
count as well. Asks no database; used by verdicts.py for the few rows that `compared.py` finds odd.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from changes import bodies, diff, fingerprint, pointers, sealing
from changes.records import Json
from changes.resources import Resource
from storage import driver_values
from storage.log_rows import Row
from tasks.mirror_checks import compared
from tasks.mirror_checks.compared import Table
from tasks.mirror_checks.typed import Typed

_NO_JSON = object()
_NOT_WRITTEN = "its document is no JSON as Mirrorpoint writes it"


def wrong(table: Table, row: Row, logged: Json) -> list[str]:
    """What is wrong with a row that has its change, in words; nothing where all is right. `logged`: its document."""
    own = _own(table, row)
    if own is _NO_JSON:
        return [_NOT_WRITTEN]
    of_document = list(_document(table, row, own, logged))
    found = [*of_document, *_columns(table, row, own), *times(row)]
    return found or list(_fingerprint(table, row, own))


def wrong_without_document(table: Table, row: Row) -> list[str]:
    """The same where the log has no content of the change any more: what is left can be compared."""
    own = _own(table, row)
    if own is _NO_JSON:
        return [_NOT_WRITTEN]
    return [*_columns(table, row, own), *times(row)]


def wrong_if_erased(table: Table, row: Row) -> list[str]:
    """The same of a record that was erased: its row holds nothing; it is marked deleted only if the record was."""
    is_empty = _own(table, row) in (None, {}) and not any(each is not None for each in compared.own_typed(row))
    return [*([] if is_empty else ["its content is there, though it was erased"]), *times(row)]


def times(row: Row) -> Iterator[str]:
    """What of first_seen_at, changed_at and deleted_at is not as the log says."""
    first_seen, changed_at, deleted_at, seq, observed_at = row[5], row[6], row[7], row[8], row[13]
    first_observed = observed_at if row[3] == 1 else row[14]
    if first_observed is not None and first_seen != first_observed:
        yield f"its first_seen_at is {compared.moment(first_seen)}, and the log says {compared.moment(first_observed)}"
    if changed_at != observed_at:
        yield f"its changed_at is {compared.moment(changed_at)}, and the log says {compared.moment(observed_at)}"
    if not compared.is_deletion(row):
        if deleted_at is not None:
            yield f"it is marked deleted, and its last change, {seq:,}, did not delete it"
    elif deleted_at is None:
        yield f"it is not marked deleted, and change {seq:,} has deleted it"
    elif deleted_at != observed_at:
        yield f"its deleted_at is {compared.moment(deleted_at)}, and the log says {compared.moment(observed_at)}"


def _own(table: Table, row: Row) -> Json:
    """The row's document; `_NO_JSON` where it is none, or is not written as Mirrorpoint writes it."""
    if table.dialect != "sqlite":
        return row[2]
    try:
        value = driver_values.parse(row[2])
        return value if fingerprint.canonical(value) == row[2].encode() else _NO_JSON
    except (ValueError, TypeError, AttributeError):
        return _NO_JSON


def _document(table: Table, row: Row, own: Json, logged: Json) -> Iterator[str]:
    rules, is_deletion = table.rules_since(row[8]), compared.is_deletion(row)
    # A deletion takes the document over as it stands in the mirror, which nobody refreshes after that.
    volatile = () if is_deletion else _every(rules, "volatile")
    unordered = () if is_deletion else _every(rules, "unordered")
    rule = table.rule_of(row[4])
    is_other_rule = len(rules) > 1 or row[8] <= table.former_keys_until or (rule is not None and not rule.is_present)
    if is_other_rule:  # what is sealed now may not have been then, and the reverse; or with another key
        secrets = pointers.compiled(_every(rules, "secrets"))
        own, _ = pointers.parted(own, secrets, is_strict=True)
        logged, _ = pointers.parted(logged, secrets, is_strict=True)
    differing, _ = diff.differences(logged, own, volatile=volatile, unordered=unordered)
    if is_other_rule:
        differing = tuple(each for each in differing if not (_is_sealed(own, each) or _is_sealed(logged, each)))
    if differing:
        where = ", ".join(each or "the whole of it" for each in differing[:3]) + (", …" if len(differing) > 3 else "")
        yield f"its document is not that of change {row[8]:,} (it differs in {where})"


def _every(rules: Sequence[Resource], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for rule in rules for each in getattr(rule, name)))


def _is_sealed(document: Json, pointer: str) -> bool:
    try:
        return sealing.is_sealed(pointers.resolved(document, pointer))
    except LookupError:
        return False


def _columns(table: Table, row: Row, own: Json) -> Iterator[str]:
    expected, there = table.typed.expected(own), table.typed.own(compared.own_typed(row))
    for name, should, is_ in zip(table.typed.names, expected, there, strict=True):
        if should != is_ and not _was_so(table, row, own, name=name, value=is_):
            yield f"its column {name} is not what its document says"


def _was_so(table: Table, row: Row, own: Json, *, name: str, value: object) -> bool:
    """Whether the column would hold that by a former rule, which may not have known it at all."""
    for former in table.rules_since(row[8])[1:]:
        if name not in former.column_names().values():
            if value is None:
                return True
            continue
        was = Typed(former, table.dialect)
        if dict(zip(was.names, was.expected(own), strict=True))[name] == value:
            return True
    return False


def _fingerprint(table: Table, row: Row, own: Json) -> Iterator[str]:
    rule = table.rule_of(row[4])
    if rule is None:
        if table.is_rule_known:
            yield "its fingerprint was made by no rule that its catalogue ever gave"
    elif rule.print_of(own, fingerprint.canonical(own)) != row[4]:
        yield "its fingerprint is not that of its document"
    elif not rule.is_present_key and row[8] > table.former_keys_until:
        yield "its fingerprint was made with a seal key that was not in use"


def document_of(table: Table, row: Row, previous: Any, document: Any) -> Json:
    """The document that the record had by its last change, from columns of the log; ValueError where it is no JSON."""
    value = previous if compared.is_deletion(row) else document
    if table.dialect == "sqlite" and value is not None:
        value = bodies.parse(value)
    if compared.is_deletion(row):
        return value.get("") if isinstance(value, Mapping) else None
    return value
