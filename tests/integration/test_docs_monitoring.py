"""docs/monitoring.md, the alerts and the dashboard name the metrics that there are, with their kinds and labels."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from changes.notices import Notice
from storage import kept, notices, outbox, points, processes, scans, seals, tally, tally_histograms, verifications
from storage.seals import Log
from storage.states import ScanState
from tasks.services import Services
from tests import mirrored_world
from tests.integration import served
from tests.integration import shop as shops
from tests.integration.shop import Shop

DOCS = Path(__file__).parents[2] / "docs"
ALERTS = DOCS / "examples" / "alerts.yml"
DASHBOARD = DOCS / "examples" / "grafana-dashboard.json"
NAME = re.compile(r"\bmirrorpoint_\w+")
SUFFIXES = ("_bucket", "_sum", "_count")


@pytest.fixture(scope="module")
def exposition(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of a mirror in which there is something of everything."""
    folder = tmp_path_factory.mktemp("monitored")
    with shops.opened() as shop:
        return _exposition(folder, shop)


def _exposition(folder: Path, shop: Shop) -> str:
    file = shops.configure(folder, database=f"sqlite:///{folder / 'mirror.db'}", url=shop.server.url)
    file.write_text(file.read_text() + f'\n[record]\nkeep = ["file:{folder / "heads"}"]\n')
    services = mirrored_world.services(file)
    try:
        _fill(services, str(folder / "heads"))
        with served.client(file) as client:
            answer = client.get("/metrics")
    finally:
        services.close()
    assert answer.status_code == 200, answer.text
    return answer.text


def _fill(services: Services, heads: str) -> None:
    now = services.now()
    with services.database.write() as session:
        scans.begin(session, source="shop", resource="things", kind="full", fence=1, now=now, id="a")
        scans.finish(session, "a", fence=1, state=ScanState.COMPLETE, now=now)
        points.add(session, code="A", url="https://a.example.com/hook", now=now)
        outbox.owe(session, [outbox.Owed(1, "A", "r")], now=now)
        for counted in tally_histograms.LIMITS:
            tally.add(session, dict(tally_histograms.observed(counted, "A", 70)), now=now)
        processes.note_beat(session, "clock@here", kind="clock", host="here", now=now)
        seals.add(session, Log.CHANGES, seals.Seal(1, "00", None, now))
        notices.add(session, type=Notice.SEALED, subject="changes", data={}, now=now, points=("A",))
        kept.add(session, [kept.Kept(Log.CHANGES, 1, f"file:{heads}", now)])
        verified = verifications.Verification(now, now + timedelta(seconds=1), verifications.How.COMMAND, True, 1, ())
        verifications.add(session, verified)


@pytest.fixture
def kinds(exposition: str) -> dict[str, str]:
    """Name -> kind, as Prometheus knows them."""
    found = {}
    for family in text_string_to_metric_families(exposition):
        found[f"{family.name}_total" if family.type == "counter" else family.name] = family.type
    return found


def documented() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    page = (DOCS / "monitoring.md").read_text("utf-8")
    for name, kind, labels in re.findall(r"^\| `(mirrorpoint_\w+)` \| (\w+) \| ([^|]*)\|", page, flags=re.MULTILINE):
        yield name, kind, tuple(re.findall(r"`(\w+)`", labels))


def used(expression: str) -> set[str]:
    """The metrics that an expression names, without what a histogram's parts are called."""
    names = set(NAME.findall(expression))
    return {next((name.removesuffix(each) for each in SUFFIXES if name.endswith(each)), name) for name in names}


def test_the_page_has_every_metric_with_its_kind(kinds: dict[str, str]) -> None:
    assert {name: kind for name, kind, _ in documented()} == kinds


def test_the_page_has_the_labels_of_each(exposition: str) -> None:
    told = {name: set(labels) for name, _, labels in documented()}
    seen = set()
    for family in text_string_to_metric_families(exposition):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == told[name], name
            seen.add(name)
    nothing_to_tell = {"paused_until", "keep_deadline", "feed_reader", "head_interval"}
    assert [name for name in told if name not in seen and not any(each in name for each in nothing_to_tell)] == []


def test_each_alert_names_metrics_that_there_are_and_says_what_to_do(kinds: dict[str, str]) -> None:
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    for rule in group["rules"]:
        names = used(rule["expr"])
        assert names, rule["alert"]
        assert names <= kinds.keys(), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}
        assert rule["labels"]["severity"] in {"warning", "critical"}
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"])


def test_the_main_alert_is_the_one_of_the_page() -> None:
    page = (DOCS / "monitoring.md").read_text("utf-8")
    (shown,) = re.findall(r"```promql\n(.*?)\n```", page, flags=re.DOTALL)
    (group,) = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    assert group["rules"][0]["expr"] == shown


def test_each_query_of_the_dashboard_names_metrics_that_there_are(kinds: dict[str, str]) -> None:
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            names = used(target["expr"])
            assert names, panel["title"]
            assert names <= kinds.keys(), panel["title"]
            for name in NAME.findall(target["expr"]):
                assert name.endswith(SUFFIXES) == (kinds.get(name) is None), name
    for variable in dashboard["templating"]["list"]:
        assert used(json.dumps(variable["query"])) <= kinds.keys()
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_no_panel_of_the_dashboard_lies_on_another() -> None:
    taken = set[tuple[int, int]]()
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_complain_of(exposition: str) -> None:
    for words, given in ((["check", "metrics"], exposition), (["check", "rules", str(ALERTS)], None)):
        ended = subprocess.run(["promtool", *words], input=given, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout + ended.stderr
