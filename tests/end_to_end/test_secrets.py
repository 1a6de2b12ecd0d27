"""Secrets are planted wherever there may be some; then every byte that Mirrorpoint has written is searched for them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from changes import sealing
from tests import commands, postgres, waiting
from tests.commands import Result
from tests.end_to_end.planted import Echo, Planted, repeated
from tests.end_to_end.stage import Stage, environment
from tests.integration.scripted_server import Reply, Request, ScriptedServer, closed_port

CONFIGURATION = """
[storage]
url = "{database}"

[sources.backoffice]
catalogue = "backoffice"
base_url = "{api}"
auth = {{ method = "sign-in", email = "mirror@example.com", password = "file:../secrets/password" }}
limits = {{ requests_per_second = 1000 }}
schedule = {{ "*" = "off", connections = "1s" }}

[sources.platform]
catalogue = "integration-platform"
base_url = "{api}"
auth = {{ method = "basic", username = "mirror", password = "env:PLATFORM_PASSWORD" }}
limits = {{ requests_per_second = 1000 }}
schedule = {{ "*" = "off" }}

[sources.bearer]
catalogue = "other.toml"
base_url = "{api}"
auth = {{ method = "bearer", token = "env:BEARER_TOKEN" }}
schedule = {{ "*" = "1h" }}

[sources.header]
catalogue = "other.toml"
base_url = "{api}"
auth = {{ method = "header", name = "X-Key", value = "env:HEADER_VALUE" }}
schedule = {{ "*" = "1h" }}

[[points]]
code = "GOOD"
url = "{receiver}/good"
token_remote = "env:GOOD_TOKEN"
secret = "env:GOOD_SECRET env:GOOD_FORMER_SECRET"

[[points]]
code = "BAD"
url = "{receiver}/bad"
token_remote = "file:../secrets/bad_token"
secret = "env:BAD_SECRET"

[[routes]]
points = ["GOOD", "BAD", "ADDED", "{mirrored}"]
kinds = ["snapshot", "created", "updated", "deleted", "restored"]

[delivery]
secret = "env:SHARED_SECRET"
retries = ["1s"]
allow_networks = ["127.0.0.0/8"]
"""
OTHER = '[resources.things]\npath = "/api/v2/things"\n'
#: Where the planted secrets are; all that go with them.
LISTS = ("connections", "connection_provider*", "sms_provider*", "integration_points")
POINTS = "/rest/v1/service/integration_points"
OF_CONNECTIONS = "/api/v2/connections/providers/{}/settings"
OF_SMS = "/api/v2/confirmations/providers/types/{}/settings"


class Place:
    """A configuration with secrets in it, the world that it mirrors, and all that was said."""

    def __init__(self, stage: Stage, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.stage, self.planted, self.said = stage, Planted(), b""
        self._capsys, self._patch = capsys, patch
        self._stack = ExitStack()
        self.world = stage.api("--password", self.planted["password"])
        self.echo = self._stack.enter_context(Echo(self.world.url, self.planted).serving())
        self.receiver = self._stack.enter_context(ScriptedServer())
        self.receiver.on("POST", "/good", Reply(204))
        self.receiver.on("POST", "/bad", _repeat)
        for path in ("/hooks/mirrored", "/hooks/added"):
            self.receiver.on("POST", path, Reply(204))

    def close(self) -> None:
        self._stack.close()

    def start(self, *words: str, **values: str) -> None:
        """A process with these settings beside those of the file; ended with the place."""
        with (self.home / "log").open("ab") as log:
            command = [sys.executable, "-m", "worker", "--debug", *words]
            environ = {**environment(), **values}
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.home, env=environ)
        self._stack.callback(process.wait, 60)
        self._stack.callback(process.terminate)

    @property
    def home(self) -> Path:
        """All that is written goes here."""
        return self.stage.folder

    def configure(self, database: str) -> None:
        planted = self.planted
        mirrored = self.world.ask("rows", path=POINTS)["rows"][0]["document"]["code"]
        names = {"database": database, "api": self.echo.url, "receiver": self.receiver.url, "mirrored": mirrored}
        text = CONFIGURATION.format(**names)
        (self.home / "mirrorpoint.toml").write_text(text)
        (self.home / "other.toml").write_text(OTHER)
        key = sealing.new_key()
        planted.keep("seal key", key)
        (self.home / "mirrorpoint.key").write_text(key)
        elsewhere = self.home.parent / "secrets"
        elsewhere.mkdir()
        (elsewhere / "password").write_text(planted["password"])
        (elsewhere / "bad_token").write_text(planted["badtoken"])
        for name in ("PLATFORM_PASSWORD", "BEARER_TOKEN", "HEADER_VALUE", "GOOD_TOKEN"):
            self._patch.setenv(name, planted[name.replace("_", "").lower()])
        for name in ("GOOD_SECRET", "GOOD_FORMER_SECRET", "BAD_SECRET", "SHARED_SECRET"):
            self._patch.setenv(name, planted.signing(name))
        self.world.tell("options", {"platform_password": planted["platformpassword"]})

    def plant_records(self, mark: str) -> None:
        """Secrets in every place of a record that may hold one, some in an unexpected dress."""
        planted, change = self.planted, self.world.change
        for path, name in (("/api/v2/connections", "providerOptions"), ("/api/v2/confirmations/providers", "options")):
            for dress in ("members", "list", "text"):
                secret = planted[f"{mark}{name}{dress}"]
                options = {"members": {"key": secret, "in": {"deep": [secret]}}, "list": [secret], "text": secret}
                change(path, "create", document={"caption": mark, name: options[dress]})
            keys = [row["key"] for row in self.world.ask("rows", path=path)["rows"]]
            change(path, "update", key=keys[0], document={name: {"apiKey": planted[f"{mark}{name}changed"]}})
        for path, name, member in ((OF_CONNECTIONS, "api_key", "values"), (OF_SMS, "api_secret", "value")):
            row = self.world.ask("rows", path=path)["rows"][0]
            document = {name: {**row["document"][name], member: planted[f"{mark}{name}"]}}
            change(path.replace("{}", row["parent_keys"][0]), "update", key=row["key"], document=document)
        row = self.world.ask("rows", path=POINTS)["rows"][0]
        tokens = {name: planted[f"{mark}{name}"] for name in ("token_local", "token_remote", "token_remote2")}
        document = {**tokens, "url": f"{self.receiver.url}/hooks/mirrored"}
        change(POINTS, "update", key=row["key"], document=document)

    def __call__(self, *words: str, codes: tuple[int, ...] = (0,)) -> Result:
        """A command, in this process; twice where it has a form for programs."""
        result = commands.run(self._capsys, ["--config", str(self.home / "mirrorpoint.toml"), "--debug", *words])
        self.said += f"{result.out}\n{result.err}\n".encode()
        assert result.code in codes, f"{words}: {result}"
        return result

    def both(self, *words: str, codes: tuple[int, ...] = (0,)) -> None:
        self(*words, codes=codes)
        self(*words, "--json", codes=codes)

    def assert_nothing_shows(self) -> None:
        shows = self.planted.found_in(self.said)
        assert [line.decode() for line in self.said.splitlines() if shows and self.planted.found_in(line)] == []
        assert self.planted.found_below(self.home, but=["mirrorpoint.key"]) == {}


def _repeat(request: Request) -> Reply:
    kind, body = repeated(len(request.body), request.method, request.target, request.headers, request.body)
    return Reply(500, body, {"Content-Type": kind, "X-Was": request.headers.get("authorization", "")})


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    home = tmp_path / "home"
    home.mkdir()
    for name in os.environ:
        if name.startswith("MIRRORPOINT_"):
            monkeypatch.delenv(name)
    with Stage(home) as stage:
        made = Place(stage, capsys, monkeypatch)
        yield made
        made.close()


def test_no_secret_is_in_anything_that_is_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.configure("sqlite:///mirror.db")
    place.plant_records("first")
    place.both("check", codes=(3, 4, 5))
    place("sync", *LISTS)
    place.plant_records("second")
    _change_points(place)
    place("sync", *LISTS, "--json")
    _look_at_everything(place)
    _break_sources(place, monkeypatch)
    _break_inside(place, monkeypatch)
    place.assert_nothing_shows()
    _run(place)
    _check_received(place)
    place.assert_nothing_shows()


def _change_points(place: Place) -> None:
    """Secrets on the command line, given rightly and wrongly."""
    planted, url = place.planted, f"{place.receiver.url}/hooks/added"
    given = ("--token-remote", planted["addedtoken"], "--secret", planted.signing("added secret"))
    place("points", "add", "ADDED", "--url", url, *given, "--json")
    place("points", "edit", "ADDED", "--token-remote", planted["editedtoken"])
    place("points", "edit", "ADDED", "--secret", planted["nosecret"], codes=(2,))
    place("points", "edit", "ADDED", "--secret", f"whsec_{planted['tooshort']}!", codes=(2,))
    place("points", "edit", "ADDED", "--url", f"https://me:{planted['inurl']}@example.com/", codes=(2,))
    there = ("--source", "platform")
    place("points", "add", "THERE", "--url", url, "--token-remote", planted["theretoken"], *there, "--json")
    place("points", "edit", "THERE", "--token-remote", planted["theretoken2"], *there)
    place("points", "lookup", planted["firsttoken_local"], *there, codes=(0, 3))
    place("points", "lookup", planted["nobodystoken"], *there, codes=(0, 3))
    place.both("points", "list", *there)
    place.both("points", "show", "THERE", *there)


def _look_at_everything(place: Place) -> None:
    place("deliver", codes=(0, 3))
    place("deliver", "--wait", "2s", "--json", codes=(0, 3))
    for code, expected in (("GOOD", 0), ("BAD", 3), ("ADDED", 0)):
        place.both("points", "test", code, codes=(expected,))
    place.both("points", "list")
    place.both("points", "show", "GOOD")
    place.both("status")
    place.both("deliveries")
    changes = place("changes", "--json").lines
    place("changes")
    for change in changes:
        assert "sealed:" in json.dumps(change) or change["resource"] not in ("connections", "sms_providers")
    assert {"connections", "sms_providers", "connection_provider_settings", "integration_points"} <= {
        change["resource"] for change in changes if change["kind"] == "updated"
    }
    for resource in ("connections", "sms_providers", "connection_provider_settings", "integration_points"):
        change = next(each for each in changes if (each["resource"], each["kind"]) == (resource, "updated"))
        words = (resource, change["key"], *(("--parent", change["parent_key"]) if change["parent_key"] else ()))
        place.both("show", *words)
        place("history", *words)
        place("history", *words, "--json")


def _break_sources(place: Place, patch: pytest.MonkeyPatch) -> None:
    """Wrong passwords, no TLS, and servers that say everything they were sent in their errors."""
    auth, planted = "MIRRORPOINT_SOURCES__BACKOFFICE__AUTH", place.planted
    for status in (500, 403):
        with place.echo.repeating(status):
            place("sync", "connections", codes=(3, 5))
    for number, status in enumerate((400, 403, 422)):
        with place.echo.repeating(status), patch.context() as other:
            other.setenv(f"{auth}__EMAIL", f"other{number}@example.com")  # another account: it signs in anew
            place("sync", "connections", codes=(3, 4, 5))
            place("check", "--json", codes=(3, 4, 5))
    with patch.context() as other:
        other.setenv(f"{auth}__EMAIL", "another@example.com")
        other.setenv(f"{auth}__PASSWORD", planted["wrongpassword"])
        place("sync", "connections", codes=(4,))
    with patch.context() as other:
        other.setenv("MIRRORPOINT_SOURCES__BACKOFFICE__BASE_URL", place.echo.url.replace("http:", "https:"))
        place("sync", "connections", codes=(5,))
    for status in (401, 403, 422):
        with place.echo.repeating(status):
            for source in ("bearer", "header", "platform"):
                place("sync", "--source", source, "--all", codes=(3, 4, 5))
            place("points", "lookup", planted["secondtoken_local"], "--source", "platform", codes=(2, 4))
            words = ("points", "add", "NO", "--url", "https://example.invalid/", "--source", "platform")
            place(*words, "--token-remote", planted["unwanted"], codes=(2, 4))


def _break_inside(place: Place, patch: pytest.MonkeyPatch) -> None:
    """Defects of our own, which end in tracebacks."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    place.plant_records("third")
    for name in ("changes.diff.compare", "storage.points.apply_mirrored", "storage.mirror.put"):
        with patch.context() as inside:
            inside.setattr(name, broken)
            place("sync", "integration_points", "connections", codes=(0, 1, 3))
    assert b"Traceback" in place.said
    with patch.context() as inside:
        inside.setattr("webhooks.request.head", broken)
        place("deliveries", "retry", "--state", "dead", "--all")
        place("deliver", codes=(0, 3))
    written = (place.home / "mirrorpoint.toml").read_text()
    for text in (
        written.replace('"env:BEARER_TOKEN"', f'"{place.planted["unclosed"]}'),
        written.replace('"env:BEARER_TOKEN"', f'["{place.planted["inalist"]}"]'),
        written.replace('"env:BEARER_TOKEN"', f'"env:{place.planted["misplaced"]}="'),
        written.replace("sqlite:///", f"mysql://me:{place.planted['database']}@"),
    ):
        (place.home / "mirrorpoint.toml").write_text(text)
        place("sync", "--source", "bearer", codes=(2,))
    (place.home / "mirrorpoint.toml").write_text(written)


def _run(place: Place) -> None:
    """The daemon with its broker; its files are looked at while it writes them, and afterwards."""
    place("sync", "connections")
    place("deliveries", "retry", "--point", "BAD")
    run = place.stage.start("--debug", "run")
    before = len(place.receiver.asked("POST", "/good"))
    place.stage.until(lambda: place.stage.said("ready"), "the worker is ready")
    place.plant_records("fourth")
    place.stage.until(lambda: len(place.receiver.asked("POST", "/good")) > before, "an event arrives")
    waiting.until(lambda: any(place.home.rglob("*.aof")), what="the broker's file")
    place.assert_nothing_shows()
    run.terminate()
    assert run.wait(60) == 0


def _check_received(place: Place) -> None:
    """No event has a secret; a header has one where it is the receiver's own."""
    own = {"/good": {"goodtoken"}, "/bad": {"badtoken"}, "/hooks/added": {"addedtoken", "editedtoken"}}
    seen = set()
    for request in place.receiver.requests:
        assert place.planted.found_in(request.body) == set()
        found = place.planted.found_in(json.dumps(dict(request.headers)).encode())
        mirrored = {f"{mark}token_remote" for mark in ("first", "second", "third", "fourth")}
        assert found <= own.get(request.path, mirrored), request.path
        seen.add((request.path, bool(found)))
    assert {(path, True) for path in (*own, "/hooks/mirrored")} <= seen


def test_no_password_of_a_database_or_a_broker_is_in_anything_that_is_written(
    place: Place, postgres_server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing in the rows of PostgreSQL."""
    url = make_url(postgres_server.create())
    role = f"mirrorpoint_{os.getpid()}"
    place.configure("sqlite:///unused.db")
    place.plant_records("first")
    with psycopg.connect(_text(url), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{place.planted['databasepassword']}'")
    ours = url.set(drivername="postgresql+psycopg", username=role, password=place.planted["databasepassword"])
    try:
        monkeypatch.setenv("MIRRORPOINT_STORAGE__URL", _text(ours))
        place("sync", *LISTS)
        place("deliver", codes=(0, 3))
        place.both("status")
        place.both("check", codes=(3, 4, 5))
        with closed_port() as port:
            away = ours.set(host="127.0.0.1", port=port, query={})
            for broken in (_text(away), _text(away).replace("127.0.0.1", "[::1"), _text(ours.set(database="nowhere"))):
                monkeypatch.setenv("MIRRORPOINT_STORAGE__URL", broken)
                place("status", codes=(2, 5))
            broker = f"redis://me:{place.planted['brokerpassword']}@127.0.0.1:{port}/0"
            place.start("worker", MIRRORPOINT_BROKER__URL=broker, MIRRORPOINT_STORAGE__URL=_text(ours))
            place.stage.until(lambda: str(port) in place.stage.tail(200), "the broker is told to be away")
        assert place.planted.found_in(_dumped(_text(url))) == set()
        place.assert_nothing_shows()
    finally:
        place.close()
        postgres_server.drop(_text(url))


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def _dumped(url: str) -> bytes:
    """Every row of every table."""
    found = b""
    with psycopg.connect(url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in names:
            with connection.cursor().copy(f'COPY "{name}" TO STDOUT') as rows:
                found += b"".join(bytes(row) for row in rows)
    assert b"sealed:" in found
    return found


@pytest.mark.parametrize("disguise", ["{}", "url?token={}&more", '{{"x": "{}"}}', "Basic base64", "hex"])
def test_what_is_planted_would_be_found(disguise: str, tmp_path: Path) -> None:
    planted = Planted()
    text, key = planted["one"], planted.signing("two").removeprefix("whsec_")
    ways = {"Basic base64": base64.b64encode(f"mirror:{text}".encode()).decode(), "hex": text.encode().hex()}
    (tmp_path / "file").write_bytes(b"\0" + ways.get(disguise, disguise.format(text)).encode() + b"\xff")
    assert planted.found_below(tmp_path) == {str(tmp_path / "file"): {"one"}}
    assert planted.found_in(base64.b64decode(key)) == {"two"}
    assert planted.found_in(b"sealed:0123") == set()
