"""Rows of the mirror that somebody has removed or set back, put back as the change log has them; used by the scan step.

Without that the next change of their records would get a number that the log has given already.
"""

from __future__ import annotations

from collections.abc import Mapping

from changes import fingerprint
from changes.records import Change, Id, Kind
from changes.resources import Resource
from storage import history, mirror, sql
from storage.mirror import MirrorRow
from storage.session import Session

_IN_LOG = {
    "sqlite": """
        SELECT c.parent_key, c.key FROM json_each(:ids) AS wanted CROSS JOIN mirrorpoint_change AS c
        WHERE c.source = :source AND c.resource = :resource AND c.version = json_extract(wanted.value, '$[2]')
            AND c.parent_key = json_extract(wanted.value, '$[0]') AND c.key = json_extract(wanted.value, '$[1]')
    """,
    "postgresql": """
        SELECT c.parent_key, c.key FROM jsonb_array_elements(:ids::jsonb) AS wanted, mirrorpoint_change AS c
        WHERE c.source = :source AND c.resource = :resource AND c.version = (wanted ->> 2)::integer
            AND c.parent_key = wanted ->> 0 AND c.key = wanted ->> 1
    """,
}


def put_back(session: Session, resource: Resource, source: str, versions: Mapping[Id, int]) -> int:
    """The records of which the log has this version are afterwards as it has left them; how many they were.

    Their fingerprints are none, so that whatever comes is compared with what the log says.
    """
    wanted = [[*id_, version] for id_, version in versions.items()]
    found = sql.rows(session, _IN_LOG[session.dialect], source=source, resource=resource.name, ids=wanted)
    columns_of = mirror.columns_of(resource, session.dialect)
    rows, deletions = list[MirrorRow](), list[Change]()
    for parent_key, key in found:
        entries = history.timeline(session, source, resource.name, Id(parent_key, key))
        first, last = entries[0], entries[-1]
        is_deleted = last.kind == Kind.DELETED
        document = last.previous.get("") if is_deleted else last.document  # None: its content is erased
        form, columns = fingerprint.canonical(document), columns_of({} if document is None else document)[0]
        mark = fingerprint.ERASED if document is None else ""
        rows.append(
            MirrorRow(Id(parent_key, key), form, mark, last.version, columns, first.observed_at, last.observed_at)
        )
        if is_deleted:
            deletions.append(history.change_of(last))
    mirror.put(session, resource, source, rows)
    mirror.mark_deleted(session, resource, source, deletions)
    return len(found)
