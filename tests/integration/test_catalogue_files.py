"""The catalogues that come with the program, and those of users, read from their files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from changes.resources import ColumnType, Shape
from upstream import catalogue
from upstream.catalogue import Catalogue, CatalogueError, SignIn

SAMPLES = Path(__file__).parents[1] / "samples"

LIST_METHODS = 100
SETTINGS_OF_CONNECTION_PROVIDERS = 1  # settings objects are not listed; those of SMS providers are among the 100

ONE_CALL_PER_CLIENT = {
    "client_2fa_changes",
    "client_2fa_methods",
    "client_files",
    "client_permissions",
    "completed_tests",
    "password_changes",
    "profile_changes",
}
INFERRED = {"deposit_restrictions", "withdrawal_attributes", "withdrawal_restrictions"}


@pytest.fixture(scope="module")
def backoffice() -> Catalogue:
    return catalogue.load("backoffice")


def test_both_kinds_of_sources_are_built_in() -> None:
    assert catalogue.builtin_names() == ("backoffice", "integration-platform")
    for name in catalogue.builtin_names():
        assert catalogue.load(name).name == name


def test_every_list_method_of_the_back_office_is_there_once(backoffice: Catalogue) -> None:
    paths = {re.sub(r"\{\w+\}", "{}", resource.path) for resource in backoffice.resources.values()}

    assert len(backoffice.resources) == LIST_METHODS + SETTINGS_OF_CONNECTION_PROVIDERS
    assert len(paths) == len(backoffice.resources)
    assert {path for path in paths if not path.startswith("/api/v2/") or path.endswith("/")} == set()


def test_a_record_of_the_back_office_is_read_below_its_own_list(backoffice: Catalogue) -> None:
    for resource in backoffice.resources.values():
        assert resource.item_path in (None, resource.path + "/{key}"), resource.name


def test_every_resource_of_the_back_office_has_a_title_of_its_own(backoffice: Catalogue) -> None:
    titles = {resource.title for resource in backoffice.resources.values()}

    assert len(titles) == len(backoffice.resources)


def test_only_lists_that_cost_a_request_per_client_are_off(backoffice: Catalogue) -> None:
    off = {name for name, resource in backoffice.resources.items() if resource.schedule == "off"}

    assert off == ONE_CALL_PER_CLIENT
    assert off == {name for name, resource in backoffice.resources.items() if "clients" in resource.ancestors}


def test_money_and_requests_are_looked_at_most_often(backoffice: Catalogue) -> None:
    frequent = {name for name, resource in backoffice.resources.items() if resource.schedule == "1m"}

    assert frequent == {"requests", "transactions"}


def test_only_what_nobody_has_shown_is_marked_as_inferred(backoffice: Catalogue) -> None:
    assert {name for name, resource in backoffice.resources.items() if not resource.documented} == INFERRED


def test_the_shapes_that_are_not_lists_are_known(backoffice: Catalogue) -> None:
    shapes = {name: resource.shape for name, resource in backoffice.resources.items()}

    assert {name for name, shape in shapes.items() if shape is Shape.TREE} == {"folders", "menus"}
    settings = {name: backoffice.resources[name].parent for name, shape in shapes.items() if shape is Shape.OBJECT}
    assert settings == {
        "connection_provider_settings": "connection_providers",
        "sms_provider_settings": "sms_provider_types",
    }
    names = {name for name, resource in backoffice.resources.items() if resource.key == ("$",)}
    assert names == {"connection_providers", "event_types", "sms_provider_types"}


def test_what_could_hold_a_credential_is_sealed(backoffice: Catalogue) -> None:
    secrets = {name: resource.secrets for name, resource in backoffice.resources.items() if resource.secrets}

    assert secrets["connections"] == ("/providerOptions/*",)
    assert secrets["sms_providers"] == ("/options/*",)
    assert secrets["connection_provider_settings"] == ("/*/value", "/*/values")
    assert secrets["sms_provider_settings"] == ("/*/value", "/*/values")
    for name in ("email_delivery_services", "exchange_rate_providers", "smtp_providers", "storages"):
        assert {"/options/*", "/password", "/token"} <= set(secrets[name])


def test_a_sealed_member_is_no_column(backoffice: Catalogue) -> None:
    for resource in (*backoffice.resources.values(), *catalogue.load("integration-platform").resources.values()):
        sealed = {pointer.split("/")[1] for pointer in (*resource.secrets, *resource.volatile)}
        assert sealed & set(resource.columns) == set(), resource.name


def test_balances_alone_are_no_change_of_an_account(backoffice: Catalogue) -> None:
    assert {name: each.volatile for name, each in backoffice.resources.items() if each.volatile} == {
        "accounts": ("/statement",)
    }


def test_the_answers_of_a_test_lie_two_levels_deep(backoffice: Catalogue) -> None:
    answers = backoffice.resources["test_answers"]

    assert answers.ancestors == ("tests", "test_questions")
    assert answers.path == "/api/v2/quizzes/{tests}/questions/{parent}/answers"


def test_the_peculiarities_of_single_lists_are_kept(backoffice: Catalogue) -> None:
    assert backoffice.resources["profile_changes"].params == {"filter[type]": "email"}
    assert backoffice.resources["menus"].params == {"deep": "true"}
    assert backoffice.resources["currencies"].key == ("numericCode",)
    assert backoffice.resources["client_2fa_methods"].envelope.total == ()


def test_lists_are_sorted_by_what_never_changes(backoffice: Catalogue) -> None:
    for resource in backoffice.resources.values():
        assert resource.sort in (None, "id", resource.created), resource.name


def test_no_list_is_asked_for_its_newest_rows_that_is_not_known_to_sort_by_a_stamp(backoffice: Catalogue) -> None:
    for resource in backoffice.resources.values():
        if resource.created is not None and not resource.created_assumed:
            assert resource.sort is not None, resource.name
            assert resource.columns[resource.created] is ColumnType.TIME, resource.name


def test_amounts_have_the_type_that_each_object_gives_them(backoffice: Catalogue) -> None:
    amounts = {
        name: backoffice.resources[name].columns["minDepositAmount"] for name in ("products", "product_currencies")
    }

    assert amounts == {"products": ColumnType.NUMBER, "product_currencies": ColumnType.TEXT}


def test_the_back_office_is_entered_with_email_and_password(backoffice: Catalogue) -> None:
    sign_in = backoffice.sign_in
    assert sign_in is not None
    assert (sign_in.path, set(sign_in.body)) == ("/api/v2/signin", {"email", "password"})
    assert sign_in.refresh is not None
    assert sign_in.refresh.path == "/api/v2/refresh"


def test_the_points_of_an_integration_platform_are_known_by_their_fields() -> None:
    platform = catalogue.load("integration-platform")
    points = platform.resources["integration_points"]

    assert list(platform.resources) == ["integration_points"]
    assert points.points is not None
    assert (points.points.code, points.points.url, points.points.token) == ("code", "url", "token_remote")
    assert points.secrets == ("/token_local", "/token_remote", "/token_remote2")
    assert (platform.sign_in, platform.sorting, points.sort) == (None, None, None)


def test_an_api_that_is_wholly_different_is_a_file_of_ones_own() -> None:
    foreign = catalogue.load("foreign.toml", base=SAMPLES)

    assert (foreign.name, foreign.title) == ("foreign", "Warehouse service")
    assert (foreign.paging.limit, foreign.paging.offset) == ("page_size", "skip")
    assert foreign.sign_in == SignIn(
        path="/oauth/token",
        body={"client_id": "{email}", "client_secret": "{password}"},
        token=("/access_token",),
        expires=("/expires_in",),
        limit=(30, 60.0),
    )
    assert {name: each.path for name, each in foreign.resources.items()} == {
        "warehouses": "/v1/warehouses",
        "bins": "/v1/warehouses/{parent}/bins",
        "units": "/v1/units",
    }


def test_a_path_is_taken_from_the_folder_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "catalogues").mkdir()
    file = tmp_path / "catalogues" / "mine.toml"
    file.write_text('[resources.things]\npath = "/things"\n', encoding="utf-8")

    assert catalogue.load("catalogues/mine.toml", base=tmp_path) == catalogue.load(str(file), base=Path("/elsewhere"))


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("backofice", "there is no built-in catalogue of this name", 'did you mean "backoffice"?'),
        ("crm", "there is no built-in catalogue of this name", "there is: backoffice, integration-platform"),
        ("missing.toml", "there is no such file", "check `catalogue` of the source"),
        ("latin.toml", "the file is not UTF-8 text", "save it as UTF-8"),
        ("folder.toml", "it cannot be read", "check its rights"),
        ("wrong.toml", "this is not valid TOML", "https://toml.io"),
    ],
)
def test_a_catalogue_that_cannot_be_read_says_why(tmp_path: Path, name: str, message: str, hint: str) -> None:
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    (tmp_path / "wrong.toml").write_text("[resources", encoding="utf-8")
    (tmp_path / "folder.toml").mkdir()

    with pytest.raises(CatalogueError) as caught:
        catalogue.load(name, base=tmp_path)

    assert caught.value.problem.startswith(message)
    assert hint in caught.value.hint
    assert name in caught.value.file
