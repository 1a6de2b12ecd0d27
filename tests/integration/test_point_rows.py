"""Drafts of points: of what was changed in memory the table is given what differs, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage import point_rows, points, sql
from storage.engine import Database
from storage.points import PointRefused
from tests import waiting

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def ids(database: Database) -> dict[str, str]:
    """Of two own points, by code."""
    with database.write() as session:
        return {code: points.add(session, code=code, url="https://own.example/", now=NOW).id for code in ("A", "B")}


@contextmanager
def told(database: Database) -> Iterator[list[str]]:
    """The statements of the block."""
    asked: list[str] = []

    def note(text: str, _: Any) -> None:
        asked.append(text)

    database.watchers.append(note)
    try:
        yield asked
    finally:
        database.watchers.remove(note)


def written(asked: list[str]) -> list[str]:
    return [text for text in asked if text.split()[0] in ("INSERT", "UPDATE")]


@pytest.mark.usefixtures("ids")
def test_drafts_that_were_not_changed_cost_no_statement(database: Database) -> None:
    with database.write() as session:
        drafts = point_rows.drafts(session, "origin = 'added'")
        with told(database) as asked:
            for draft in drafts:
                draft.options, draft.changed_at = {}, NOW
                draft.move("https://own.example/")
            point_rows.write(session, drafts)
    assert (len(drafts), asked) == (2, [])


def test_only_columns_that_were_changed_are_written(database: Database, ids: dict[str, str]) -> None:
    with database.write() as session:
        (draft,) = point_rows.drafts(session, "id = :id", id=ids["A"])
        sql.change(session, "UPDATE mirrorpoint_point SET recent = '++', pauses = 2")
        draft.type, draft.entity, draft.changed_at = "public", {"opts": {"n": 12345678901234567890}}, LATER
        point_rows.write(session, [draft])
    with database.read() as session:
        (stored,) = point_rows.drafts(session, "id = :id", id=ids["A"])
    assert (stored.recent, stored.pauses, stored.type, stored.changed_at) == ("++", 2, "public", LATER)
    assert stored.entity == {"opts": {"n": 12345678901234567890}}


def test_points_that_are_changed_alike_are_written_together(database: Database, ids: dict[str, str]) -> None:
    with database.write() as session:
        drafts = point_rows.drafts(session, "origin = 'added'")
        for draft in drafts:
            draft.type = f"of {draft.code}"
        added = [point_rows.new("added", code, name=None, now=NOW) for code in ("C", "D")]
        with told(database) as asked:
            point_rows.write(session, [*drafts, *added])
            point_rows.write(session, [*drafts, *added])  # all is there
    assert [text.split()[0] for text in written(asked)] == ["INSERT", "UPDATE"]
    with database.read() as session:
        kept = {draft.code: (draft.id, draft.type) for draft in point_rows.drafts(session, "origin = 'added'")}
    assert kept == {
        "A": (ids["A"], "of A"),
        "B": (ids["B"], "of B"),
        **{draft.code: (draft.id, None) for draft in added},
    }


def test_a_draft_shows_neither_its_url_nor_its_tokens() -> None:
    draft = point_rows.new("added", "A", name=None, now=NOW)
    draft.url, draft.token, draft.token_local = "https://own.example/?key=hidden", "hidden", "hidden"
    assert "hidden" not in repr(draft)


@pytest.mark.usefixtures("ids")
def test_a_point_that_gets_another_code_just_then_is_not_removed_under_its_former_one(database: Database) -> None:
    ended: list[BaseException | None] = []

    def remove() -> None:
        try:
            with database.write() as session:
                points.remove(session, "A", now=LATER)
        except PointRefused as refused:
            ended.append(refused)
        else:
            ended.append(None)

    waits_with = "BEGIN IMMEDIATE" if database.dialect == "sqlite" else "SELECT pg_advisory_xact_lock(%s)"
    thread = threading.Thread(target=remove)
    with database.write() as session:
        points.edit(session, "A", values={"code": "C"}, now=LATER)
        with told(database) as asked:
            thread.start()
            waiting.until(lambda: waits_with in asked, what=lambda: f"it said {asked}")
    thread.join()

    assert [type(end) for end in ended] == [PointRefused]
    with database.read() as session:
        assert sorted(points.targets(session)) == ["B", "C"]
