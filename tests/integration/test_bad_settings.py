"""Whatever is wrong with what a command was given: one or two lines say what, where and what to do; no traceback."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from tests import commands
from tests.commands import Result
from tests.integration import shop as shops
from tests.integration.certificates import made_for
from tests.integration.scripted_server import Reply, ScriptedServer, closed_port, json_reply
from tests.postgres import Server

#: Every command, called so that it is right but for what is wrong below.
COMMANDS = {
    "check": ["check"],
    "sync": ["sync"],
    "approve": ["approve", "1"],
    "deliver": ["deliver"],
    "status": ["status"],
    "resources": ["resources"],
    "show": ["show", "things", "1"],
    "changes": ["changes"],
    "history": ["history", "things", "1"],
    "deliveries": ["deliveries"],
    "deliveries retry": ["deliveries", "retry", "1"],
    "points list": ["points", "list"],
    "points show": ["points", "show", "A"],
    "points add": ["points", "add", "A", "--url", "http://1.1.1.1/"],
    "points edit": ["points", "edit", "A", "--type", "x"],
    "points remove": ["points", "remove", "A", "--yes"],
    "points enable": ["points", "enable", "A"],
    "points lookup": ["points", "lookup", "A"],
    "points test": ["points", "test", "A"],
}
SIGN_IN = """
[source.sign_in]
path = "/signin"
body = { email = "{email}", password = "{password}" }
token = "/token"
"""
ONE_LIST = '[resources.things]\npath = "/things"\n'


class Desk:
    """A folder with a configuration that works, until something in it is changed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.url = "http://127.0.0.1:9"
        self.file = shops.configure(
            folder, database=f"sqlite:///{folder / 'mirror.db'}", url=self.url, catalogue=ONE_LIST
        )

    def change(self, before: str, after: str, *, file: str = "mirrorpoint.toml") -> None:
        text = (self.folder / file).read_text()
        assert before in text
        (self.folder / file).write_text(text.replace(before, after))

    def __call__(self, *arguments: str) -> Result:
        found = commands.run(self._capsys, ["--config", str(self.file), *arguments])
        assert "Traceback" not in found.out + found.err
        return found

    def prepare(self) -> None:
        """A database with all its tables, as a start makes it."""
        assert 0 == self("deliver").code

    def complaint(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, message and hint: nothing else is said."""
        found = self(*arguments)
        lines = found.err.splitlines()
        assert "" == found.out
        assert lines[0].startswith("error: ")
        assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("  hint: ")), found.err
        return found.code, lines[0].removeprefix("error: "), lines[1].removeprefix("  hint: ") if lines[1:] else ""


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


@pytest.mark.parametrize(
    ("before", "after", "message", "hint"),
    [
        ("page_size", "pagesize", "sources.shop.limits.pagesize: this key is not known", 'did you mean "page_size"?'),
        ("page_size = 100", 'page_size = "1"', "page_size: a whole number is expected, not a text", "without quotes"),
        ("page_size = 100", "page_size = true", "page_size: a whole number is expected, not true or false", ""),
        ("[sources.shop]", "[source.shop]", "source: this key is not known", 'did you mean "sources"?'),
        ("[sources.shop]", "[[sources]]", "sources: a table is expected, not a list", ""),
        ('method = "none"', 'method = "nonee"', 'auth: there is no method "nonee"', 'did you mean "none"?'),
        ("url = ", "url ", "is not valid TOML: Expected '=' after a key", "https://toml.io"),
        (
            "limits = {",
            "limits = " + "[" * 3000,
            "is not valid TOML: maximum recursion depth exceeded",
            "https://toml.io",
        ),
        ("127.0.0.1:9", "127.0.0.1:99999", "base_url: is no address: look at its host and its port", ""),
        ("127.0.0.1:9", "127.0.0.1:x", "base_url: is no address: look at its host and its port", ""),
        ("127.0.0.1:9", "[::1", "base_url: is no address: look at its host and its port", ""),
        ("127.0.0.1:9", "a b", "base_url: must not hold spaces", ""),
        ("127.0.0.1:9", "u:secret@h", "base_url: must not hold a user or a password; they belong into secrets", ""),
        ("shop.toml", "shp.toml", "shp.toml: there is no such file", "check `catalogue` of the source"),
        (
            "shop.toml",
            "~nobody-here/s.toml",
            "~nobody-here/s.toml: there is no such file",
            "check `catalogue` of the source",
        ),
        ("shop.toml", "a\\u0000.toml", "no file has such a name", "check `catalogue` of the source"),
        ("shop.toml", "x" * 300, "sources.shop.catalogue: ", "a catalogue of your own is a file that ends in .toml"),
        ('"shop.toml"', '"backofice"', '"backofice": there is no built-in catalogue', 'did you mean "backoffice"?'),
        ("sqlite:///", "mysql://u:secret@h/", "storage.url: must begin with sqlite:/// or postgresql+psycopg://", ""),
        ("sqlite:///", "sqlite:///\\u0000", "storage.url: must not hold control characters", ""),
        ("sqlite:////", "postgresql://u:sec@ret@h/", 'storage.url: has two "@": the one in the user or the passw', ""),
        (
            "[storage]",
            '[broker]\nurl = "redis://h:99999"\n[storage]',
            "broker.url: must name a host, and a database",
            "",
        ),
    ],
)
def test_a_configuration_that_is_wrong_names_the_file_the_field_and_the_cure(
    desk: Desk, before: str, after: str, message: str, hint: str
) -> None:
    desk.change(before, after)
    code, said, cure = desk.complaint("status")
    assert (2, True, True) == (code, message in said, hint in cure), (said, cure)
    assert str(desk.folder) in said
    assert "ret@" not in said + cure


def test_a_configuration_that_cannot_be_read_says_why(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "latin.toml").write_bytes(b'a = "\xe9"')
    said, make_one = {}, "see whether --config, or MIRRORPOINT_CONFIG, names the right file"
    for name in ("folder.toml", "latin.toml", "none.toml", "latin.toml/x.toml", "~nobody-here/x.toml"):
        desk.file = tmp_path / name if name[0] != "~" else Path(name)
        code, message, hint = desk.complaint("status")
        said[name] = (code, message.rpartition(": ")[2], hint)
    assert {
        "folder.toml": (2, "Is a directory", "--config names another file"),
        "latin.toml": (2, "is not UTF-8 text", "save it as UTF-8"),
        "none.toml": (2, "there is no such file", make_one),
        "latin.toml/x.toml": (2, "Not a directory", "--config names another file"),
        "~nobody-here/x.toml": (
            2,
            "there is no such file",
            "see whether --config, or MIRRORPOINT_CONFIG, names the right file",
        ),
    } == said


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (None, "does not exist"),
        (b"", "file:mirrorpoint.key is empty"),
        (b"short", "the seal key is not url-safe base64: a seal key is 32 bytes"),
        (b"c2hvcnQ=", "the seal key has 5 bytes: a seal key is 32 bytes"),
        (b"\xff\xfe", "is not UTF-8 text"),
        ("folder", "cannot be read: Is a directory"),
    ],
)
def test_a_seal_key_that_is_none_is_told_by_what_needs_it_and_stops_nothing_else(
    desk: Desk, written: bytes | str | None, message: str
) -> None:
    desk.prepare()
    key = desk.folder / "mirrorpoint.key"
    key.unlink()
    if isinstance(written, bytes):
        key.write_bytes(written)
    elif written:
        key.mkdir()
    for command in ("sync", "check"):
        found = desk(command)
        assert (2, True) == (found.code, "storage.seal_key: " in found.err and message in found.err), found.err
    assert [0, 0, 0] == [desk(command).code for command in ("status", "changes", "deliveries")]


def test_a_seal_key_that_others_may_read_is_warned_of(desk: Desk, server: ScriptedServer) -> None:
    desk.change(desk.url, server.url)
    (desk.folder / "mirrorpoint.key").chmod(0o644)
    found = desk("check")
    assert (
        f"warning: storage.seal_key: other users of this machine may read {desk.folder}/mirrorpoint.key\n" in found.err
    )
    assert f"  hint: chmod 600 {desk.folder}/mirrorpoint.key\n" in found.err


def test_a_missing_variable_stops_what_needs_it_and_nothing_else(desk: Desk, server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply([{"id": 1}]), json_reply([]))
    server.on("GET", "/other", json_reply([]))
    text = desk.file.read_text()
    desk.file.write_text(
        text.replace('{ method = "none" }', '{ method = "bearer", token = "env:SHOP_TOKEN" }')
        + text[text.index("[sources.shop]") :].replace("sources.shop", "sources.other").replace(desk.url, server.url)
    )
    missing = "sources.shop.auth.token: the environment variable SHOP_TOKEN is not set"

    told = {command: desk.complaint(command) for command in ("sync", "run", "worker", "clock")}
    checked = desk("check")

    for command in ("sync", "run"):
        assert (2, f"{desk.file}: {missing}", "export SHOP_TOKEN=…, or write file:PATH instead") == told[command]
    assert (2, 2) == (told["worker"][0], told["clock"][0])  # `run` is not there; that is told first
    assert (2, True, True) == (checked.code, missing in checked.err, "other: 1 of 1 resources answer" in checked.out)
    assert 0 == desk("sync", "--source", "other").code
    assert [0, 0, 0] == [desk(command).code for command in ("deliver", "status", "changes")]


@pytest.mark.parametrize(
    ("catalogue", "message", "hint"),
    [
        ('[resources.a]\npath = "/a/{parent}"\nparent = "b"', 'resources.a.parent: there is no resource "b"', ""),
        (
            '[resources.a]\npath = "/{parent}"\nparent = "b"\n[resources.b]\npath = "/{parent}"\nparent = "a"',
            "the parents go in a circle: a -> b -> a",
            "leave out the parent of one of them",
        ),
        ('[resources.a]\npath = "/a"\nparrent = "b"', "resources.a.parrent: this key is not known", '"parent"?'),
        ('[resources.a]\npath = "/a"\ncolumns = { b = "txt" }', '"txt" is not one of its values', '"text"?'),
        ("[resources.a", "this is not valid TOML", ""),
        ("", "the catalogue lists no resource", "add a table such as [resources.products]"),
    ],
)
def test_a_catalogue_that_is_wrong_names_the_file_the_place_and_the_cure(
    desk: Desk, catalogue: str, message: str, hint: str
) -> None:
    (desk.folder / "shop.toml").write_text(catalogue)
    code, said, cure = desk.complaint("sync")
    assert (2, True, True) == (code, message in said, hint in cure), (said, cure)
    assert said.startswith(f"{desk.folder}/shop.toml")


def no_folder(desk: Desk) -> None:
    desk.change("mirror.db", "nowhere/mirror.db")


def no_database(desk: Desk) -> None:
    (desk.folder / "mirror.db").write_bytes(b"something else, and rather a lot of it" * 100)


def a_folder(desk: Desk) -> None:
    (desk.folder / "mirror.db").mkdir()


def cut(desk: Desk) -> None:
    desk.prepare()
    whole = (desk.folder / "mirror.db").read_bytes()
    (desk.folder / "mirror.db").write_bytes(whole[: len(whole) // 3])


def after(*statements: str) -> Callable[[Desk], None]:
    def changed(desk: Desk) -> None:
        desk.prepare()
        connection = sqlite3.connect(desk.folder / "mirror.db")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()

    return changed


STALE = "UPDATE mirrorpoint_prepared SET digest = 'another'"


@pytest.mark.parametrize(
    ("spoil", "exit_code", "message", "hint"),
    [
        (no_folder, 5, "/nowhere of storage.url does not exist", "create it, or change the URL"),
        (no_database, 5, "mirror.db: file is not a database", "this is no SQLite file; storage.url names something"),
        (a_folder, 5, "mirror.db is a directory", "write the name of a file into storage.url"),
        (cut, 5, "mirror.db: database disk image is malformed", "restore the file from a backup, or move it away"),
        (
            after("UPDATE mirrorpoint_version SET version_num = '9999'"),
            2,
            "was made by a newer Mirrorpoint (revision 9999, this one knows 0014)",
            "upgrade the program, or give storage.url another database",
        ),
        (
            after("DROP TABLE things", "CREATE TABLE things (id INTEGER)", STALE),
            2,
            "the table things is there already and is not one of Mirrorpoint's: it has no source",
            "give storage.url a database of its own",
        ),
        (
            after("DROP TABLE mirrorpoint_change"),
            5,
            "the database failed: no such table: mirrorpoint_change",
            "see whether somebody has changed its tables",
        ),
    ],
)  # fmt: skip
def test_a_database_that_cannot_be_used_says_why(
    desk: Desk, spoil: Callable[[Desk], None], exit_code: int, message: str, hint: str
) -> None:
    spoil(desk)
    code, said, cure = desk.complaint("changes" if "mirrorpoint_change" in message else "deliver")
    assert (exit_code, True, True) == (code, message in said, hint in cure), (said, cure)


def test_a_postgresql_server_that_is_down_or_lets_nobody_in_says_why_without_the_password(
    desk: Desk, postgres_server: Server
) -> None:
    url = postgres_server.create()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS pauper")
        connection.execute("CREATE ROLE pauper LOGIN")
    sqlite = f"sqlite:///{desk.folder / 'mirror.db'}"
    good = desk.file.read_text()
    said = {}
    with closed_port() as port:
        for name, its_url in {
            "down": f"postgresql://u:hush@127.0.0.1:{port}/db",
            "no host": "postgresql://u:hush@nowhere.invalid/db",
            "no user": text_of(url, username="nobody-here", password="hush"),
            "no database": text_of(url, database="nothing-here"),
            "no rights": text_of(url, username="pauper"),
        }.items():
            desk.file.write_text(good.replace(sqlite, its_url))
            said[name] = desk.complaint("deliver")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE pauper")
    postgres_server.drop(url)

    assert {5} == {code for code, _, _ in said.values()}
    assert "hush" not in str(said)
    for name, words in {
        "down": "Connection refused",
        "no host": "failed to resolve host 'nowhere.invalid'",
        "no user": 'role "nobody-here" does not exist',
        "no database": 'database "nothing-here" does not exist',
        "no rights": "permission denied for schema public",
    }.items():
        assert words in said[name][1], said[name]
    assert "see whether the server runs" in said["down"][2]
    assert "give the user of storage.url the right to create tables" in said["no rights"][2]


def text_of(url: str, **changed: Any) -> str:
    return make_url(url).set(**changed).render_as_string(hide_password=False)


SIGN_IN_ANSWERS: dict[str, tuple[Reply, str, str]] = {
    "refused": (
        json_reply({"message": "Invalid credentials"}, 401),
        'the sign-in answered 401 "Invalid credentials"',
        "Check base_url and the source's auth settings; it is not tried again for 60 s",
    ),
    "second factor": (
        json_reply({"2faRequired": True}),
        "the sign-in asks for a second factor",
        "Use a service user that has no second factor",
    ),
    "redirect": (
        Reply(302, headers={"Location": "https://else.where/?token=hush"}),
        "the sign-in answered 302, a redirect to https://else.where",
        "Check base_url and the source's auth settings",
    ),
    "page": (
        Reply(200, b"<html><title>Welcome</title></html>", {"Content-Type": "text/html"}),
        "the sign-in's answer is of no use: the answer is HTML or XML, not JSON",
        "Check base_url and the source's auth settings",
    ),
    "nothing": (
        Reply(200),
        "the sign-in's answer is of no use: it is empty",
        "Check base_url and the source's auth settings",
    ),
}


@pytest.mark.parametrize("case", SIGN_IN_ANSWERS)
def test_a_source_that_lets_nobody_in_says_why_and_is_asked_once(desk: Desk, server: ScriptedServer, case: str) -> None:
    reply, message, hint = SIGN_IN_ANSWERS[case]
    server.on("POST", "/signin", reply)
    (desk.folder / "shop.toml").write_text(SIGN_IN + ONE_LIST)
    desk.change('"none" }', '"sign-in", email = "m@example.com", password = "hush" }')
    desk.change(desk.url, server.url)

    checked = desk("check", "--json")
    synced = desk("sync", "--json")

    problem = checked.json["problems"][0]
    assert (4, True, True) == (checked.code, message in problem["message"], hint in problem["hint"]), problem
    (scan,) = synced.json["scans"]
    assert (4, "failed", True) == (synced.code, scan["state"], message in scan["reason"])
    assert ["/signin"] == [request.path for request in server.requests]
    assert "hush" not in checked.out + checked.err + synced.out + synced.err


def test_a_source_that_cannot_be_reached_says_why_and_ends_no_other(desk: Desk, server: ScriptedServer) -> None:
    server.on("GET", "/things", json_reply([]))
    source = desk.file.read_text().partition("[sources.shop]")[2]
    tls = made_for("localhost", desk.folder)
    with ScriptedServer(tls=tls.server) as secure, closed_port() as port:
        for name, url in {
            "down": f"http://127.0.0.1:{port}",
            "no-name": "http://nowhere.invalid",
            "certificate": f"https://localhost:{secure.port}",
            "no-https": f"https://127.0.0.1:{server.port}",
            "well": server.url,
        }.items():
            with desk.file.open("a") as file:
                file.write(f"[sources.{name}]{source}".replace(desk.url, url))
        desk.change(f"[sources.shop]{source}", "")
        synced = desk("sync", "--json")
    scans = {scan["source"]: (scan["state"], scan["reason"]) for scan in synced.json["scans"]}
    assert (5, ("complete", None)) == (synced.code, scans.pop("well"))
    for name, words in {
        "down": "no connection (Connection refused). Check base_url, the name and the network.",
        "no-name": "no connection (",
        "certificate": "its certificate does not verify (self-signed certificate). Correct the certificate, or name",
        "no-https": "it does not speak https on this port. Write http:// in base_url, or the port on which",
    }.items():
        assert ("failed", True) == (scans[name][0], words in scans[name][1]), scans[name]


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("SSL_CERT_FILE", "nothing.pem", "the certificates of this machine cannot be read (No such file or directory)"),
        ("ALL_PROXY", "gopher://u:hush@h", "the proxy that the variable ALL_PROXY names cannot be used"),
    ],
)
def test_what_the_environment_says_of_connections_is_told_where_it_is_wrong(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    desk.change("http://", "https://")
    monkeypatch.setenv(variable, value)
    found = desk("check", "--json")
    (problem,) = found.json["problems"]
    assert (5, message, True) == (found.code, problem["message"], variable in problem["message"] + problem["hint"])
    assert "hush" not in found.out + found.err


def test_children_that_wait_for_their_parent_do_not_hide_that_the_source_is_down(desk: Desk) -> None:
    (desk.folder / "shop.toml").write_text(ONE_LIST + '[resources.parts]\npath = "/{parent}/p"\nparent = "things"')
    found = desk("sync", "--json")
    assert (5, ["things"]) == (found.code, [scan["resource"] for scan in found.json["scans"]])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_a_wrong_configuration_and_a_bad_database_in_one_json_document(
    desk: Desk, command: str
) -> None:
    (desk.folder / "mirror.db").write_bytes(b"something else, and rather a lot of it" * 100)
    broken = desk(*COMMANDS[command], "--json")
    if command == "resources":
        assert (0, "things") == (broken.code, broken.json[0]["resource"])
    else:
        assert (5, {"code", "message", "hint"}) == (broken.code, set(broken.json["error"]))
        assert "database" == broken.json["error"]["code"]
    desk.change("page_size", "pagesize")
    wrong = desk(*COMMANDS[command], "--json")
    assert (2, "configuration") == (wrong.code, wrong.json["error"]["code"])
    assert 'did you mean "page_size"?' == wrong.json["error"]["hint"]


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("sync thing", 'there is no resource "thing"', 'did you mean "things"?'),
        ("sync shp:things", 'there is no resource "shp:things"', 'did you mean "things"?'),
        ("sync --source shp", 'there is no source "shp"', 'did you mean "shop"?'),
        ("status --source shp", 'there is no source "shp"', 'did you mean "shop"?'),
        ("resources --source shp", 'there is no source "shp"', 'did you mean "shop"?'),
        ("show thing 1", 'there is no resource "thing"', 'did you mean "things"?'),
        ("show things 1", 'things "1" was never seen in shop', "`mirrorpoint sync things` looks now"),
        ("show things 1 --at noon", '--at "noon" is no time', "write 2026-11-22, 2026-11-22T10:00:00Z, 10:00, today"),
        ("history thing 1", 'there is no resource "thing"', 'did you mean "things"?'),
        ("history things 1", 'things "1" was never seen in shop', "`mirrorpoint sync things` looks now"),
        ("changes --resource thing", 'there is no resource "thing"', 'did you mean "things"?'),
        ("changes --kind create", 'there is no kind "create"', 'did you mean "created"?'),
        ("changes --since 2026-13-01", '--since "2026-13-01" is no time', "write 2026-11-22"),
        ("changes --since 99999999999999999d", "is no time", "write 2026-11-22"),
        ("changes --after 99999999999999999999", "from 0 to 9223372036854775807", ""),
        ("deliveries --point B", 'there is no point "B"', ""),
        ("deliveries --state ded", '--state "ded" is not possible here', 'did you mean "dead"?'),
        ("deliveries retry 7", "there is no delivery 7", "`mirrorpoint deliveries` lists all with their numbers"),
        ("deliveries retry 99999999999999999999", "from 1 to 9223372036854775807", ""),
        ("deliveries retry --from noon", '--from "noon" is no time', "write 2026-11-22"),
        ("deliver --wait 5", '--wait "5" is no length of time', "write 30s, 5m, 6h, 1d or 1w"),
        ("points show B", 'there is no point "B"', "`mirrorpoint points add` makes one"),
        ("points add B --url ftp://h", "--url: only http:// and https:// are possible", "write https://host/path"),
        ("points list --source shop", "shop has no integration points", "add a source with the integration-platform"),
        ("approve 1", 'there is no scan "1"', "nothing is held at the moment"),
        ("worker --queues scn", 'there is no queue "scn"', 'did you mean "scan"?'),
        ("show things \udcff", '"?" is no UTF-8 text', "look at the character set of the terminal"),
    ],
)
def test_a_name_or_a_value_that_is_none_is_answered_with_what_may_be_meant(
    desk: Desk, words: str, message: str, hint: str
) -> None:
    desk.prepare()
    told = desk.complaint(*words.split(" "))
    expected = 3 if "was never seen" in message else 2
    assert (expected, True, True) == (told[0], message in told[1], hint in told[2]), told
    if not words.startswith("worker"):
        error = {"code": "usage" if expected == 2 else "not-found", "message": told[1], "hint": told[2]}
        assert {"error": error} == json.loads(desk(*words.split(" "), "--json").out)


def test_a_configuration_without_sources_has_nothing_to_scan(desk: Desk) -> None:
    desk.file.write_text("")
    desk.prepare()
    assert (2, f"{desk.file}: sources: there is nothing to mirror", "add [sources.NAME]") == desk.complaint("sync")
    assert [0, 0] == [desk("status").code, desk("resources").code]


def test_init_says_what_keeps_it_from_writing(desk: Desk) -> None:
    (desk.folder / "elsewhere").mkdir()
    desk.file = desk.folder / "elsewhere" / ("x" * 300 + ".toml")
    code, message, hint = desk.complaint("init")
    assert (2, "look at the rights of the folder and at the disk") == (code, hint)
    assert message.endswith("xxx.toml cannot be written: File name too long")


def test_a_message_is_one_line_whatever_it_quotes(desk: Desk) -> None:
    code, message, _ = desk.complaint("sync", "a\nb\x1b[31m" + "c" * 5000)
    assert (2, True) == (code, message.startswith('there is no resource "a b [31mccc'))
    assert len(message) <= 1000
