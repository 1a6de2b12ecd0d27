"""The configuration file with the environment over it, and what is said of its mistakes."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from worker import settings
from worker.commands import template
from worker.problems import SettingsError
from worker.settings import Settings

FILE = Path("/etc/mirrorpoint/mirrorpoint.toml")
TEXT = """
[sources.backoffice]
catalogue = "backoffice"
base_url = "https://host.name/"
auth = { method = "sign-in", email = "mirror@example.com", password = "env:BACKOFFICE_PASSWORD" }
limits = { requests_per_second = 20, concurrency = 4, page_size = 100 }
schedule = { default = "5m", products = "1m", clients = "off" }

[[points]]
code = "AUDIT"
url = "https://audit.example.com/hook"
secret = "env:AUDIT_SECRET"

[[routes]]
points = ["AUDIT"]
"""


def parse(text: str = TEXT, **environ: str) -> Settings:
    return settings.parse(text, file=FILE, environ=environ)


def refused(text: str = TEXT, **environ: str) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        parse(text, **environ)
    return caught.value


def with_line(before: str, after: str) -> str:
    assert before in TEXT
    return TEXT.replace(before, after)


def test_an_empty_file_has_every_default() -> None:
    assert parse("").model_dump(exclude={"storage": {"seal_key"}}) == {
        "storage": {"url": "sqlite:////etc/mirrorpoint/mirrorpoint.db", "state_folder": None},
        "broker": {"url": "embedded"},
        "sources": {},
        "points": (),
        "routes": (),
        "delivery": {
            "timeout": 15.0,
            "retries": (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0),
            "concurrency": 8,
            "final": (400, 405, 413, 414, 415, 422),
            "secret": None,
            "proxy": None,
            "allow_networks": (),
        },
        "record": {
            "name": None,
            "signing_key": None,
            "keep": (),
            "keep_every": 86_400.0,
            "verify": 86_400.0,
            "retention": "forever",
        },
        "serve": {"listen": "127.0.0.1:8480", "public_url": "", "trusted_proxies": (), "tokens": ()},
    }


def test_times_are_read_as_seconds() -> None:
    assert parse('[delivery]\ntimeout = "2m"').delivery.timeout == 120.0


def test_a_base_url_loses_its_trailing_slash() -> None:
    assert parse().sources["backoffice"].base_url == "https://host.name"


def test_a_relative_database_lies_beside_the_configuration() -> None:
    assert parse('[storage]\nurl = "sqlite:///data/m.db"').storage.url == "sqlite:////etc/mirrorpoint/data/m.db"


def test_an_absolute_database_stays_where_it_is() -> None:
    assert parse('[storage]\nurl = "sqlite:////var/m.db"').storage.url == "sqlite:////var/m.db"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_always_means_psycopg(scheme: str) -> None:
    assert parse(f'[storage]\nurl = "{scheme}://user@host/db"').storage.url == "postgresql+psycopg://user@host/db"


@pytest.mark.parametrize(
    ("variable", "value", "field"),
    [
        ("MIRRORPOINT_STORAGE__URL", "postgresql+psycopg://u@h/d", "storage.url"),
        ("MIRRORPOINT_BROKER__URL", "redis://h:6379/0", "broker.url"),
        ("MIRRORPOINT_SOURCES__BACKOFFICE__BASE_URL", "http://other", "sources.backoffice.base_url"),
        ("MIRRORPOINT_SOURCES__BACKOFFICE__AUTH__EMAIL", "a@b.c", "sources.backoffice.auth.email"),
        ("MIRRORPOINT_SOURCES__BACKOFFICE__SCHEDULE__PRODUCTS", "9m", "sources.backoffice.schedule.products"),
        ("MIRRORPOINT_POINTS__AUDIT__URL", "https://else.where", "points.0.url"),
        ("MIRRORPOINT_POINTS__0__URL", "https://else.where", "points.0.url"),
    ],
)
def test_a_variable_overrides_the_file(variable: str, value: str, field: str) -> None:
    found: object = parse(**{variable: value}).model_dump()
    for step in field.split("."):
        found = found[int(step)] if isinstance(found, tuple) else found[step]  # type: ignore[index]
    assert found == value


def test_a_variable_may_hold_a_number() -> None:
    found = parse(
        MIRRORPOINT_SOURCES__BACKOFFICE__LIMITS__CONCURRENCY="7",
        MIRRORPOINT_SOURCES__BACKOFFICE__LIMITS__REQUESTS_PER_SECOND="0.5",
        MIRRORPOINT_DELIVERY__TIMEOUT="3s",
    )
    limits = found.sources["backoffice"].limits
    assert (limits.concurrency, limits.requests_per_second, found.delivery.timeout) == (7, 0.5, 3.0)


@pytest.mark.parametrize("text", ["10.0.0.0/8, ::1/128", '["10.0.0.0/8", "::1/128"]'])
def test_a_variable_may_hold_a_list(text: str) -> None:
    found = parse(MIRRORPOINT_DELIVERY__ALLOW_NETWORKS=text)
    assert found.delivery.allow_networks == ("10.0.0.0/8", "::1/128")


def test_a_source_with_a_dash_is_reached_with_an_underscore() -> None:
    found = parse(
        TEXT.replace("sources.backoffice", "sources.back-office"), MIRRORPOINT_SOURCES__BACK_OFFICE__LANGUAGE="de"
    )
    assert found.sources["back-office"].language == "de"


def test_variables_that_are_no_settings_are_left_alone() -> None:
    parse(MIRRORPOINT_CONFIG="x", MIRRORPOINT_DEBUG="1", MIRRORPOINT_TEST_DATABASE_URL="y")


def test_a_variable_that_holds_a_secret_of_the_configuration_is_no_setting() -> None:
    found = parse('[delivery]\nsecret = "env:MIRRORPOINT_WEBHOOK_SECRET"', MIRRORPOINT_WEBHOOK_SECRET="whsec_x")
    assert found.delivery.secret is not None
    assert found.delivery.secret.reveal() == "whsec_x"


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("MIRRORPOINT_STORAGE__URI", 'did you mean "URL"?'),
        ("MIRRORPOINT_STORE__URL", 'did you mean "STORAGE"?'),
        ("MIRRORPOINT_SOURCES__BACKOFICE__LANGUAGE", 'did you mean "BACKOFFICE"?'),
        ("MIRRORPOINT_POINTS__AUDITS__URL", 'did you mean "AUDIT"?'),
        ("MIRRORPOINT_DELIVERY__CONCURENCY", 'did you mean "CONCURRENCY"?'),
    ],
)
def test_an_unknown_variable_is_refused_with_the_one_that_was_meant(variable: str, hint: str) -> None:
    error = refused(**{variable: "x"})
    assert (error.file, error.field, error.hint) == ("environment", variable, hint)


def test_a_wrong_value_in_a_variable_is_said_of_the_variable() -> None:
    error = refused(MIRRORPOINT_DELIVERY__CONCURRENCY="many")
    assert str(error) == "environment: MIRRORPOINT_DELIVERY__CONCURRENCY: a whole number is expected, not a text"


@pytest.mark.parametrize(
    ("before", "after", "field", "hint"),
    [
        ("base_url", "base_ulr", "sources.backoffice.base_ulr", 'did you mean "base_url"?'),
        ("page_size", "pagesize", "sources.backoffice.limits.pagesize", 'did you mean "page_size"?'),
        ("[[routes]]", "[[route]]", "route", 'did you mean "routes"?'),
        ("sign-in", "signin", "sources.backoffice.auth", 'did you mean "sign-in"?'),
        ("url = ", "uri = ", "points[0].uri", 'did you mean "url"?'),
    ],
)
def test_an_unknown_key_is_refused_with_the_one_that_was_meant(before: str, after: str, field: str, hint: str) -> None:
    error = refused(
        with_line(before, after) if before != "url = " else TEXT.replace('\nurl = "https://aud', '\nuri = "https://aud')
    )
    assert (error.file, error.field, error.hint) == (str(FILE), field, hint)


@pytest.mark.parametrize(
    ("before", "after", "field", "problem"),
    [
        ("= 20,", '= "20",', "sources.backoffice.limits.requests_per_second", "a number is expected, not a text"),
        ("= 20,", "= 0,", "sources.backoffice.limits.requests_per_second", "must be more than 0.0"),
        ("= 4,", "= 1.5,", "sources.backoffice.limits.concurrency", "a whole number is expected, not a fraction"),
        ("= 4,", "= true,", "sources.backoffice.limits.concurrency", "a whole number is expected, not true or false"),
        ('code = "AUDIT"', "code = 5", "points[0].code", "a text is expected, not a number"),
        ('points = ["AUDIT"]', 'points = "AUDIT"', "routes[0].points", "a list is expected, not a text"),
        ('points = ["AUDIT"]', "points = []", "routes[0].points", "must not be empty"),
        (
            "https://host",
            "ftp://host",
            "sources.backoffice.base_url",
            "must begin with https:// or http:// and name a host",
        ),
        (
            "[sources.backoffice]",
            "[sources.BackOffice]",
            "sources.BackOffice",
            "must be of small letters, digits, - and _ (at most 63)",
        ),
        ('"env:BACKOFFICE_PASSWORD"', "5", "sources.backoffice.auth.password", "a text is expected, not a number"),
        ('catalogue = "backoffice"\n', "", "sources.backoffice.catalogue", "this key is missing"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(before: str, after: str, field: str, problem: str) -> None:
    error = refused(with_line(before, after))
    assert (error.file, error.field, error.problem) == (str(FILE), field, problem)


def test_a_word_that_is_none_of_those_of_its_field_is_refused_with_the_one_that_was_meant() -> None:
    error = refused(TEXT + 'kinds = ["create"]')
    assert (error.field, error.problem) == ("routes[0].kinds[0]", '"create" is not one of its values')
    assert error.hint == 'did you mean "created"?'


def test_a_time_without_a_unit_is_refused() -> None:
    error = refused("[delivery]\ntimeout = 30")
    assert (error.field, error.problem) == (
        "delivery.timeout",
        'a time is written with its unit and in quotes: "30s", "5m", "6h", "1d" or "1w"',
    )


def test_a_schedule_that_is_none_is_refused() -> None:
    assert refused(with_line('"1m"', '"every minute"')).field == "sources.backoffice.schedule.products"


def test_a_network_that_is_none_is_refused() -> None:
    error = refused('[delivery]\nallow_networks = ["localhost"]')
    assert error.problem == '"localhost" is not a network such as 10.0.0.0/8 or 192.168.1.7/32'


def test_two_points_of_one_code_are_refused() -> None:
    error = refused(TEXT + '[[points]]\ncode = "AUDIT"\nurl = "https://b.example.com"')
    assert (error.field, error.problem) == ("points[AUDIT].code", "is there twice")


def test_text_that_is_no_toml_is_refused_with_its_line() -> None:
    assert "at line 2" in refused("\n[storage\nurl = 1").problem


def test_a_file_that_is_not_there_is_answered_with_the_command_that_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        settings.load(environ={})
    assert caught.value.hint == "`mirrorpoint init` writes one here; --config names another"


def test_a_file_that_was_named_and_is_not_there_is_not_made_up_for_by_another() -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load("/nowhere/mirrorpoint.toml", environ={})
    assert caught.value.hint == "see whether --config, or MIRRORPOINT_CONFIG, names the right file"


def test_a_database_in_memory_is_refused() -> None:
    assert refused('[storage]\nurl = "sqlite:///:memory:"').field == "storage.url"


def test_the_file_is_named_by_the_option_before_the_variable() -> None:
    environ = {"MIRRORPOINT_CONFIG": "/b.toml"}
    found = [
        settings.find_file("/a.toml", environ),
        settings.find_file(None, environ),
        settings.find_file(None, {}).name,
    ]
    assert found == [Path("/a.toml"), Path("/b.toml"), "mirrorpoint.toml"]


def test_a_secret_of_the_environment_is_read_when_it_is_used() -> None:
    environ: dict[str, str] = {}
    secret = next(
        found for found in settings.parse(TEXT, file=FILE, environ=environ).secrets() if "AUDIT" in found.field
    )
    environ["AUDIT_SECRET"] = "whsec_late"
    assert secret.reveal() == "whsec_late"


def test_several_references_stand_for_their_values_in_that_order() -> None:
    """So a signing secret rotates: the new one, and for a while the one before it."""
    text = '[delivery]\nsecret = "env:NEW env:OLD"'
    secret = parse(text, NEW="whsec_new", OLD="whsec_old").delivery.secret
    assert secret is not None
    assert (secret.reveal(), secret.is_literal) == ("whsec_new whsec_old", False)
    missing = parse(text, NEW="whsec_new").delivery.secret
    assert missing is not None
    with pytest.raises(SettingsError, match="the environment variable OLD is not set"):
        missing.reveal()


@pytest.mark.parametrize("written", ["env:NEW whsec_hush", "env:whsec_hush+/=", "env:"])
def test_what_stands_in_a_variables_place_is_not_repeated(written: str) -> None:
    """Somebody may have put the secret itself there."""
    secret = parse(f'[delivery]\nsecret = "{written}"').delivery.secret
    assert secret is not None
    with pytest.raises(SettingsError) as caught:
        secret.reveal()
    assert "env: is not followed by the name of a variable" in str(caught.value)
    assert "hush" not in f"{caught.value!r} {caught.value} {secret!r}"


def test_a_missing_variable_is_named_with_the_field_and_the_cure() -> None:
    secret = next(found for found in parse().secrets() if found.field == "sources.backoffice.auth.password")
    with pytest.raises(SettingsError) as caught:
        secret.reveal()
    assert (caught.value.field, caught.value.problem, caught.value.hint) == (
        "sources.backoffice.auth.password",
        "the environment variable BACKOFFICE_PASSWORD is not set",
        "export BACKOFFICE_PASSWORD=…, or write file:PATH instead",
    )


def test_an_empty_secret_is_as_bad_as_none() -> None:
    secret = next(found for found in parse(AUDIT_SECRET="").secrets() if "AUDIT" in found.field)
    with pytest.raises(SettingsError, match="is empty"):
        secret.reveal()


def test_of_a_secret_from_elsewhere_only_the_end_of_the_line_goes(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("  in  file \n")
    auth = (
        '[sources.shop]\ncatalogue = "x"\nbase_url = "http://h"\nauth = { method = "basic", username = "a", password = '
    )
    for written, expected in ((" b ", " b "), ("env:PASSWORD", " p "), ("file:secret", "  in  file ")):
        found = settings.parse(
            f'{auth}"{written}" }}', file=tmp_path / "mirrorpoint.toml", environ={"PASSWORD": " p \r\n"}
        )
        (secret,) = (each for each in found.secrets() if each.field.endswith("password"))
        assert secret.reveal() == expected


def test_a_literal_secret_works_and_is_known_as_one() -> None:
    secret = parse('[delivery]\nsecret = "whsec_x"').delivery.secret
    assert secret is not None
    assert (secret.reveal(), secret.is_literal) == ("whsec_x", True)


def test_a_secret_shows_in_no_text() -> None:
    found = parse('[delivery]\nsecret = "whsec_hush"')
    assert "hush" not in f"{found} {found!r} {found.delivery.secret} {found.model_dump()}"


def test_a_secret_shows_in_no_complaint() -> None:
    error = refused('[delivery]\nsecret = "whsec_hush"\nconcurrency = "whsec_hush"\n')
    assert "hush" not in f"{error!r} {error} {error.hint}"


def test_a_complaint_survives_the_way_to_another_process() -> None:
    error = refused("[delivery]\ntimeout = 30")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.hint, copy.field) == (str(error), error.hint, error.field)


def test_no_source_is_called_as_notices_are() -> None:
    error = refused('[sources.mirrorpoint]\ncatalogue = "backoffice"\nbase_url = "http://h"\n')
    assert (error.field, error.problem) == (
        "sources.mirrorpoint",
        "must be another name: Mirrorpoint's own notices are told under this one",
    )


def test_every_field_says_what_it_means() -> None:
    def silent(model: type, path: str) -> list[str]:
        fields = getattr(model, "model_fields", {})
        found = [f"{path}.{name}" for name, field in fields.items() if name != "method" and not field.description]
        for name, field in fields.items():
            for inner in re.findall(r"worker\.settings\.(\w+)", str(field.annotation)):
                found += silent(getattr(settings, inner), f"{path}.{name}")
        return found

    assert silent(Settings, "") == []


def test_what_init_writes_is_a_valid_configuration() -> None:
    assert list(parse(template.TEXT).sources) == ["backoffice"]


def test_what_init_has_commented_out_is_valid_too_and_is_the_default() -> None:
    everything = parse(re.sub(r"(?m)^#(?=[^ \n])", "", template.TEXT))
    defaults = parse("")
    assert everything.delivery.retries == defaults.delivery.retries
    assert everything.broker == defaults.broker
    assert [point.code for point in everything.points] == ["AUDIT"]
    assert list(everything.sources) == ["backoffice", "platform"]


@pytest.mark.parametrize(
    "name",
    [
        "MIRRORPOINT_PORT",
        "MIRRORPOINT_PORT_8080_TCP_ADDR",
        "MIRRORPOINT_SERVICE_HOST",
        "MIRRORPOINT_SERVICE_PORT_HTTP",
        "MIRRORPOINT_STORAGE_PORT",
        "MIRRORPOINT_FILE",
        "MIRRORPOINT_IMAGE_TAG",
    ],
)
def test_a_variable_that_can_be_no_setting_is_ignored_and_said(name: str) -> None:
    assert parse(**{name: "tcp://10.0.0.1:80"}).ignored_variables == (name,)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MIRRORPOINT_STORAGE_URL", "MIRRORPOINT_STORAGE__URL"),
        ("MIRRORPOINT_DELIVERY_ALLOW_NETWORKS", "MIRRORPOINT_DELIVERY__ALLOW_NETWORKS"),
        ("MIRRORPOINT_SOURCES_BACKOFFICE_BASE_URL", "MIRRORPOINT_SOURCES__BACKOFFICE__BASE_URL"),
        ("MIRRORPOINT_SOURCE", "MIRRORPOINT_SOURCES"),
        ("MIRRORPOINT_CONFG", "MIRRORPOINT_CONFIG"),
    ],
)
def test_a_variable_that_was_probably_to_be_a_setting_is_an_error(name: str, meant: str) -> None:
    assert refused(**{name: "x"}).hint == f'did you mean "{meant}"?'


@pytest.mark.parametrize("url", ["rediss://h/0?ssl_cert_reqs=no", "rediss://h/0?ssl_cert_reqs="])
def test_what_is_asked_of_a_brokers_certificate_is_one_of_three_words(url: str) -> None:
    assert "ssl_cert_reqs" in str(refused(MIRRORPOINT_BROKER__URL=url))
