"""`mirrorpoint sync` and the commands around it, each a process as somebody would start it in a terminal."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from storage import slots
from tasks.services import Services
from tests import mirrored_world
from tests.end_to_end import journal
from tests.end_to_end.stage import PATIENCE_SECONDS, Receiver, Stage
from tests.mirrored_world import World, kinds, last_seq, log

SECRET = "whsec_bWlycm9ycG9pbnQtc2VjcmV0LW9mLWEtdGVzdA=="
#: The public columns of `mirrorpoint_scan` (product.md, the fine print on deliveries).
SCAN = {
    *("id", "source", "resource", "kind", "state", "reason", "started_at", "ended_at", "pages", "requests", "rows"),
    *("created", "updated", "deleted", "restored", "skipped", "held"),
    *("doubles", "repaired", "unconverted"),
}
POINTS = """
[[points]]
code = "LEDGER"
url = "{receiver}/ledger"
secret = "{secret}"

[[routes]]
points = ["LEDGER"]

[delivery]
allow_networks = ["127.0.0.0/8"]
"""


def configure(stage: Stage, world: World, *, page_size: int = 100, receiver: Receiver | None = None) -> Path:
    more = POINTS.format(receiver=receiver.url, secret=SECRET) if receiver else ""
    return mirrored_world.configure(
        stage.folder, database="sqlite:///mirror.db", sandbox=world.url, page_size=page_size, more=more
    )


@contextlib.contextmanager
def services_of(stage: Stage) -> Iterator[Services]:
    """Our own look at what the commands have left."""
    services = mirrored_world.services(stage.folder / "mirrorpoint.toml")
    try:
        yield services
    finally:
        services.close()


def paths(world: World, glob: str = "*") -> dict[str, int]:
    """Path -> number of requests so far."""
    found: dict[str, int] = world.ask("requests", path=glob)["paths"]
    return found


def states(document: Any) -> dict[str, str]:
    """Resource -> state of its scan, from `sync --json`."""
    return {scan["resource"]: scan["state"] for scan in document["scans"]}


def test_everything_is_mirrored_exactly_then_nothing_has_changed_then_what_has_is_delivered(stage: Stage) -> None:
    receiver = stage.receiver("--secret", SECRET)
    world = stage.api("--receiver-url", receiver.url)
    configure(stage, world, receiver=receiver)

    first = stage.call("sync", "--all", "--json")
    assert (first.code, first.err) == (0, "")
    with services_of(stage) as services:
        names = [resource for source in services.sources.values() for resource in source.catalogue.resources]
        assert sorted(names) == sorted(states(first.json))
        assert {"complete"} == set(states(first.json).values())
        assert [] == [scan for scan in first.json["scans"] if set(scan) != SCAN]
        rows = {scan["resource"]: scan["rows"] for scan in first.json["scans"]}
        for source in services.sources:
            mirrored_world.assert_equal(services, world, source=source)
        assert {"snapshot": sum(rows.values())} == kinds(log(services))
        seq = last_seq(services)

    second = stage.call("sync", "--all")
    lines = second.err.splitlines()
    assert (second.code, len(lines), lines[0]) == (0, len(names) + 1, f"scanning {len(names)} resources")
    assert f"{len(names)} of {len(names)} resources scanned: {sum(rows.values()):,} rows, 0 changes" in second.out
    _check_status(stage, rows)

    world.change("/api/v2/products", "update", key="1", document={"status": "disabled"})
    world.change("/api/v2/products", "delete", key="2")
    named = stage.call("sync", "products", "product_notes", "--json")
    assert (named.code, named.err) == (0, "")
    assert {"products": "complete", "product_notes": "complete"} == states(named.json)
    with services_of(stage) as services:
        ids = [change.id for change in log(services, after=seq)]
        mirrored_world.assert_equal(services, world)
        journal.check_versions(log(services))

    delivered = stage.call("deliver", "--wait", f"{PATIENCE_SECONDS}s", "--json")
    assert delivered.code == 0
    assert {"attempted": len(ids), "delivered": len(ids), "due": 0, "dead": 0} == delivered.json
    received = receiver.received("/ledger")
    assert sorted(ids) == sorted(one["event"]["id"] for one in received)
    assert {(True, 200)} == {(one["valid"], one["status"]) for one in received}


def _check_status(stage: Stage, rows: dict[str, int]) -> None:
    status = stage.call("status", "--json")
    assert (status.code, status.err) == (0, "")
    assert rows == {row["resource"]: row["rows"] for row in status.json["resources"]}
    members = {*("source", "resource", "rows", "last_complete_at", "age_seconds", "next_at"),
               *("state", "held", "suspects", "problem")}  # fmt: skip
    assert [] == [row for row in status.json["resources"] if not members <= set(row)]
    assert {("complete", 0, 0, None)} == {
        (row["state"], row["held"], row["suspects"], row["problem"]) for row in status.json["resources"]
    }
    (ledger,) = [point for point in status.json["points"] if point["code"] == "LEDGER"]
    assert ("active", 0, 0, 0) == (ledger["state"], ledger["due"], ledger["dead"], ledger["delivered"])


def test_nested_resources_bring_their_parents_along_and_nothing_else(stage: Stage) -> None:
    world = stage.api()
    configure(stage, world)

    answers = stage.call("sync", "test_answers")
    assert answers.code == 0
    assert answers.err.count("is scanned too") == 2
    assert {"quizzes"} == {path.split("/")[3] for path in paths(world) if "signin" not in path}
    with services_of(stage) as services:
        resources = services.sources["backoffice"].catalogue.resources
        for name in ("tests", "test_questions", "test_answers"):
            assert world.truth(resources[name]) == mirrored_world.mirrored(services, resources[name])

    world.tell("reset", {"what": "requests"})
    again = stage.call("sync", "test_*", "--json")
    assert {"test_questions", "test_answers"} == set(states(again.json))
    assert [] == [path for path in paths(world) if path == "/api/v2/quizzes"]

    assert {"integration_points"} == set(states(stage.call("sync", "--source", "platform", "--json").json))
    wrong = stage.call("sync", "test_answer", "--json")
    assert wrong.code == 2
    assert {"error"} == set(wrong.json)
    assert 'did you mean "test_answers"' in wrong.json["error"]["hint"]


def test_what_could_not_be_scanned_is_told_and_stops_nothing_else(stage: Stage) -> None:
    world = stage.api()
    configure(stage, world)
    world.fault(kind="status", status=403, path="/api/v2/products")
    world.fault(kind="status", status=500, path="/api/v2/tags")

    told = stage.call("sync", "products", "product_notes", "tags", "managers")
    assert told.code == 3
    lines = {line.split()[0]: line for line in told.out.splitlines() if line.strip()}
    assert "failed" in lines["products"]
    assert "403" in lines["products"]
    assert "waits for a complete scan of products" in lines["product_notes"]
    assert "500" in lines["tags"]

    world.no_faults()
    after = stage.call("sync", "products", "product_notes", "tags", "managers", "--json")
    assert after.code == 0
    assert {"complete"} == set(states(after.json).values())


def test_refused_credentials_and_hosts_that_are_down_have_codes_of_their_own(stage: Stage) -> None:
    world = stage.api()
    file = configure(stage, world)
    good = file.read_text()

    file.write_text(good.replace('password = "sandbox"', 'password = "wrong"'))
    refused = stage.call("sync", "products", "tags", "managers")
    assert refused.code == 4
    assert "401" in refused.out
    assert "wrong" not in refused.out + refused.err
    assert {"/api/v2/signin": 1} == paths(world)  # three resources, and one try: five a minute block the account
    status = stage.call("status")
    assert status.code == 0
    assert "401" in status.out

    file.write_text(good.replace(world.url, f"http://127.0.0.1:{_unused_port()}"))
    # As many at a time as there are threads; three that do not reach it are enough to leave the rest.
    down = stage.call("sync", "product*", "tags", "managers", "accounts", "phones", "addresses", "users", "banners")
    assert down.code == 5
    assert "no connection" in down.out
    assert re.search(
        r"backoffice does not answer, or refuses the credentials: \d resources? (is|are) left out", down.out
    )
    assert "0 of 13 resources scanned" in down.out
    as_json = stage.call("sync", "products", "--json")
    assert as_json.code == 5
    assert {"products": "failed"} == states(as_json.json)

    file.write_text(good)
    assert stage.call("sync", "--source", "platform").code == 0


def test_ctrl_c_stops_at_a_page_and_the_next_sync_goes_on_from_there(stage: Stage) -> None:
    world = stage.api("--count", "/api/v2/products=2000")
    configure(stage, world, page_size=20)
    world.fault(kind="delay", seconds=0.1, path="/api/v2/products")
    first = stage.start("sync", "products")
    stage.until(lambda: paths(world).get("/api/v2/products", 0) > 15, "pages are read")
    first.send_signal(signal.SIGINT)
    assert first.wait(PATIENCE_SECONDS) == 130
    assert "Traceback" not in stage.tail()
    assert (
        "stopped: 0 of 1 resource is scanned, 1 half-way; nothing is lost, and the next `mirrorpoint sync` goes on "
        "from there"
    ) in stage.tail()
    read = paths(world)["/api/v2/products"]
    assert read < 90
    world.no_faults()
    with services_of(stage) as services, services.database.read() as session:
        now = services.now()
        # So `run`, if it were up, would go on with it at once.
        assert slots.waiting(session, now=now, woken_before=now) == [("backoffice", "products")]

    second = stage.call("sync", "products", "--json")
    assert second.code == 0
    (scan,) = second.json["scans"]
    assert (2000, "complete") == (scan["rows"], scan["state"])
    # Each page takes a row of the one before along: 106 pages, and what was asked for ahead when it was broken off.
    assert 106 <= paths(world)["/api/v2/products"] < 106 + 20
    with services_of(stage) as services:
        products = services.sources["backoffice"].catalogue.resources["products"]
        assert world.truth(products) == mirrored_world.mirrored(services, products)
        assert {"snapshot": 2000} == kinds(log(services))


def test_ctrl_c_with_json_shows_the_scans_as_they_stand(stage: Stage) -> None:
    world = stage.api("--count", "/api/v2/products=2000")
    configure(stage, world, page_size=20)
    world.fault(kind="delay", seconds=0.1, path="/api/v2/products")
    first = stage.start("sync", "tags", "products", "product_notes", "--json")
    stage.until(lambda: paths(world).get("/api/v2/products", 0) > 15, "pages are read")
    first.send_signal(signal.SIGINT)
    assert first.wait(PATIENCE_SECONDS) == 130

    document, line = sorted(stage.last_lines(2), key=lambda each: not each.startswith("{"))
    assert line.startswith("stopped: 1 of 3 resources are scanned, 1 half-way, 1 not begun; ")
    tags, products = json.loads(document)["scans"]
    assert ("tags", "complete") == (tags["resource"], tags["state"])
    assert ("products", "running", None) == (products["resource"], products["state"], products["ended_at"])
    assert set(products) == SCAN
    assert 0 < products["rows"] < 2000


def test_two_syncs_at_once_do_no_harm(stage: Stage) -> None:
    world = stage.api()
    configure(stage, world)
    names = ("product*", "managers", "tags", "test*")
    both = [stage.start("sync", *names), stage.start("sync", *names)]
    assert [0, 0] == [process.wait(PATIENCE_SECONDS) for process in both]
    with services_of(stage) as services:
        changes = log(services)
        journal.check_versions(changes)
        assert {"snapshot"} == set(kinds(changes))
        for name in ("products", "product_currencies", "managers", "tags", "test_answers"):
            resource = services.sources["backoffice"].catalogue.resources[name]
            assert world.truth(resource) == mirrored_world.mirrored(services, resource)
        assert {1} == set(Counter((change.resource, change.parent_key, change.key) for change in changes).values())


def test_a_sync_waits_for_a_scan_that_somebody_else_makes_or_says_so(stage: Stage) -> None:
    world = stage.api("--count", "/api/v2/products=500")
    file = configure(stage, world, page_size=20)
    file.write_text(file.read_text().replace("concurrency = 8", "concurrency = 2"))
    world.fault(kind="delay", seconds=2, path="/api/v2/products")  # so that it is at it until both others are up
    first = stage.start("sync", "products")
    stage.until(lambda: paths(world).get("/api/v2/products", 0) > 3, "pages are read")

    hasty = stage.call("sync", "products", "--no-wait")
    assert hasty.code == 3
    assert "somebody else is scanning it" in hasty.out
    patient: subprocess.Popen[bytes] = stage.start("sync", "products")
    world.no_faults()
    assert first.wait(PATIENCE_SECONDS) == 0
    assert patient.wait(PATIENCE_SECONDS) == 0
    with services_of(stage) as services:
        assert {"snapshot": 500} == kinds(log(services))


def _unused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
