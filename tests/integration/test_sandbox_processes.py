"""The sandbox as processes: one line that says where, then service, then a clean end."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from tests import waiting

ROOT = Path(__file__).parents[2]


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline())
        assert (arguments[0], process.pid) == (told["name"], told["pid"])
        yield process, told["url"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def ended(*arguments: str) -> tuple[int, str, str]:
    """Exit code and what was written, of a sandbox that ends by itself."""
    command = [sys.executable, "-m", "sandbox", *arguments]
    end = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    return end.returncode, end.stdout, end.stderr


def test_the_apis_serve_with_the_options_of_the_command_line() -> None:
    arguments = ("--email", "a@example.com", "--password", "secret", "--count", "/api/v2/tags=77", "--max-limit", "50")
    with started("api", *arguments) as (_, url), httpx.Client(base_url=url, trust_env=False) as client:
        assert 401 == client.get("/api/v2/tags").status_code
        answer = client.post("/api/v2/signin", json={"email": "a@example.com", "password": "secret"})
        token = answer.json()["accessToken"]["token"]
        tags = client.get("/api/v2/tags?limit=100", headers={"Authorization": f"Bearer {token}"}).json()

    assert (77, 50) == (tags["total"], len(tags["data"]))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("api --port 99999", '--port: "99999" is no port; give a number up to 65535, or none, which takes a free one'),
        ("receiver --port -1", '--port: "-1" is no port; give a number up to 65535, or none, which takes a free one'),
        (
            "api --host nowhere.invalid",
            (
                "--host nowhere.invalid: this machine has no such address;"
                " give one that it has, or none, which is 127.0.0.1"
            ),
        ),
        (
            "api --count /api/v2/products",
            (
                '--count: "/api/v2/products" is no PATH=N with a whole number from 0 on;'
                " write it like /api/v2/products=1000"
            ),
        ),
        (
            "api --count /api/v2/products=-4",
            (
                '--count: "/api/v2/products=-4" is no PATH=N with a whole number from 0 on;'
                " write it like /api/v2/products=1000"
            ),
        ),
        (
            "api --count /api/v2/product=4",
            (
                "--count: there is no list /api/v2/product; did you mean /api/v2/products?"
                " GET /_sandbox/endpoints names all of them"
            ),
        ),
        ("api --scale 0", '--scale: "0" is no whole number from 1 on; give 1 or more'),
        ("api --token-seconds -1", '--token-seconds: "-1" is no time; give seconds, more than 0'),
        ("receiver --secret xx", "--secret: it is no secret; write whsec_ and the key in base64"),
        ("story --url nowhere", '--url: "nowhere" is no URL; write it like http://127.0.0.1:8088'),
        ("api --nothing", "unrecognized arguments: --nothing"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_sentence(arguments: str, sentence: str) -> None:
    assert (2, "", f"error: {sentence}\n") == ended(*arguments.split())


@pytest.mark.parametrize("command", ["api", "receiver", "story"])
def test_help_names_the_command_as_it_is_called_and_explains_each_option(command: str) -> None:
    code, out, _ = ended(command, "--help")
    assert (code, out.startswith(f"usage: mirrorpoint sandbox {command} ")) == (0, True)
    unexplained = re.findall(r"^  (--\S+)(?: \S+)?\n(?!  {20})", out, re.MULTILINE)
    assert unexplained == []


def test_a_port_that_is_taken_is_refused_in_one_sentence() -> None:
    with started("receiver") as (_, url):
        port = url.rpartition(":")[2]
        sentence = f"--port {port}: something else listens on it; give another port, or none, which takes a free one"

        assert (2, "", f"error: {sentence}\n") == ended("api", "--port", port)


def test_a_story_that_nobody_plays_in_says_so() -> None:
    with started("receiver") as (_, url):
        sentence = f"--url {url}: no sandbox answers there; start one with `mirrorpoint sandbox api` and give its url"

        assert (2, "", f"error: {sentence}\n") == ended("story", "--url", url)


@pytest.mark.parametrize("kind", ["api", "receiver"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_ends_cleanly_when_it_is_told_to(kind: str, number: signal.Signals, code: int) -> None:
    with started(kind) as (process, url):
        assert 404 == httpx.get(f"{url}/_sandbox/nothing", trust_env=False).status_code
        process.send_signal(number)

        assert code == process.wait(10)


def test_ctrl_c_ends_the_command_like_all_others() -> None:
    command = [sys.executable, "-m", "worker", "sandbox", "receiver"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)

    assert (130, "") == (process.returncode, said)


def test_it_ends_although_somebody_waits_for_an_answer() -> None:
    with started("api") as (process, url), httpx.Client(base_url=url, trust_env=False) as client:
        client.post("/_sandbox/faults", json={"kind": "slow_body", "seconds": 60})
        with client.stream("GET", "/api/v2/products"):
            process.terminate()

            assert 0 == process.wait(10)


def test_the_receiver_prints_a_line_for_each_event() -> None:
    with started("receiver", "--show") as (process, url):
        httpx.post(f"{url}/hook", json={"type": "products.updated", "subject": "products/1"}, trust_env=False)
        assert process.stdout is not None

        assert "products.updated  products/1" in process.stdout.readline()


def test_the_line_of_an_event_says_whether_it_was_signed_and_whether_that_was_checked() -> None:
    secret = "whsec_" + base64.b64encode(b"a secret of the receiver").decode()
    event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "subject": "s"}
    body, now = json.dumps(event), datetime.now(UTC)
    plain = {"content-type": "application/cloudevents+json"}
    stamps = {"webhook-id": "1", "webhook-timestamp": str(int(now.timestamp()))}
    signed = {**plain, **stamps, "webhook-signature": Webhook(secret).sign("1", now, body)}

    def verdict(*options: str, headers: dict[str, str]) -> str:
        with started("receiver", "--show", *options) as (process, url):
            httpx.post(f"{url}/hook", content=body, headers=headers, trust_env=False)
            assert process.stdout is not None
            return process.stdout.readline().strip().rpartition("  ")[2]

    assert "unsigned" == verdict(headers=plain)
    assert "signature not checked: start with --secret" == verdict(headers=signed)
    assert "signature valid" == verdict("--secret", secret, headers=signed)
    assert verdict("--secret", secret, headers=plain).startswith("signature: ")


def test_the_story_is_played_to_its_end() -> None:
    with started("api") as (_, url):
        command = [sys.executable, "-m", "worker", "sandbox", "story", "--url", url, "--pause", "0"]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
        sentences = httpx.get(f"{url}/_sandbox/story", trust_env=False).json()

    assert (0, "") == (told.returncode, told.stderr)
    assert sentences == [line.split("  ", 1)[1] for line in told.stdout.splitlines()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child that its parent has died")
def test_it_ends_with_its_parent_when_that_was_asked_for(tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = (
        "import subprocess, sys, time\n"
        f"out = open({str(told)!r}, 'w')\n"
        "subprocess.Popen([sys.executable, '-m', 'sandbox', 'receiver', '--die-with-parent'], stdout=out)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    try:
        waiting.until(lambda: told.exists() and told.read_text().endswith("\n"), what="the receiver's first line")
        pid = json.loads(told.read_text())["pid"]
    finally:
        parent.kill()
        parent.wait()

    waiting.until(lambda: not waiting.is_alive(pid), seconds=10, what="the end of the receiver")
