"""Who is let in, and from where: each rule of the page's door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from storage import actions
from tests.integration import web_server
from tests.integration.web_server import METRICS, OPS, READER, Served
from tests.shop import NOON, Shop, open_shop
from web import app, sessions
from web.access import Caller, Role, Token
from worker.problems import SettingsError
from worker.settings import load

HTML = {"Accept": "text/html"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = open_shop(tmp_path)
    made.scan("things", state="complete")
    return made


@pytest.fixture
def config(shop: Shop, tmp_path: Path) -> Path:
    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text() + web_server.TOKENS)
    return file


@pytest.fixture
def served(config: Path) -> Iterator[Served]:
    with web_server.serving(config) as found:
        yield found


@pytest.fixture
def opened(shop: Shop, tmp_path: Path) -> Iterator[Served]:
    """On loopback, without tokens."""
    with web_server.serving(tmp_path / "mirrorpoint.toml") as found:
        yield found


def sign_in(client: httpx.Client, token: str = OPS) -> None:
    client.post("/login", data={"token": token}, headers={"Sec-Fetch-Site": "same-origin"}).raise_for_status()


def every_route() -> list[Route]:
    return [route for route in app.routes() if isinstance(route, Route)]


@pytest.mark.parametrize("route", every_route(), ids=lambda route: f"{min(route.methods)} {route.path}")
def test_every_route_says_which_role_it_needs(route: Route) -> None:
    assert hasattr(route.endpoint, "needs")
    assert route.endpoint.needs is not None or route.path in {"/login", "/logout"}


def test_nothing_but_the_form_and_its_style_is_answered_without_a_token(served: Served) -> None:
    with served.client() as client:
        refused = {
            path: client.get(path).status_code
            for path in ("/", "/changes", "/points", "/feed", "/metrics", "/health", "/health/live", "/nothing")
        }
        assert set(refused.values()) == {401}
        assert client.get("/login").status_code == 200
        assert client.get("/static/style.css").status_code == 200


def test_a_person_without_a_cookie_is_led_to_the_form_and_back(served: Served) -> None:
    with served.client(headers=HTML) as client:
        led = client.get("/changes?kind=updated")
        assert (led.status_code, led.headers["location"]) == (303, "/login?next=/changes%3Fkind%3Dupdated")
        page = client.post(
            "/login",
            data={"token": READER, "next": "/changes?kind=updated"},
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        assert 'url=/changes?kind=updated"' in page.text
        assert client.get("/changes").status_code == 200


@pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"])
def test_the_form_leads_to_no_other_place(served: Served, elsewhere: str) -> None:
    with served.client() as client:
        page = client.post(
            "/login", data={"token": READER, "next": elsewhere}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert "evil" not in page.text
        assert "javascript" not in page.text


def test_the_cookie_is_for_our_pages_alone(served: Served) -> None:
    with served.client() as client:
        answer = client.post("/login", data={"token": OPS}, headers={"Sec-Fetch-Site": "same-origin"})
    words = {word.strip().lower() for word in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= words


def test_the_cookie_is_sent_over_https_alone_behind_a_proxy(shop: Shop, config: Path) -> None:
    config.write_text(
        config.read_text() + '\n[serve]\npublic_url = "https://m.example.com"\ntrusted_proxies = ["127.0.0.0/8"]\n'
    )
    with web_server.serving(config) as served, served.client() as client:
        answer = client.post(
            "/login",
            data={"token": OPS},
            headers={
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "m.example.com",
                "Sec-Fetch-Site": "same-origin",
            },
        )
        assert "; secure" in answer.headers["set-cookie"].lower()


def test_a_cookie_ends_after_twelve_hours_and_with_its_token() -> None:
    token = Token("ops", OPS, Role.OPERATE)
    made = sessions.Sessions(b"k" * 32, [token])
    value = made.make(Caller(token.name, token.role), now=NOON)
    assert made.read(value, now=NOON + timedelta(hours=11, minutes=59)) is not None
    assert made.read(value, now=NOON + timedelta(hours=12)) is None
    for others in ([], [Token("ops", "another-token-1", Role.OPERATE)], [Token("ops", OPS, Role.READ)]):
        assert sessions.Sessions(b"k" * 32, others).read(value, now=NOON) is None
    assert sessions.Sessions(b"x" * 32, [token]).read(value, now=NOON) is None


@pytest.mark.parametrize("value", ["", ".", "a.b", "é.é", "AAAA.AAAA.AAAA", "." * 500])
def test_a_cookie_that_is_none_is_nobodys(value: str) -> None:
    assert sessions.Sessions(b"k" * 32, [Token("ops", OPS, Role.OPERATE)]).read(value, now=NOON) is None


def test_roles_include_each_other(served: Served) -> None:
    with served.client(READER) as reader, served.client(OPS) as ops, served.client(METRICS) as metrics:
        assert reader.get("/changes").status_code == 200
        assert ops.get("/changes").status_code == 200
        assert metrics.get("/changes").status_code == 403
        assert reader.post("/actions/pause/NONE").status_code == 403
        refused = reader.post("/actions/pause/NONE").json()
        assert "operate" in refused["detail"]
        assert ops.post("/actions/pause/NONE").status_code == 400  # let in: there is no such point


def test_basic_takes_the_tokens_name_and_the_token(served: Served) -> None:
    with served.client() as client:
        assert client.get("/changes", auth=("reader", READER)).status_code == 200
        assert client.get("/changes", auth=("", READER)).status_code == 200
        assert client.get("/changes", auth=("ops", READER)).status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer wrong", "Basic ???", "Basic bm9jb2xvbg==", "Digest x", ""])
def test_what_is_no_token_is_refused_with_what_to_send(served: Served, header: str) -> None:
    with served.client(headers={"Authorization": header}) as client:
        answer = client.get("/changes")
        assert answer.status_code == 401
        assert "Bearer" in answer.headers["www-authenticate"]
        assert answer.headers["content-type"] == "application/problem+json"


def test_after_ten_wrong_tokens_an_address_waits_and_a_right_one_too(served: Served) -> None:
    with served.client() as client:
        for _ in range(10):
            assert client.get("/changes", headers={"Authorization": "Bearer wrong"}).status_code == 401
        waiting = client.get("/changes", headers={"Authorization": f"Bearer {OPS}"})
        assert waiting.status_code == 429
        assert 1 <= int(waiting.headers["retry-after"]) <= 60
        form = client.post("/login", data={"token": OPS}, headers={"Sec-Fetch-Site": "same-origin"})
        assert form.status_code == 429


def test_another_host_is_refused_before_anything_else(served: Served, opened: Served) -> None:
    for each in (served, opened):
        with each.client(OPS, headers={"Host": "rebound.example.com"}) as client:
            for path in ("/", "/metrics", "/health/live", "/feed", "/login", "/static/style.css"):
                assert client.get(path).status_code == 421, path


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1:8480", "[::1]:8480", "LOCALHOST", "localhost."])
def test_this_machine_is_known_by_its_own_names(served: Served, host: str) -> None:
    with served.client(OPS, headers={"Host": host}) as client:
        assert client.get("/changes").status_code == 200


@pytest.mark.parametrize("host", ["", "localhost.evil.com", "127.0.0.1.evil.com", "[", "a@localhost@evil.com"])
def test_what_only_looks_like_this_machine_is_refused(served: Served, host: str) -> None:
    with served.client(OPS, headers={"Host": host}) as client:
        assert client.get("/changes").status_code in {400, 421}


def test_forwarded_headers_count_from_trusted_proxies_alone(config: Path) -> None:
    text = config.read_text()
    forwarded = {"X-Forwarded-Host": "m.example.com", "X-Forwarded-Proto": "https"}
    config.write_text(text + '\n[serve]\npublic_url = "https://m.example.com"\n')
    with web_server.serving(config) as served, served.client(OPS, headers={"Host": "x.example.com"}) as client:
        assert client.get("/changes", headers=forwarded).status_code == 421
    config.write_text(text + '\n[serve]\npublic_url = "https://m.example.com"\ntrusted_proxies = ["127.0.0.0/8"]\n')
    with web_server.serving(config) as served, served.client(OPS, headers={"Host": "x.example.com"}) as client:
        assert client.get("/changes", headers=forwarded).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 400),
        ({"Sec-Fetch-Site": "none"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "OWN"}, 400),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, 400),
        ({}, 403),
    ],
)
def test_a_form_with_a_cookie_must_stand_on_a_page_of_ours(
    served: Served, headers: dict[str, str], status: int
) -> None:
    with served.client() as client:
        sign_in(client)
        sent = {name: served.url if value == "OWN" else value for name, value in headers.items()}
        assert client.post("/actions/pause/NONE", headers=sent).status_code == status


def test_a_program_with_a_token_and_no_cookie_needs_no_origin(served: Served) -> None:
    with served.client(OPS) as client:
        assert client.post("/actions/pause/NONE").status_code == 400
        client.cookies.set("mirrorpoint", "anything")
        assert client.post("/actions/pause/NONE").status_code == 403


def test_every_answer_forbids_what_a_page_of_ours_never_does(served: Served) -> None:
    with served.client(OPS, headers=HTML) as client:
        for path in ("/", "/changes", "/nothing", "/static/page.js", "/login"):
            headers = client.get(path).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'")
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "access-control-allow-origin" not in headers
        assert client.get("/").headers["cache-control"] == "no-store"


def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    with served.client(OPS) as client:
        assert client.post("/actions/pause/NONE", content=b"x" * (1024 * 1024 + 1)).status_code == 413

        def endless() -> Iterator[bytes]:
            for _ in range(40):
                yield b"x" * 65536

        assert client.post("/actions/pause/NONE", content=endless()).status_code == 413
        assert client.get("/changes").status_code == 200


def test_a_get_changes_nothing(served: Served, shop: Shop) -> None:
    with served.client(OPS, headers=HTML) as client:
        client.get("/actions/pause/NONE")
        assert client.get("/actions/replay/NONE?from=1h").status_code == 400
        assert client.get("/logout").status_code == 405
    with shop.database.read() as session:
        assert actions.read(session) == []


def test_without_tokens_the_printed_link_signs_in_once(opened: Served) -> None:
    assert opened.web.codes is not None
    opened.web.codes.renew()
    (link,) = opened.links.told  # type: ignore[attr-defined]
    with opened.client(headers=HTML) as client, opened.client(headers=HTML) as other:
        assert client.get("/").status_code == 303
        assert client.get(link).status_code == 200
        assert client.get("/").status_code == 200
        assert other.get(link).status_code == 401
        assert other.get("/").status_code == 303


def test_who_comes_without_a_link_is_printed_a_new_one_now_and_then(opened: Served) -> None:
    with opened.client(headers=HTML) as client:
        for _ in range(5):
            assert client.get("/login").status_code == 200
    assert len(opened.links.told) == 1  # type: ignore[attr-defined]


def test_without_tokens_a_token_means_nothing(opened: Served) -> None:
    with opened.client("anything-at-all") as client:
        assert client.get("/changes").status_code == 401


def test_an_address_of_others_needs_tokens(shop: Shop, tmp_path: Path) -> None:
    from worker.commands.serve import serving

    settings = load(str(tmp_path / "mirrorpoint.toml"), environ={})
    with pytest.raises(SettingsError, match="can be reached from elsewhere"):
        serving.address(settings, "0.0.0.0:8480")
    assert serving.address(settings, "[::1]:0") == ("::1", 0)
    behind = settings.model_copy(
        update={"serve": settings.serve.model_copy(update={"public_url": "https://m.example"})}
    )
    with pytest.raises(SettingsError, match="no tokens are configured"):
        serving.address(behind)


def tokens(*texts: str) -> str:
    return "".join(f'[[serve.tokens]]\nname = "{text[:3]}"\ntoken = "{text}"\nrole = "read"\n' for text in texts)


@pytest.mark.parametrize(
    ("written", "what"),
    [(tokens("short"), "shorter"), (tokens("the-same-token-1", "the-same-token-1"), "the same as that of the")],
)
def test_a_token_that_protects_nothing_is_refused_at_the_start(
    shop: Shop, tmp_path: Path, written: str, what: str
) -> None:
    from worker.commands.serve import wiring

    file = tmp_path / "mirrorpoint.toml"
    file.write_text(file.read_text() + written)
    with pytest.raises(SettingsError, match=what):
        wiring.tokens(load(str(file), environ={}))


def test_where_the_database_is_is_not_told_to_who_is_not_known(served: Served, shop: Shop) -> None:
    shop.database.dispose()
    file = Path(str(shop.database.url.database))
    hidden = file.rename(file.with_suffix(".hidden"))
    with served.client("nobody-knows-this") as client:
        answer = client.get("/changes")
    hidden.rename(file)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert str(file.parent) not in answer.text
