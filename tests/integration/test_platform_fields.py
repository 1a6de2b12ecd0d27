"""`points … --source S`: every field of an integration point that its platform lets anybody write.

The platform is the sandbox's, and ours over both kinds of database: the client sees no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from changes import sealing
from tests.commands import Commands
from tests.integration import points_api
from tests.integration.conftest import Templates
from tests.integration.points_api import PointsApi

CONFIGURATION = """
[sources.platform]
catalogue = "integration-platform"
base_url = "{api}"
auth = {{ method = "basic", username = "mirror", password = "{password}" }}
[delivery]
allow_networks = ["192.0.2.0/24"]
"""
THERE = ("--source", "platform", "--json")
#: The thirteen fields that the platform's documents name and do not forbid to be changed, `code` and `type` apart.
TEXTS = ("recv_svcscriptcode", "recv_svcscriptcode_ws", "send_svcscriptcode", "send_svcscriptcode_ws")


@pytest.fixture
def alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """For what asks no platform."""
    return configured(tmp_path, capsys, api="http://127.0.0.1:9", password="-")


@pytest.fixture(params=points_api.ALL, scope="module")
def server(
    request: pytest.FixtureRequest, templates: Templates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PointsApi]:
    with points_api.opened(request.param, templates, tmp_path_factory.mktemp("points")) as opened:
        yield opened


@pytest.fixture
def commands(server: PointsApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    server.clear()
    server.seed()
    return configured(tmp_path, capsys, api=server.url, password=server.password)


def configured(folder: Path, capsys: pytest.CaptureFixture[str], *, api: str, password: str) -> Commands:
    (folder / "mirrorpoint.toml").write_text(CONFIGURATION.format(api=api, password=password))
    (folder / "mirrorpoint.key").write_text(sealing.new_key())
    return Commands(folder / "mirrorpoint.toml", capsys)


def sets(**fields: str) -> list[str]:
    return [word for name, value in fields.items() for word in ("--set", f"{name}={value}")]


def test_every_writable_field_of_a_point_is_written_with_its_type(commands: Commands) -> None:
    opts = {"title": "Our CRM", "comment": "a note", "allow_files_api": "true", "issync": "yes"}
    written = [*sets(**{name: f"a_{name}" for name in TEXTS}), *sets(**{f"opts.{n}": v for n, v in opts.items()})]
    tokens = ["--token-remote", "t1", "--set", "token_remote2=t2"]
    commands("points", "add", "NEW", "--url", "https://192.0.2.1/a", "--type", "telegram", *THERE)
    edited = commands("points", "edit", "NEW", "--code", "NEWER", *tokens, *written, *THERE)
    found = commands("points", "show", "NEWER", *THERE).json

    assert edited.code == 0
    assert {name: found[name] for name in TEXTS} == {name: f"a_{name}" for name in TEXTS}
    assert found["opts"] == {"title": "Our CRM", "comment": "a note", "allow_files_api": True, "issync": True}
    assert (found["code"], found["type"], found["url"]) == ("NEWER", "telegram", "https://192.0.2.1/a")
    assert found["token_remote"].startswith("sealed:")
    assert found["token_remote2"].startswith("sealed:")
    assert commands("points", "lookup", "NEW", *THERE).code == 3


def test_one_member_of_the_options_is_changed_and_the_others_stay(commands: Commands) -> None:
    commands("points", "add", "NEW", *sets(**{"opts.title": "a", "opts.comment": "kept"}), *THERE)
    found = commands("points", "edit", "NEW", "--set", "opts.title=b", *THERE).json
    assert (found["opts"]["title"], found["opts"]["comment"]) == ("b", "kept")


def test_a_point_that_only_receives_is_made_without_a_url(commands: Commands) -> None:
    added = commands("points", "add", "IN", "--set", "recv_svcscriptcode=hook", *THERE)
    assert (added.code, added.json["url"], added.json["recv_svcscriptcode"]) == (0, "", "hook")
    assert commands("points", "edit", "902", "--url", "", *THERE).json["url"] == ""


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("id=1", "--set id: the platform gives it and forbids changing it"),
        ("token_local=1", "--set token_local: the platform makes it and forbids changing it"),
        ("tokenlocal=1", "--set tokenlocal: the platform makes it and forbids changing it"),
        ("ext.ct=1", "--set ext.ct: the platform writes it itself"),
        ("opts.issync=maybe", "--set opts.issync: must be true or false"),
        ("opts.recv_timeout=soon", "--set opts.recv_timeout: must be a whole number"),
        ("opts.titel=x", '--set: points have no field "opts.titel"'),
        ("urll=x", '--set: points have no field "urll"'),
        ("title", "--set: there is no = in it"),
    ],
)
def test_what_the_platform_does_not_let_anybody_write_is_refused_with_the_reason(
    alone: Commands, written: str, said: str
) -> None:
    found = alone("points", "edit", "902", "--set", written, "--source", "platform")
    assert (found.code, found.err.splitlines()[0]) == (2, f"error: {said}")


def test_how_a_point_is_sent_to_is_nothing_of_the_platform(alone: Commands) -> None:
    found = alone("points", "edit", "902", "--timeout", "5s", "--source", "platform")
    assert (found.code, found.err.splitlines()[0]) == (2, "error: a platform's points have no --timeout")
    assert "without --source" in found.err


def test_the_platform_filters_sorts_cuts_and_masks(commands: Commands) -> None:
    everything = [point["code"] for point in commands("points", "list", *THERE).json]
    public = commands("points", "list", "--filter", "type=public", "--order", "-code", *THERE).json
    codes = [point["code"] for point in public]
    assert codes == sorted(codes, reverse=True)
    assert set(codes) < set(everything)
    cut = commands("points", "list", "--offset", "1", "--limit", "2", *THERE).json
    assert [point["code"] for point in cut] == everything[1:3]
    masked = commands("points", "list", "--mask", "code,token_local,opts.title", "--limit", "1", *THERE).json
    assert set(masked[0]) == {"code", "token_local", "opts.title"}
    assert masked[0]["token_local"].startswith("sealed:")
    refused = commands("points", "list", "--mask", "url", *THERE)
    assert (refused.code, refused.json["error"]["message"]) == (2, '--mask: the platform gives no "url" by itself')


def test_our_own_list_is_filtered_sorted_cut_and_masked_too(alone: Commands) -> None:
    for code, type_ in (("EU1", "public"), ("EU[1]", "telegram"), ("US", "public")):
        alone("points", "add", code, "--url", "https://192.0.2.1/", "--type", type_)
    listed = alone("points", "list", "--filter", "code=EU*", "--order", "-code", "--mask", "code,type", "--json")
    assert listed.json == [{"code": "EU[1]", "type": "telegram"}, {"code": "EU1", "type": "public"}]
    exact = alone("points", "list", "--filter", "code=EU[1]", "--order", "code", "--limit", "1", "--json").json
    assert [point["code"] for point in exact] == ["EU[1]"]
    unknown = alone("points", "list", "--filter", "kode=x")
    assert (unknown.code, 'error: points have no field "kode"' in unknown.err) == (2, True)


def test_a_lookup_without_a_hit_ends_with_3(commands: Commands) -> None:
    for more in (("--source", "platform"), ()):
        found = commands("points", "lookup", "NOBODY", "--json", *more)
        assert (found.code, found.json) == (3, [])
    assert commands("points", "lookup", "902", "--source", "platform").code == 0


def test_a_code_with_brackets_is_used_like_any_other(alone: Commands) -> None:
    alone("points", "add", "EU[1]", "--url", "https://192.0.2.1/")
    assert alone("points", "edit", "EU[1]", "--timeout", "5s").code == 0
    assert alone("points", "show", "EU[1]", "--json").json["options"] == {"timeout_seconds": 5}
    assert alone("points", "remove", "EU[1]", "--yes").code == 0
