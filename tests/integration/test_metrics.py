"""`/metrics` tells what is, in the names and labels that stand in docs/monitoring.md."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from storage import outbox, point_tokens, points, processes, scans
from storage.states import ScanState
from tasks.services import Services
from tests import mirrored_world
from tests.integration import served
from tests.integration import shop as shops
from tests.integration.served import Client
from tests.integration.shop import Shop
from web.metrics import figures, scrape
from web.services import Web

Labels = dict[str, str]

file, services = shops.file, shops.services


@pytest.fixture
def client(file: Path, services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:  # prepared
    monkeypatch.setattr(scrape, "OLDEST_SECONDS", -1.0)
    monkeypatch.setattr(scrape, "WRITABLE_SECONDS", -1.0)
    with served.client(file) as asking:
        yield asking


def scraped(client: Client) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def value(client: Client, name: str, **labels: str) -> float | None:
    return scraped(client)[name].get(tuple(sorted(labels.items()))) if name in scraped(client) else None


def things(*numbers: int, name: str = "n") -> list[str]:
    return [json.dumps({"id": str(number), "name": name}) for number in numbers]


THINGS = {"source": "shop", "resource": "things"}


def test_a_mirror_that_was_never_filled_tells_zeros_and_no_times(client: Client) -> None:
    found = scraped(client)
    assert found["mirrorpoint_up"] == {(): 1}
    assert found["mirrorpoint_database_writable"] == {(): 1}
    assert set(found["mirrorpoint_changes_total"].values()) == {0}
    assert "mirrorpoint_resource_last_complete_timestamp_seconds" not in found
    assert "mirrorpoint_verify_ok" not in found
    assert value(client, "mirrorpoint_resource_promised_staleness_seconds", **THINGS) is not None


def test_what_a_scan_brings_is_told(client: Client, services: Services, shop: Shop) -> None:
    before = services.now().timestamp()
    shop.lists("things", *things(1, 2, 3))
    mirrored_world.scan(services, "things", "shop")
    shop.lists("things", *things(1, 2, name="m"), *things(3, 4))
    mirrored_world.scan(services, "things", "shop")

    last = value(client, "mirrorpoint_resource_last_complete_timestamp_seconds", **THINGS)
    assert last is not None
    assert before < last < services.now().timestamp()
    assert value(client, "mirrorpoint_resource_rows", **THINGS) == 4
    assert value(client, "mirrorpoint_changes_total", **THINGS, kind="snapshot") == 3
    assert value(client, "mirrorpoint_changes_total", **THINGS, kind="updated") == 2
    assert value(client, "mirrorpoint_changes_total", **THINGS, kind="created") == 1
    assert value(client, "mirrorpoint_scans_total", **THINGS, kind="full", state="complete") == 2
    assert value(client, "mirrorpoint_source_requests_per_second_limit", source="shop") == 10_000
    with services.database.read() as session:
        first = scans.get(session, mirrored_world.log(services)[0].scan_id)
    assert first is not None
    asked = value(client, "mirrorpoint_requests_total", **THINGS)
    assert asked is not None
    assert asked >= first.requests + 1


def test_the_promise_is_that_of_status(client: Client, services: Services, shop: Shop) -> None:
    shop.lists("things", *things(1))
    mirrored_world.scan(services, "things", "shop")
    status = client.web.document("status")
    for row in status["resources"]:
        place = {"source": row["source"], "resource": row["resource"]}
        promised = value(client, "mirrorpoint_resource_promised_staleness_seconds", **place)
        assert promised == pytest.approx(row["promised_seconds"], abs=0.01)
        assert promised is None or promised > 60


def test_requests_of_a_scan_under_way_count_before_it_has_ended_and_never_twice(
    client: Client, services: Services
) -> None:
    now = services.now()
    with services.database.write() as session:
        scan = scans.begin(session, source="shop", resource="things", kind="full", fence=1, now=now, id="a")
        scans.advance(session, scan.id, fence=1, position={}, counters={"requests": 7}, now=now)
    assert value(client, "mirrorpoint_requests_total", **THINGS) == 7
    with services.database.write() as session:
        scans.finish(session, scan.id, fence=1, state=ScanState.PARTIAL, now=now, counters={"requests": 2})
    assert value(client, "mirrorpoint_requests_total", **THINGS) == 9
    assert value(client, "mirrorpoint_scans_total", **THINGS, kind="full", state="partial") == 1


def test_what_points_are_owed_is_told(client: Client, services: Services) -> None:
    now = services.now()
    with services.database.write() as session:
        points.add(session, code="A", url="https://a.example.com/hook", now=now)
        points.add(session, code='B "quoted"\\\n', url="https://b.example.com/hook", now=now)
        for seconds, record in ((90, "r"), (30, "s"), (60, "r")):
            owed = [outbox.Owed(seconds, "A", record)]
            outbox.owe(session, owed, now=now - timedelta(seconds=seconds))
    assert value(client, "mirrorpoint_point_due", point="A") == 3
    oldest = value(client, "mirrorpoint_point_oldest_due_timestamp_seconds", point="A")
    assert oldest == pytest.approx((now - timedelta(seconds=90)).timestamp(), abs=0.01)
    assert value(client, "mirrorpoint_point_state", point="A", state="active") == 1
    assert value(client, "mirrorpoint_point_state", point="A", state="gone") == 0
    assert value(client, "mirrorpoint_point_due", point='B "quoted"\\\n') == 0
    assert value(client, "mirrorpoint_deliveries_total", point="A", outcome="dead") == 0
    with services.database.write() as session:
        points.mark_gone(session, "A", reason="410", now=now)
    assert value(client, "mirrorpoint_deliveries_total", point="A", outcome="skipped") == 3
    assert value(client, "mirrorpoint_point_state", point="A", state="gone") == 1
    assert value(client, "mirrorpoint_point_oldest_due_timestamp_seconds", point="A") is None


def test_a_worker_for_both_gives_both_signs(client: Client, services: Services) -> None:
    now = services.now()
    with services.database.write() as session:
        processes.note_beat(session, "w", kind="scan+deliver", host="h", now=now)
        processes.note_beat(session, "v", kind="scan", host="h", now=now - timedelta(hours=1))
    for kind in ("scan", "deliver"):
        beat = value(client, "mirrorpoint_process_last_beat_timestamp_seconds", kind=kind)
        assert beat == pytest.approx(now.timestamp(), abs=0.01)


def test_counters_are_those_of_before_after_a_new_start(
    client: Client, services: Services, shop: Shop, file: Path
) -> None:
    shop.lists("things", *things(1, 2, 3))
    mirrored_world.scan(services, "things", "shop")
    before = {name: found for name, found in scraped(client).items() if name.endswith("_total")}
    with served.client(file) as another:
        after = scraped(another)
    assert before
    assert {name: after[name] for name in before} == before


def test_open_metrics_is_given_to_who_asks_for_it(client: Client) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = {family.name: family for family in openmetrics.text_string_to_metric_families(answer.text)}
    assert families["mirrorpoint_scans"].type == "counter"


def test_a_result_of_just_now_is_given_once_more(
    client: Client, services: Services, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrape, "OLDEST_SECONDS", 3600.0)
    assert value(client, "mirrorpoint_resource_rows", **THINGS) == 0
    shop.lists("things", *things(1))
    mirrored_world.scan(services, "things", "shop")
    assert value(client, "mirrorpoint_resource_rows", **THINGS) == 0
    monkeypatch.setattr(scrape, "OLDEST_SECONDS", -1.0)
    assert value(client, "mirrorpoint_resource_rows", **THINGS) == 1


def test_counters_only_grow_while_others_write(client: Client, services: Services, shop: Shop) -> None:
    done = threading.Event()

    def scan() -> None:
        try:
            for times in range(1, 8):
                shop.lists("things", *things(*range(times * 20), name=str(times)))
                mirrored_world.scan(services, "things", "shop")
        finally:
            done.set()

    writer = threading.Thread(target=scan)
    writer.start()
    seen = [scraped(client)]
    while not done.is_set():
        seen.append(scraped(client))
    writer.join()
    seen.append(scraped(client))
    for name in (each for each in seen[0] if each.endswith("_total")):
        for labels in seen[0][name]:
            course = [found[name][labels] for found in seen]
            assert course == sorted(course), (name, labels)
    changes = sum(seen[-1]["mirrorpoint_changes_total"].values())
    assert changes == len(mirrored_world.log(services))


def test_without_a_database_it_says_so_and_lies_about_nothing(tmp_path: Path, shop: Shop) -> None:
    file = shops.configure(tmp_path, database=f"sqlite:///{tmp_path / 'none.db'}", url=shop.server.url)
    with served.client(file) as client:
        answer = client.get("/metrics")
    assert answer.status_code == 503
    assert answer.text.startswith("# nothing was mirrored yet")
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert names == {"mirrorpoint_up", "mirrorpoint_build_info"}
    assert "mirrorpoint_up 0.0" in answer.text


def test_two_that_scrape_at_once_are_given_one_result(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrape, "OLDEST_SECONDS", 60.0)
    reads, read = list[int](), figures.read

    def counted(web: Web) -> figures.Figures:
        reads.append(1)
        with services.database.write() as session:  # which takes a moment, and may be waited for
            processes.note_beat(session, "w", kind="scan", host="h", now=services.now())
        return read(web)

    monkeypatch.setattr(figures, "read", counted)
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(client.get("/metrics").text)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1
    assert len(answers) == 4
    assert len(set(answers)) == 1


def test_where_tokens_are_configured_a_scrape_needs_one(
    file: Path, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(point_tokens, "owner", lambda *_: None)  # it is no point's either
    token = "0123456789-metrics"
    file.write_text(f'{file.read_text()}\n[[serve.tokens]]\nname = "prometheus"\ntoken = "{token}"\nrole = "metrics"\n')
    with served.client(file) as client:
        for path in ("/metrics", "/health", "/health/live", "/health/ready"):
            assert client.get(path).status_code == 401, services.database.name
            assert client.get(path, {"Authorization": "Bearer another-of-this-length"}).status_code == 401
        assert client.get("/metrics", {"Authorization": f"Bearer {token}"}).status_code == 200
        assert client.get("/health/ready", {"Authorization": f"Bearer {token}"}).status_code == 200
