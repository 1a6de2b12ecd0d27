"""`import mirrorpoint`: what a program of one's own gets from a mirror, on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

import mirrorpoint
from changes.records import Id
from mirrorpoint import errors
from tasks.services import Services
from tests import mirrored_world, waiting
from tests.mirrored_world import World

PRODUCTS = "/api/v2/products"


@pytest.fixture
def mirror(services: Services, tmp_path: Path) -> Iterator[mirrorpoint.Mirror]:
    """The mirror of the world, of which products and their currencies have been scanned."""
    mirrored_world.scan(services, "products")
    mirrored_world.scan(services, "product_currencies")
    with mirrorpoint.open(tmp_path / "mirrorpoint.toml") as opened:
        yield opened


def test_importing_it_imports_nothing_else_of_ours() -> None:
    text = "import sys, mirrorpoint, mirrorpoint.webhooks; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, cwd="/")

    heavy = {
        "alembic",
        "celery",
        "httpx",
        "pydantic",
        "rich",
        "sqlalchemy",
        "sqlmodel",
        "storage",
        "upstream",
        "worker",
    }
    assert not heavy & set(run.stdout.split())


def test_everything_public_is_there() -> None:
    assert set(mirrorpoint.__all__) <= set(dir(mirrorpoint))
    for name in mirrorpoint.__all__:
        assert getattr(mirrorpoint, name) is not None
    with pytest.raises(AttributeError, match="mirorr"):
        mirrorpoint.mirorr  # type: ignore[attr-defined]  # noqa: B018


def test_the_module_is_the_command() -> None:
    run = subprocess.run(
        [sys.executable, "-P", "-m", "mirrorpoint", "--version"], capture_output=True, text=True, check=True, cwd="/"
    )

    assert run.stdout.startswith("mirrorpoint ")


def test_a_model_is_queried_like_any_sqlmodel_class(mirror: mirrorpoint.Mirror, world: World) -> None:
    product = mirror.model("products")
    with mirror.session() as session:
        rows = session.exec(select(product).where(product.key == "3")).all()

    documents = {row["key"]: row["document"] for row in world.ask("rows", path=PRODUCTS)["rows"]}
    assert [documents["3"]] == [row.document for row in rows]
    assert (documents["3"]["status"], 1) == (rows[0].status, rows[0].version)
    assert rows[0].create_time == datetime.fromisoformat(documents["3"]["createTime"])


def test_the_resources_are_told_with_their_columns(mirror: mirrorpoint.Mirror) -> None:
    found = {(each.source, each.name): each for each in mirror.resources()}

    assert "number" in found["backoffice", "products"].columns.values()
    assert "products" == found["backoffice", "product_currencies"].parent
    assert ["integration_points"] == [each.name for each in mirror.resources(source="platform")]


def test_the_changes_come_in_order_and_only_those_wanted(
    mirror: mirrorpoint.Mirror, services: Services, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirrorpoint.change_log.BATCH", 5)
    last = mirrored_world.last_seq(services)
    world.change(PRODUCTS, "update", key="3", document={"status": "disabled"})
    world.change(PRODUCTS, "delete", key="5")
    mirrored_world.scan(services, "products")

    everything = list(mirror.changes())
    assert [each.seq for each in everything] == list(range(1, len(everything) + 1))
    updated = next(mirror.changes(after=last, kinds=["updated"], resource="products"))
    assert ("products/3", "backoffice/products/3", "enabled", "disabled") == (
        updated.subject,
        updated.record,
        updated.was("/status"),
        updated.became("/status"),
    )
    assert updated.kind is mirrorpoint.Kind.UPDATED
    assert updated.observed_after is not None
    assert updated.observed_after < updated.observed_at
    deleted = list(mirror.changes(kinds=("deleted",), resource="products", source="backoffice"))
    assert ["5"] == [each.key for each in deleted]
    assert deleted[0].document is None
    assert [] == list(mirror.changes(since=datetime.now(UTC) + timedelta(days=1)))
    assert len(everything) == len(list(mirror.changes(until=datetime.now(UTC) + timedelta(days=1))))


def test_a_follower_gets_what_comes_and_ends_when_the_mirror_is_closed(
    mirror: mirrorpoint.Mirror, services: Services, world: World
) -> None:
    seen: list[mirrorpoint.Change] = []
    last = mirrored_world.last_seq(services)
    changes = mirror.changes(after=last, follow=True)
    follower = threading.Thread(target=lambda: [seen.append(change) for change in changes])
    follower.start()
    world.change(PRODUCTS, "update", key="3", document={"status": "disabled"})
    mirrored_world.scan(services, "products")
    waiting.until(lambda: seen)
    assert follower.is_alive()

    mirror.close()

    follower.join(timeout=30)
    assert not follower.is_alive()
    assert ["products/3"] == [each.subject for each in seen]


def test_the_past_has_the_rows_as_they_were(
    mirror: mirrorpoint.Mirror, services: Services, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mirrorpoint.past._BATCH", 7)
    product = mirror.model("products")
    with mirror.session() as session:
        order = (col(product.parent_key), col(product.key))
        before = [row.model_dump(exclude={"fingerprint"}) for row in session.exec(select(product).order_by(*order))]
    then = datetime.now(UTC)
    world.change(PRODUCTS, "update", key="3", document={"status": "disabled"})
    world.change(PRODUCTS, "delete", key="5")
    created = world.change(PRODUCTS, "create", document={"name": "late"})[0]["key"]
    mirrored_world.scan(services, "products")

    past, now = mirror.at(then), mirror.at(datetime.now(UTC))

    assert before == [row.model_dump(exclude={"fingerprint"}) for row in past.all("products")]
    was, became = past.get("products", 3), now.get("products", "3")
    assert was is not None
    assert became is not None
    assert ("enabled", "disabled") == (was.status, became.status)
    assert past.get("products", "5") is not None
    assert now.get("products", "5") is None
    assert past.get("products", created) is None
    assert now.get("products", created) is not None
    assert [] == list(mirror.at(then - timedelta(days=1)).all("products"))


def test_the_past_of_nested_records_is_asked_for_by_their_parent(mirror: mirrorpoint.Mirror) -> None:
    past = mirror.at(datetime.now(UTC))
    of_one = list(past.all("product_currencies", parent_key="1"))

    assert {"1"} == {row.parent_key for row in of_one}
    assert past.get("product_currencies", of_one[0].key, parent_key="1") is not None
    with pytest.raises(errors.UsageError, match="below products"):
        past.get("product_currencies", of_one[0].key)


def test_what_is_written_at_the_source_is_there(mirror: mirrorpoint.Mirror, world: World) -> None:
    with mirror.write("backoffice") as writer:
        made = writer.create("product_notes", {"title": "Hours", "value": "Closed at night"}, parent_key="1")
        assert made is not None
        writer.update("paid_service_groups", 1, {"caption": "Gold"})
        writer.replace("product_restrictions", _first_id(world), {"isEnabled": False})
        assert writer.delete("paid_services", 1)
        assert not writer.delete("paid_services", 1)
    with mirror.write("platform") as writer:
        assert 1 == len(writer.lookup("integration_points", "AUDIT"))

    groups = world.ask("rows", path="/api/v2/subscriptions/groups")["rows"]
    assert "Gold" == groups[0]["document"]["caption"]


def _first_id(world: World) -> Id:
    row = world.ask("rows", path="/api/v2/products/{}/restrictions")["rows"][0]
    return Id(row["parent_keys"][0], row["key"])


def test_a_seal_is_never_written_back_as_if_it_were_the_secret(mirror: mirrorpoint.Mirror, services: Services) -> None:
    mirrored_world.scan(services, "connections")
    connection = mirror.model("connections")
    with mirror.session() as session:
        document = session.exec(select(connection)).first()
    assert document is not None

    with mirror.write("backoffice") as writer, pytest.raises(ValueError, match="is a seal, not the secret"):
        writer.update("connections", document.key, document.document)


def test_names_that_are_wrong_are_told_with_those_that_were_meant(mirror: mirrorpoint.Mirror) -> None:
    with pytest.raises(errors.UsageError) as told:
        mirror.model("product")
    assert 'did you mean "products"?' == told.value.hint
    with pytest.raises(errors.UsageError, match='no source "backofice"'):
        mirror.write("backofice")
    with pytest.raises(errors.UsageError, match='no kind "update"'):
        mirror.changes(kinds=["update"])
    with pytest.raises(errors.UsageError, match="no time zone"):
        mirror.at(datetime(2026, 11, 3))  # noqa: DTZ001  # that is the mistake
    with pytest.raises(errors.UsageError, match="no resource"):
        mirror.changes(resource="prodcts")


def test_a_closed_mirror_says_so(mirror: mirrorpoint.Mirror) -> None:
    mirror.close()

    with pytest.raises(errors.UsageError, match="closed"), mirror.session():
        pass


def test_a_database_without_a_mirror_is_said_to_be_one_and_stays_as_it_is(empty_url: str, tmp_path: Path) -> None:
    mirrored_world.configure(tmp_path, database=empty_url, sandbox="http://127.0.0.1:1")

    with pytest.raises(errors.StorageError, match="nothing was mirrored"):
        mirrorpoint.open(tmp_path / "mirrorpoint.toml")

    assert not (tmp_path / "empty.db").exists()


def test_a_configuration_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.SettingsError, match=r"nowhere\.toml"):
        mirrorpoint.open(tmp_path / "nowhere.toml")


def test_every_error_has_a_message_and_a_hint(tmp_path: Path) -> None:
    with pytest.raises(errors.ALL) as told:
        mirrorpoint.open(tmp_path / "nowhere.toml")

    assert told.value.message
    assert told.value.hint
