"""What is ours alone in the points API: roles, seals, points that stand elsewhere, and what is written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from changes import sealing
from changes.records import Id
from changes.sealing import Vault
from storage import actions, deliveries, outbox, points
from storage.engine import Database
from storage.outbox import Owed
from storage.points import Configured
from tests.integration import points_api
from tests.integration.conftest import Templates
from tests.integration.points_api import PATH, TOKENS, PointsApi

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
VAULT = Vault(b"k" * 32)
POINT = {"code": "MINE", "type": "public", "url": "https://192.0.2.1/"}


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def server(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PointsApi]:
    with points_api.opened(request.param, templates, tmp_path_factory.mktemp("points")) as opened:
        yield opened


@pytest.fixture
def api(server: PointsApi) -> PointsApi:
    server.clear()
    return server


@pytest.fixture
def database(server: PointsApi) -> Database:
    assert server.database is not None
    return server.database


def make(api: PointsApi, **more: Any) -> dict[str, Any]:
    answer = api.ask("POST", json={**POINT, **more})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def said(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert body["error_code"] == 1000 + answer.status_code
    return answer.status_code, body["error_message"]


@pytest.mark.parametrize(
    ("who", "allowed"), [("reader", {"GET", "LOOKUP"}), ("scraper", set[str]()), ("point", set[str]())]
)
def test_reading_needs_the_role_read_and_writing_the_role_operate(api: PointsApi, who: str, allowed: set[str]) -> None:
    made = make(api)
    headers = {"Authorization": f"Bearer {TOKENS.get(who, made['token_local'])}"}
    body = {"POST": {"code": "X", "type": "public"}, "PATCH": {}, "LOOKUP": "MINE"}
    for method, path in (("GET", PATH), ("LOOKUP", PATH), ("POST", PATH), ("PATCH", ""), ("DELETE", ""), ("GET", "")):
        content = json.dumps(body[method]) if method in body else None
        url = api.url + (path or f"{PATH}/{made['id']}")
        answer = httpx.request(method, url, headers=headers, content=content, trust_env=False)
        assert answer.status_code == (200 if method in allowed else 403), (method, answer.text)
        if method not in allowed:
            assert said(answer)[1].startswith(f"{'MINE' if who == 'point' else who} may not do this")


def test_secrets_are_taken_and_never_given_back_but_the_local_token_once(api: PointsApi) -> None:
    secrets = {"token_remote": "hush-1", "token_remote2": "hush-2", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    made = make(api, **secrets)
    path = f"{PATH}/{made['id']}"
    changed = api.ask("PATCH", path, json={"token_remote": "hush-3"})
    later = changed.text + api.ask("GET", path).text + api.ask("GET").text

    told = {name: made[name] for name in secrets}
    assert all(sealing.is_sealed(value) for value in told.values())
    assert changed.json()["token_remote"] not in ("", made["token_remote"])
    assert not any(secret in later for secret in (*secrets.values(), "hush-3", made["token_local"]))
    assert sealing.is_sealed(changed.json()["token_local"])


def test_a_seal_opens_nothing(api: PointsApi) -> None:
    """Everybody who may read sees seals."""
    made = make(api)
    seal = api.ask("GET", f"{PATH}/{made['id']}").json()["token_local"]

    answer = httpx.get(api.url + PATH, headers={"Authorization": f"Bearer {seal}"}, trust_env=False)
    assert answer.status_code == 401
    assert api.ask("LOOKUP", json=seal).status_code == 404
    for name in ("token_local", "token_remote"):
        assert said(api.ask("POST", json={**POINT, "code": "NEW", name: seal}))[1].startswith(
            f"Field '{name}' is a seal"
        )


def test_a_local_token_may_be_brought_along_but_no_two_points_have_the_same(api: PointsApi) -> None:
    token = "brought along 1".replace(" ", "-")
    made = make(api, token_local=token)
    path = f"{PATH}/{made['id']}"
    assert made["token_local"] == token
    assert api.ask("PATCH", path, json=made).status_code == 200  # as it was told, it is the same
    refused = api.ask("POST", json={"code": "OTHER", "type": "public", "token_local": token})
    assert said(refused) == (400, "the point MINE has this token_local")
    short = api.ask("POST", json={"code": "OTHER", "type": "public", "token_local": "short"})
    assert said(short) == (400, "Field 'token_local' is shorter than 12 characters")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"colour": "red"}, "Field 'colour' is unknown"),
        ({"code": ""}, "Field 'code' is required"),
        ({"code": "A*"}, "Field 'code' must have 1 to 200 characters, neither * nor ?, and no space at either end"),
        ({"code": 7}, "Field 'code' must be a text"),
        ({"type": None}, "Field 'type' must be a text"),
        ({"url": "ftp://x"}, "Field 'url' only http:// and https:// are possible"),
        ({"opts": []}, "Field 'opts' must be an object"),
        ({"opts": {"issync": "yes"}}, "Field 'opts.issync' must be true or false"),
        ({"opts": {"recv_timeout": True}}, "Field 'opts.recv_timeout' must be a whole number"),
        ({"opts": {"roles": ["a", 1]}}, "Field 'opts.roles' must be a list of texts"),
        ({"ext": 1}, "Field 'ext' must be an object"),
        ({"token_remote": "a\nb"}, "Field 'token_remote' has characters that no header can carry"),
        ({"secret": "abc"}, "Field 'secret' the signing secret does not"),
        ({"opts": {"x": "\0"}}, "the body has a character U+0000, which cannot be kept"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_name_and_nothing_is_changed(
    api: PointsApi, body: dict[str, Any], message: str
) -> None:
    made = make(api)
    path = f"{PATH}/{made['id']}"
    before = api.ask("GET", path).json()
    for method, where, more in (("PATCH", path, {}), ("POST", PATH, {"code": "NEW", "type": "public"})):
        status, told = said(api.ask(method, where, json={**more, **body}))
        assert (status, told[: len(message)]) == (400, message)
    assert (len(api.points()), api.ask("GET", path).json()) == (1, before)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"code": NaN}', b"[" * 2000])
def test_a_body_that_is_no_json_is_refused(api: PointsApi, content: bytes) -> None:
    made = make(api)
    for method, path in (("POST", PATH), ("LOOKUP", PATH), ("PATCH", f"{PATH}/{made['id']}")):
        assert said(api.ask(method, path, content=content))[0] == 400


def test_nesting_without_end_and_bodies_without_end_are_refused(api: PointsApi) -> None:
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]
    assert said(api.ask("POST", json={**POINT, "opts": {"x": deep}}))[0] == 400
    assert said(api.ask("POST", json={**POINT, "type": "x" * 2_000_000}))[0] == 413


def test_an_address_inside_the_network_is_refused(api: PointsApi) -> None:
    status, message = said(api.ask("POST", json={**POINT, "url": "http://127.0.0.1/"}))
    assert (status, "127.0.0.1 is this machine itself" in message) == (400, True)


def test_members_of_opts_that_nobody_knows_are_kept(api: PointsApi) -> None:
    made = make(api, opts={"roles": ["special01"], "recv_timeout": 5, "newer": {"a": [1]}})
    changed = api.ask("PATCH", f"{PATH}/{made['id']}", json={"opts": {"title": "T"}}).json()
    assert changed["opts"] == {
        "title": "T", "comment": "", "allow_files_api": False, "issync": False,
        "roles": ["special01"], "recv_timeout": 5, "newer": {"a": [1]},
    }  # fmt: skip
    assert [point["code"] for point in api.points(filter='{"opts.recv_timeout": 5}')] == ["MINE"]
    flat = api.ask("GET", f"{PATH}/{made['id']}", params={"flat": "true"}).json()
    assert (flat["opts.title"], flat["opts.newer"]) == ("T", {"a": [1]})


def test_a_list_is_filtered_by_a_token_that_is_kept_sealed(api: PointsApi) -> None:
    make(api, token_remote="hush-1")
    make(api, code="OTHER", token_remote="hush-2")
    assert [point["code"] for point in api.points(filter='{"tokenremote": ["hush-1", "x"]}')] == ["MINE"]


def test_points_of_the_configuration_are_listed_and_changed_in_their_file(api: PointsApi, database: Database) -> None:
    with database.write() as session:
        points.sync_configured(session, [Configured("FILE", "https://192.0.2.1/")], vault=VAULT, now=NOON)
        seen = [(Id("", "1"), {"code": "CRM", "type": "public", "url": "https://192.0.2.1/", "token": ""})]
        points.apply_mirrored(session, "platform", seen=seen, deleted=(), encrypt=VAULT.encrypt, now=NOON)
        mirrored = points.find(session, "CRM")
    (listed,) = api.points()
    assert listed["code"] == "FILE"
    for method in ("PATCH", "DELETE"):
        status, message = said(api.ask(method, f"{PATH}/{listed['id']}", json={"type": "x"}))
        assert (status, "mirrorpoint.toml" in message) == (403, True)
    assert said(api.ask("POST", json={**POINT, "code": "FILE"})) == (400, "there is a point FILE already")
    assert mirrored is not None
    assert api.ask("GET", f"{PATH}/{mirrored.id}").status_code == 404
    assert api.ask("LOOKUP", json="CRM").status_code == 404


def test_each_change_is_written_down_with_the_token_s_name_and_without_values(
    api: PointsApi, database: Database
) -> None:
    made = make(api, token_remote="hush-1", opts={"title": "T"})
    path = f"{PATH}/{made['id']}"
    api.ask("PATCH", path, json={"url": "https://192.0.2.2/", "token_remote2": "hush-2"})
    api.ask("POST", json=POINT)
    api.ask("DELETE", path)
    with database.read() as session:
        rows = actions.read(session)
    assert {(row.who, row.how, row.target) for row in rows} == {("mirror", "rest", "MINE")}
    told = [(row.what, row.arguments) for row in rows if row.of is None]
    assert told == [
        ("points add", {"fields": ["code", "opts.title", "token_remote", "type", "url"]}),
        ("points edit", {"fields": ["token_remote2", "url"]}),
        ("points add", {"fields": ["code", "type", "url"]}),
        ("points remove", {}),
    ]
    outcomes = [row.outcome for row in rows if row.of is not None]
    assert outcomes == ["done", "done", outcomes[2], "done"]
    assert str(outcomes[2]).startswith("failed: there is a point MINE already")


def test_a_point_that_is_renamed_or_loses_its_url_is_owed_nothing_of_before(api: PointsApi, database: Database) -> None:
    path = f"{PATH}/{make(api)['id']}"

    def owe(seq: int, code: str) -> None:
        with database.write() as session:
            outbox.owe(session, [Owed(seq, code, f"r{seq}")], now=NOON)

    def skipped(code: str) -> list[str | None]:
        with database.read() as session:
            return [row.last_error for row in deliveries.read(session, point=code, states=["skipped"])]

    owe(1, "MINE")
    assert api.ask("PATCH", path, json={"code": "NEWER"}).json()["code"] == "NEWER"
    assert skipped("MINE") == ["the point stopped receiving: it is NEWER now"]
    owe(2, "NEWER")
    assert api.ask("PATCH", path, json={"url": ""}).json()["url"] == ""
    assert skipped("NEWER") == ["the point stopped receiving: it has no url any more"]
    with database.read() as session:
        assert points.receiving(session) == ({"NEWER": "public"}, frozenset({"NEWER"}))
        assert points.targets(session) == {}


def test_a_database_that_is_not_there_is_told_in_the_api_s_form(tmp_path: Path) -> None:
    with points_api.ours(f"sqlite:///{tmp_path / 'nowhere.db'}", tmp_path) as api:
        assert said(api.ask("GET"))[0] == 503
