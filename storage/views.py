"""The views that people query: what is asked first, on both databases; made by prepare.py, columns in docs/tables.md.

They are made anew when their text here changes, and before a migration they are taken away.
"""

from __future__ import annotations

from collections.abc import Iterable

from storage.session import Session

_RECORD = "c.seq, c.observed_after, c.observed_at, c.source, c.resource, c.parent_key, c.key, c.version, c.kind"

# SQLite has no JSON Pointers: they are made its own paths, in which a name with " or \ cannot be written. `->` gives
# a number with all its digits; of text, `->>` takes the quotes away.
_FIELD_CHANGE_SQLITE = f"""
SELECT seq, observed_after, observed_at, source, resource, parent_key, key, version, kind, pointer,
    CASE json_type(previous, old_path) WHEN 'text' THEN previous ->> old_path WHEN 'null' THEN NULL
        ELSE previous -> old_path END AS old,
    CASE json_type(document, new_path) WHEN 'text' THEN document ->> new_path WHEN 'null' THEN NULL
        ELSE document -> new_path END AS new,
    erased
FROM (
    SELECT {_RECORD}, c.previous, c.document, c.salt IS NULL AS erased, f.value AS pointer,
        CASE WHEN f.value GLOB '*["\\]*' THEN NULL ELSE '$."' || f.value || '"' END AS old_path,
        CASE WHEN f.value GLOB '*["\\]*' THEN NULL WHEN f.value = '' THEN '$'
            ELSE '$."' || replace(replace(replace(substr(f.value, 2), '/', '"."'), '~1', '/'), '~0', '~') || '"'
            END AS new_path
    FROM mirrorpoint_change AS c, json_each(c.changed) AS f
    WHERE c.kind <> 'snapshot'
)
"""  # noqa: S608  # no values in it
_FIELD_CHANGE_POSTGRESQL = f"""
SELECT {_RECORD}, f.pointer,
    c.previous ->> f.pointer AS old,
    c.document #>> CASE WHEN position('~' IN f.pointer) = 0 THEN (string_to_array(f.pointer, '/'))[2:]
        ELSE (SELECT array_agg(replace(replace(step, '~1', '/'), '~0', '~') ORDER BY place)
              FROM unnest((string_to_array(f.pointer, '/'))[2:]) WITH ORDINALITY AS steps (step, place)) END AS new,
    c.salt IS NULL AS erased
FROM mirrorpoint_change AS c, LATERAL jsonb_array_elements_text(c.changed) AS f (pointer)
WHERE c.kind <> 'snapshot'
"""  # noqa: S608  # no values in it
_TOLD = f"""
SELECT {_RECORD}, d.id AS delivery_id, d.point, d.state, d.attempts, d.last_status, d.last_error, d.due_at,
    d.delivered_at
FROM mirrorpoint_change AS c JOIN mirrorpoint_delivery AS d ON d.change_seq = c.seq
"""  # noqa: S608  # no values in it
_FRESHNESS = """
SELECT r.source, r.resource, r.last_complete_at, r.next_at, r.last_problem, r.last_problem_at,
    (SELECT count(*) FROM mirrorpoint_suspect AS s
     WHERE s.source = r.source AND s.resource = r.resource AND s.held_by IS NOT NULL AND s.state <> 'approved') AS held
FROM mirrorpoint_resource AS r
"""
_DONE = """
SELECT i.id, i.at, i.who, i.how, i.what, i.target, i.arguments, o.outcome, o.at AS ended_at
FROM mirrorpoint_action AS i LEFT JOIN mirrorpoint_action AS o ON o.of = i.id
WHERE i.of IS NULL
"""
#: View -> its query, by the database's kind.
VIEWS = {
    "mirrorpoint_field_change": {"sqlite": _FIELD_CHANGE_SQLITE, "postgresql": _FIELD_CHANGE_POSTGRESQL},
    "mirrorpoint_told": {"sqlite": _TOLD, "postgresql": _TOLD},
    "mirrorpoint_freshness": {"sqlite": _FRESHNESS, "postgresql": _FRESHNESS},
    "mirrorpoint_done": {"sqlite": _DONE, "postgresql": _DONE},
}


def make(session: Session, names: Iterable[str]) -> None:
    """Those of the names, anew."""
    for name in names:
        text = VIEWS[name][session.dialect]
        session.execute(f"DROP VIEW IF EXISTS {name}")
        session.execute(f"CREATE VIEW {name} AS {text}")


def drop_all(session: Session) -> None:
    """A table whose columns change must not have a view on it."""
    for name in VIEWS:
        session.execute(f"DROP VIEW IF EXISTS {name}")
