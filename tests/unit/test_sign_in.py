"""Signing in, with a source and a clock that are made up."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest

from changes.records import Json
from tests.made_up_time import MadeUpTime
from upstream import auth, catalogue, tokens
from upstream.answers import Answer
from upstream.auth import AuthSettings, Kept, LocalTokenStore
from upstream.catalogue import Refresh, SignIn
from upstream.errors import (
    CredentialsRefused,
    MalformedResponse,
    Overloaded,
    SecondFactorDemanded,
    ServerError,
    Unreachable,
)
from upstream.limit_store import LocalLimitStore
from upstream.sign_in import SignInAuth
from upstream.throttle import Budget

SIGN_IN = SignIn(
    path="/signin",
    body={"email": "{email}", "password": "{password}"},
    token=("/accessToken/token",),
    expires=("/accessToken/expiresAt",),
    refresh=Refresh(path="/refresh", token=("/refreshToken/token",), body={"refreshToken": "{refresh_token}"}),
)
BACKOFFICE = {"email": "mirror@example.com", "password": "hunter2 "}
NOW = 1_800_000_000.0


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def jwt(**claims: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.c2ln"


class Source:
    """Gives out tokens a1, a2, ..., and keeps what it was asked."""

    def __init__(self, time: MadeUpTime) -> None:
        self.time = time
        self.asked: list[tuple[str, Json]] = []
        self.sent: list[tuple[bool, str]] = []  #: whether as a form, and with which Basic header
        self.scripts: dict[str, list[Callable[[], tuple[int, Json]]]] = {}
        self.life_seconds = 3600.0

    def post(self, path: str, body: Json, /, *, is_form: bool = False, basic: str = "") -> Answer:
        self.asked.append((path, body))
        self.sent.append((is_form, basic))
        script = self.scripts.get(path)
        status, answered = script.pop(0)() if script else (200, self.tokens())
        at = datetime.fromtimestamp(self.time.now, UTC)
        return Answer(status, {}, json.dumps(answered).encode(), at)

    def tokens(self) -> Json:
        number = len(self.asked)
        end = iso(self.time.now + self.life_seconds)
        begin = iso(self.time.now)
        return {
            "2faRequired": False,
            "accessToken": {"token": f"a{number}", "createdAt": begin, "expiresAt": end},
            "refreshToken": {"token": f"r{number}", "createdAt": begin, "expiresAt": end},
        }

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


def signer(
    time: MadeUpTime,
    store: LocalTokenStore | None = None,
    *,
    sign_in: SignIn = SIGN_IN,
    values: Mapping[str, str] = BACKOFFICE,
    base_url: str = "https://host.name",
) -> SignInAuth:
    budget = Budget(
        "shop",
        LocalLimitStore(clock=time.clock),
        requests_per_second=100,
        concurrency=1,
        clock=time.clock,
        sleep=time.sleep,
    )
    built = auth.build(
        AuthSettings("sign-in", values),
        source="shop",
        base_url=base_url,
        sign_in=sign_in,
        store=store or LocalTokenStore(),
        budget=budget,
    )
    assert isinstance(built, SignInAuth)
    return built


def test_a_token_is_fetched_once_and_used_until_shortly_before_its_end() -> None:
    time = MadeUpTime()
    source, one = Source(time), signer(time)
    assert [one.headers(source.post)["Authorization"] for _ in range(3)] == ["Bearer a1"] * 3
    assert source.asked == [("/signin", {"email": "mirror@example.com", "password": "hunter2 "})]
    time.now += 3600 - 31
    assert one.headers(source.post) == {"Authorization": "Bearer a1"}
    time.now += 2
    assert one.headers(source.post) == {"Authorization": "Bearer a2"}
    assert source.asked[1:] == [("/refresh", {"refreshToken": "r1"})]


def test_a_refused_token_is_renewed_and_others_take_over_what_was_renewed() -> None:
    time, store = MadeUpTime(), LocalTokenStore()
    source = Source(time)
    one, other = signer(time, store), signer(time, store)
    used = one.headers(source.post)
    assert other.headers(source.post) == used
    assert one.refused(used, source.post)
    assert other.refused(used, source.post)
    assert one.headers(source.post) == other.headers(source.post) == {"Authorization": "Bearer a2"}
    assert source.paths() == ["/signin", "/refresh"]


@pytest.mark.parametrize(
    "refusal",
    [(401, {}), (404, {}), (500, {}), (200, []), (200, {}), (200, {"accessToken": {"token": "a1"}})],
    ids=str,
)
def test_where_the_refresh_token_does_not_help_the_password_does(refusal: tuple[int, Json]) -> None:
    time = MadeUpTime()
    source, one = Source(time), signer(time)
    used = one.headers(source.post)
    source.scripts["/refresh"] = [lambda: refusal]
    assert one.refused(used, source.post)
    assert one.headers(source.post) == {"Authorization": "Bearer a3"}
    assert source.paths() == ["/signin", "/refresh", "/signin"]


def test_an_answer_without_a_new_refresh_token_leaves_the_old_one_in_use() -> None:
    time = MadeUpTime()
    source, one = Source(time), signer(time)
    used = one.headers(source.post)
    source.scripts["/refresh"] = [lambda: (200, {"accessToken": {"token": "b1"}})]
    one.refused(used, source.post)
    one.refused({"Authorization": "Bearer b1"}, source.post)
    assert source.asked[1:] == [("/refresh", {"refreshToken": "r1"})] * 2


@pytest.mark.parametrize(
    "answer",
    [
        {"2faRequired": True, "2faDetails": {"token": "x", "provider": "email"}},
        {"2fa_required": True, "accessToken": {"token": "only for the code"}},
    ],
    ids=["as documented", "with a token"],
)
def test_a_second_factor_is_told_apart_and_remembered(answer: Json) -> None:
    time, store = MadeUpTime(), LocalTokenStore()
    source = Source(time)
    source.scripts["/signin"] = [lambda: (200, answer)]
    for one in (signer(time, store), signer(time, store)):
        with pytest.raises(SecondFactorDemanded, match="service user"):
            one.headers(source.post)
    assert source.paths() == ["/signin"]


def test_a_token_that_is_not_where_the_catalogue_looks_is_told_with_the_names_that_are_there() -> None:
    time, store = MadeUpTime(), LocalTokenStore()
    source = Source(time)
    answer: Json = {"2faRequired": False, "2faDetails": None, "auth": {"jwt": "s3cret-token", "s3cret name!": 1}}
    source.scripts["/signin"] = [lambda: (200, answer)]
    for one in (signer(time, store), signer(time, store)):
        with pytest.raises(CredentialsRefused) as raised:
            one.headers(source.post)
        assert str(raised.value) == (
            "shop: the sign-in's answer has no token at /accessToken/token; what it has: /2faRequired, /2faDetails, "
            "/auth/jwt, /auth/…. Mend `token` under [source.sign_in] of the catalogue."
        )
    assert source.paths() == ["/signin"], "each try would count"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_refused_credentials_are_not_tried_again_for_a_minute_by_anyone(status: int) -> None:
    time, store = MadeUpTime(), LocalTokenStore()
    source = Source(time)
    source.scripts["/signin"] = [lambda: (status, {"message": "hunter2 is wrong"})]
    for one in (signer(time, store), signer(time, store)):
        with pytest.raises(CredentialsRefused, match=f"the sign-in answered {status}") as raised:
            one.headers(source.post)
        assert "hunter2" not in str(raised.value)
    assert source.paths() == ["/signin"]
    time.now += 61
    assert one.headers(source.post) == {"Authorization": "Bearer a2"}


def test_no_more_than_four_sign_ins_are_tried_in_any_minute_and_the_next_one_waits() -> None:
    time, store = MadeUpTime(), LocalTokenStore()
    source = Source(time)
    source.scripts["/refresh"] = [lambda: (401, {})] * 100
    tried: list[float] = []

    def post(path: str, document: Json) -> Answer:
        if path == "/signin":
            tried.append(time.now)
        return source.post(path, document)

    both = [signer(time, store), signer(time, store)]
    for turn in range(12):
        one = both[turn % 2]
        one.refused(one.headers(post), post)
        time.now += 1
    assert all(later - earlier >= 60 for earlier, later in zip(tried, tried[4:], strict=False))
    assert len(tried) > 4


def test_a_sign_in_that_cannot_have_arrived_does_not_count() -> None:
    time, store = MadeUpTime(), LocalTokenStore()
    one = signer(time, store)

    def fail(untouched: bool) -> Callable[[str, Json], Answer]:
        def post(path: str, document: Json) -> Answer:
            raise Unreachable("shop", "", "no connection", "", None, untouched)

        return post

    for _ in range(10):
        with pytest.raises(Unreachable):
            one.headers(fail(True))
    assert time.slept == []
    for _ in range(5):
        with pytest.raises(Unreachable):
            one.headers(fail(False))
    assert 59 < sum(time.slept) <= 60


@pytest.mark.parametrize(("status", "expected"), [(500, ServerError), (503, Overloaded), (429, Overloaded)])
def test_a_sign_in_in_trouble_is_tried_later_and_no_refusal(status: int, expected: type[Exception]) -> None:
    time = MadeUpTime()
    source, one = Source(time), signer(time)
    source.scripts["/signin"] = [lambda: (status, {})]
    with pytest.raises(expected) as raised:
        one.headers(source.post)
    assert getattr(raised.value, "retry_after_seconds", None) == (60.0 if expected is Overloaded else None)
    assert one.headers(source.post) == {"Authorization": "Bearer a2"}


@pytest.mark.parametrize(
    ("body", "expected"), [(b"<html>Welcome</html>", CredentialsRefused), (b'{"tok', MalformedResponse)]
)
def test_a_web_page_in_place_of_a_sign_in_is_not_asked_again_at_once_but_a_cut_answer_is(
    body: bytes, expected: type[Exception]
) -> None:
    time, sent = MadeUpTime(), []
    one = signer(time)

    def post(path: str, document: Json) -> Answer:
        sent.append(path)
        return Answer(200, {}, body, datetime.fromtimestamp(time.now, UTC))

    for _ in range(3):
        with pytest.raises(expected, match=r"the sign-in's answer is of no use: the answer is (HTML|cut)"):
            one.headers(post)
    assert len(sent) == (1 if expected is CredentialsRefused else 3)


def test_tokens_of_another_account_or_address_are_not_used() -> None:
    time, store = MadeUpTime(), LocalTokenStore()
    source = Source(time)
    signer(time, store).headers(source.post)
    signer(time, store, values={**BACKOFFICE, "email": "other@example.com"}).headers(source.post)
    signer(time, store, base_url="https://other.name").headers(source.post)
    signer(time, store, values={**BACKOFFICE, "password": "new"}).headers(source.post)
    assert source.paths() == ["/signin"] * 3


def test_kept_tokens_and_credentials_are_not_shown_by_accident() -> None:
    shown = repr(Kept("a1", "r1", 1.0)) + repr(AuthSettings("bearer", {"token": "s3cret"}))
    assert [secret for secret in ("a1", "r1", "s3cret") if secret in shown] == []


@pytest.mark.parametrize(
    ("answer", "life_seconds"),
    [
        ({"t": "x", "e": iso(NOW + 1000)}, 1000),
        ({"t": "x", "e": iso(NOW + 7200), "createdAt": iso(NOW + 3600)}, 3600),  # its clock is an hour ahead
        ({"t": "x", "e": iso(NOW - 3000), "createdAt": iso(NOW - 3600)}, 600),  # and here an hour behind
        ({"t": "x", "e": iso(NOW), "createdAt": iso(NOW)}, 300),
        ({"t": "x", "e": iso(NOW - 5)}, 300),
        ({"t": "x", "e": "2027-01-15T08:10:00"}, 600),
        ({"t": "x", "e": "soon"}, 300),
        ({"t": "x", "e": None}, 300),
        ({"t": "x", "e": True}, 300),
        ({"t": "x"}, 300),
        ({"t": "x", "e": 120}, 120),
        ({"t": "x", "e": "120"}, 120),
        ({"t": "x", "e": 0}, 300),
        ({"t": "x", "e": -1}, 300),
        ({"t": "x", "e": NOW + 500}, 500),
        ({"t": "x", "e": (NOW + 500) * 1000}, 500),
        ({"t": "x", "e": 10**9 - 1}, tokens.LONGEST_LIFE_SECONDS),
        ({"t": jwt(exp=NOW + 900)}, 900),
        ({"t": jwt(exp=NOW - 900, iat=NOW - 4500)}, 3600),
        ({"t": jwt(exp=NOW - 900)}, 300),
        ({"t": jwt(exp="x"), "e": iso(NOW - 1)}, 300),
        ({"t": "a.b.c"}, 300),
        ({"t": "a.%%%.c"}, 300),
        ({"t": jwt(exp=NOW + 900), "e": iso(NOW + 50)}, 50),
    ],
)
def test_the_life_of_a_token_is_taken_from_what_is_believable(answer: Json, life_seconds: float) -> None:
    sign_in = SignIn(path="/", body={}, token=("/missing/token", "/t"), expires=("/missing", "/e"))
    found = tokens.found(json.dumps(answer).encode(), sign_in, now=NOW)
    assert found is not None
    early = min(tokens.EARLY_SECONDS, life_seconds / 10)
    assert found.expires_at == pytest.approx(NOW + life_seconds - early)


def test_a_token_that_no_header_can_carry_is_refused_without_showing_it() -> None:
    sign_in = SignIn(path="/", body={}, token=("/t",))
    with pytest.raises(ValueError, match="no header can carry") as raised:
        tokens.found(b'{"t": "s3cret\\r\\nX: y"}', sign_in, now=NOW)
    assert "s3cret" not in str(raised.value)


def test_bodies_are_filled_at_any_depth_and_values_are_not_filled_again() -> None:
    template = {"a": "{email}", "b": {"c": ["{password}!", 1, None]}, "d": "{unknown}"}
    assert tokens.names(template) == {"email", "password", "unknown"}
    values = {"email": "{password}", "password": "pw"}
    assert tokens.filled(template, values) == {"a": "{password}", "b": {"c": ["pw!", 1, None]}, "d": "{unknown}"}


def fixed(method: str, **values: str) -> dict[str, str]:
    time = MadeUpTime()
    budget = Budget("shop", LocalLimitStore(), requests_per_second=1, concurrency=1)
    built = auth.build(
        AuthSettings(method, values),
        source="shop",
        base_url="https://host.name",
        sign_in=None,
        store=LocalTokenStore(),
        budget=budget,
    )
    assert not built.refused({}, Source(time).post)
    return built.headers(Source(time).post)


def test_the_fixed_methods_send_their_headers() -> None:
    assert fixed("none") == {}
    assert fixed("bearer", token="abc\n") == {"Authorization": "Bearer abc"}
    assert fixed("basic", username="bob", password=" p:w ") == {"Authorization": "Basic Ym9iOiBwOncg"}
    assert fixed("basic", username="jürgen", password="ß") == {"Authorization": "Basic asO8cmdlbjrDnw=="}
    assert fixed("header", name="X-Token", value="abc") == {"X-Token": "abc"}


@pytest.mark.parametrize(
    ("method", "values", "complaint"),
    [
        ("bearer", {}, 'needs "token"'),
        ("basic", {"username": "bob"}, 'needs "password"'),
        ("header", {"name": "X Token", "value": "s3cret"}, "is not the name of a header"),
        ("header", {"name": "X-Token", "value": "s3cret\nX: y"}, "no header can carry"),
        ("bearer", {"token": "s3crét"}, "no header can carry"),
        ("sign-in", {"email": "x", "password": "s3cret"}, "does not say how to sign in"),
        ("kerberos", {}, "is not one of"),
    ],
)
def test_credentials_that_cannot_be_used_are_refused_without_showing_them(
    method: str, values: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        fixed(method, **values)
    assert "s3cr" not in str(raised.value)


FORM = catalogue.parse(
    """
    [source.sign_in]
    path = "/oauth/token"
    form = true
    basic = ["{client_id}", "{client_secret}"]
    body = { grant_type = "client_credentials", scope = "read all", n = 1 }
    token = "/access_token"
    expires = "/expires_in"
    [resources.things]
    path = "/things"
    """,
    name="shop",
    origin="tests",
).sign_in
CLIENT = {"client_id": "mirror", "client_secret": "a:b c+"}


def test_a_form_and_the_client_as_basic_are_sent_when_the_catalogue_says_so() -> None:
    assert FORM is not None
    assert tokens.asked(FORM) == {"client_id", "client_secret"}
    assert tokens.form(FORM.body) == b"grant_type=client_credentials&scope=read+all&n=1"
    time = MadeUpTime()
    source, one = Source(time), signer(time, sign_in=FORM, values=CLIENT)
    source.scripts["/oauth/token"] = [lambda: (200, {"access_token": "a1", "expires_in": 4})]
    assert one.headers(source.post) == {"Authorization": "Bearer a1"}
    ((is_form, basic),) = source.sent
    assert (is_form, base64.b64decode(basic.removeprefix("Basic "))) == (True, b"mirror:a%3Ab+c%2B")
    assert basic.removeprefix("Basic ") in one.secrets()


def test_tokens_that_live_a_few_seconds_are_renewed_when_they_are_over_and_nobody_waits_for_it() -> None:
    assert FORM is not None
    time = MadeUpTime()
    source, one = Source(time), signer(time, sign_in=FORM, values=CLIENT)
    source.scripts["/oauth/token"] = [lambda: (200, {"access_token": "a", "expires_in": 4})] * 100
    begun = time.now
    for _ in range(240):  # a request every quarter of a second
        one.headers(source.post)
        time.now += 0.25
    assert len(source.asked) <= 18
    assert time.now - begun == 60, "nobody waited for the limit of sign-ins"


@pytest.mark.parametrize(
    ("member", "value", "where"),
    [
        ("sign_in_limit", '"4"', "source.sign_in_limit"),
        ("sign_in_limit", '"0/1m"', "source.sign_in_limit"),
        ("sign_in_limit", '"31/1m"', "source.sign_in_limit"),
        ("sign_in_limit", '"4/1d"', "source.sign_in_limit"),
        ("sign_in.basic", '["{a}"]', "source.sign_in.basic"),
        ("sign_in.expired", "[500]", "source.sign_in.expired"),
        ("sign_in.expired", '["401"]', "source.sign_in.expired"),
        ("sign_in.body", "{ a = { b = 1 } }", "source.sign_in.body.a"),
    ],
)
def test_what_a_sign_in_cannot_be_is_refused_with_its_place(member: str, value: str, where: str) -> None:
    text = f'[source]\n{member} = {value}\nsign_in.path = "/t"\nsign_in.token = "/t"\nsign_in.form = true\n'
    with pytest.raises(catalogue.CatalogueError) as raised:
        catalogue.parse(f'{text}[resources.x]\npath = "/x"', name="x", origin="x.toml")
    assert raised.value.field == where


def doubting(expired: tuple[int, ...] | None) -> tuple[MadeUpTime, Source, SignInAuth]:
    time = MadeUpTime()
    sign_in = SignIn(path="/signin", body={}, token=("/accessToken/token",), expired=expired, limit=(4, 60.0))
    return time, Source(time), signer(time, sign_in=sign_in, values={})


def test_403_leads_to_a_new_sign_in_where_the_resource_has_answered_before() -> None:
    _, source, one = doubting(None)
    used = one.headers(source.post)
    one.answered(used, 200, "things", is_renewed=False)
    assert not one.refused(used, source.post, status=403, resource="secret things")
    assert one.refused(used, source.post, status=403, resource="things")
    assert one.headers(source.post) == {"Authorization": "Bearer a2"}


def test_a_kept_token_that_is_refused_with_403_at_once_is_renewed() -> None:
    time, store = MadeUpTime(), LocalTokenStore()
    source = Source(time)
    signer(time, store).headers(source.post)
    later = signer(time, store)
    assert later.refused(later.headers(source.post), source.post, status=403, resource="things")
    assert len(source.asked) == 2


def test_a_right_that_is_missing_costs_no_more_than_one_sign_in() -> None:
    time, source, one = doubting(None)
    used = one.headers(source.post)
    one.answered(used, 200, "things", is_renewed=False)
    assert one.refused(used, source.post, status=403, resource="things")
    one.answered(one.headers(source.post), 403, "things", is_renewed=True)
    for _ in range(20):
        assert not one.refused(one.headers(source.post), source.post, status=403, resource="things")
        time.now += 10
    assert len(source.asked) == 2


@pytest.mark.parametrize(("expired", "status"), [(None, 419), ((401, 403), 403), ((498,), 401), ((498,), 498)])
def test_statuses_that_mean_the_token_lead_to_a_new_sign_in(expired: tuple[int, ...] | None, status: int) -> None:
    _, source, one = doubting(expired)
    assert one.refused(one.headers(source.post), source.post, status=status, resource="things")


@pytest.mark.parametrize(("expired", "status"), [((401, 419), 403), ((403,), 419), (None, 400), (None, 422)])
def test_others_do_not(expired: tuple[int, ...] | None, status: int) -> None:
    _, source, one = doubting(expired)
    used = one.headers(source.post)
    one.answered(used, 200, "things", is_renewed=False)
    assert not one.refused(used, source.post, status=status, resource="things")
    assert len(source.asked) == 1
