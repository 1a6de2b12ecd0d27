"""docker-compose.yml and the Dockerfile, as far as they can be judged without Docker."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from packaging.specifiers import SpecifierSet

from sandbox import __main__ as sandbox
from web.access import Role
from worker import __main__ as program
from worker import bootstrap, liveness, settings, watchdog
from worker.commands import processes
from worker.commands.serve import serving, wiring

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
GIVEN = {
    "POSTGRES_PASSWORD": "word",
    "SEAL_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "BACKOFFICE_PASSWORD": "of the user",
    "AUDIT_SECRET": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "OPS_TOKEN": "of those who operate",
}
OURS = [name for name, service in SERVICES.items() if "build" in service]


def filled(text: str) -> str:
    """What compose makes of ${NAME:-default} and ${NAME:?message} with only what must be given."""

    def fill(match: re.Match[str]) -> str:
        name, mark, rest = match.groups()
        if mark == ":?":
            return GIVEN[name]
        return GIVEN.get(name, rest)

    return re.sub(r"\$\{(\w+)(:[-?])([^}]*)\}", fill, text)


def environment(service: str) -> dict[str, str]:
    """With what must be given; a variable without a value is handed on where there is one."""
    named = SERVICES[service].get("environment", {})
    return {name: filled(str(value)) for name, value in named.items() if value is not None}


def test_there_are_the_servers_a_clock_two_workers_the_page_and_a_sandbox_on_demand() -> None:
    assert set(SERVICES) == {"clock", "worker", "serve", "redis", "postgres", "api", "receiver"}
    assert SERVICES["worker"]["deploy"]["replicas"] == 2
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["sandbox"]} == {"api", "receiver"}


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_that_the_program_has(name: str) -> None:
    words = [filled(word) for word in SERVICES[name]["command"]]
    if words[0] == "sandbox":
        options = sandbox.parser().parse_args(words[1:])
        assert options.host == "0.0.0.0"
        return
    group: Any = typer.main.get_command(program.app)
    command = group.commands[words[0]]
    command.make_context(words[0], words[1:])  # raises for an option that there is not


@pytest.mark.parametrize("name", ["clock", "worker", "serve"])
@pytest.mark.parametrize("file", ["docs/examples/sandbox.toml"])
def test_configuration_and_environment_fit_together(name: str, file: str, tmp_path: Path) -> None:
    environ = environment(name)
    (tmp_path / "mirrorpoint.toml").write_text((ROOT / file).read_text())
    loaded = settings.load(str(tmp_path / "mirrorpoint.toml"), environ=environ)
    assert loaded.broker.url == "redis://redis:6379/0"
    assert loaded.storage.url == "postgresql+psycopg://mirrorpoint:word@postgres/mirrorpoint"
    bootstrap.open_vault(loaded)
    bootstrap.load_catalogues(loaded)
    for secret in loaded.secrets():
        assert secret.reveal()


def test_hosts_and_ports_of_the_configuration_are_those_of_the_services(tmp_path: Path) -> None:
    (tmp_path / "mirrorpoint.toml").write_text((ROOT / "docs/examples/sandbox.toml").read_text())
    loaded = settings.load(str(tmp_path / "mirrorpoint.toml"), environ=environment("worker"))
    api, receiver = (
        sandbox.parser().parse_args([filled(word) for word in SERVICES[name]["command"][1:]])
        for name in ("api", "receiver")
    )
    assert loaded.sources["backoffice"].base_url == f"http://api:{api.port}"
    assert loaded.points[0].url.startswith(f"http://receiver:{receiver.port}/")
    assert api.receiver_url == f"http://receiver:{receiver.port}"
    auth: Any = loaded.sources["backoffice"].auth
    assert (auth.email, auth.password.reveal()) == (api.email, api.password)
    point_secret = loaded.points[0].secret
    assert point_secret is not None
    assert point_secret.reveal() == receiver.secret


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_named_with_a_version(name: str) -> None:
    assert re.fullmatch(r"[a-z]+:\d[\w.-]*", SERVICES[name]["image"])


def test_no_secret_has_a_value_that_nobody_chose_and_the_first_comment_makes_all_of_them() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{(\w+):-", text)) == {"MIRRORPOINT_FILE"}
    must_be_given = set(re.findall(r"\$\{(\w+):\?", text))
    assert must_be_given == set(GIVEN)
    top = text.partition("x-mirrorpoint")[0]
    assert {name for name in must_be_given if f"{name}=%s" in top} == must_be_given


def test_what_the_first_pages_name_as_a_variable_is_handed_on() -> None:
    pages = "".join((ROOT / name).read_text("utf-8") for name in ("README.md", "docs/install.md", "docs/points.md"))
    named = set(re.findall(r'"env:(\w+)"', pages))
    assert {"AUDIT_SECRET", "PLATFORM_PASSWORD", "SEAL_KEY"} <= named
    assert named <= SERVICES["worker"]["environment"].keys() == SERVICES["clock"]["environment"].keys()


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_takes_all_memory_or_fills_the_disk_with_its_log(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["restart"] == "unless-stopped"


def test_workers_wait_for_servers_that_say_when_they_are_ready() -> None:
    for name in ("clock", "worker", "serve"):
        for server, condition in SERVICES[name]["depends_on"].items():
            assert condition == {"condition": "service_healthy"}
            assert SERVICES[server]["healthcheck"]["test"][0] == "CMD"


def test_the_broker_keeps_what_is_queued_and_refuses_rather_than_forgets() -> None:
    command = SERVICES["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_the_page_may_be_listened_to_since_it_has_a_token(tmp_path: Path) -> None:
    (tmp_path / "mirrorpoint.toml").write_text((ROOT / "docs/examples/sandbox.toml").read_text())
    loaded = settings.load(str(tmp_path / "mirrorpoint.toml"), environ=environment("serve"))
    assert serving.address(loaded) == ("0.0.0.0", 8480)
    (token,) = wiring.tokens(loaded)
    assert (token.name, token.secret, token.role) == ("ops", GIVEN["OPS_TOKEN"], Role.OPERATE)


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_reachable_from_outside_and_data_is_kept(name: str) -> None:
    service = SERVICES[name]
    assert service.get("ports", []) == (["127.0.0.1:8480:8480"] if name == "serve" else [])
    for volume in service.get("volumes", ()):
        source = filled(volume).split(":")[0]
        assert source in COMPOSE["volumes"] or source.startswith("./")


def test_a_container_is_given_longer_to_stop_than_a_worker_takes() -> None:
    from worker import supervisor

    assert int(SERVICES["worker"]["stop_grace_period"].removesuffix("s")) > supervisor.STOP_SECONDS


def dockerfile() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines]


def test_the_image_runs_as_an_ordinary_user() -> None:
    users = [rest for word, rest in dockerfile() if word == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    assert dockerfile()[-2:] == [("ENTRYPOINT", '["mirrorpoint"]'), ("CMD", '["--help"]')]


def test_both_stages_have_one_python_and_the_project_takes_it() -> None:
    (base,) = {rest.split(" AS ")[0] for word, rest in dockerfile() if word == "FROM"}
    version = re.fullmatch(r"python:(3\.\d+)-slim-\w+", base)
    assert version
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(version[1])


def test_each_source_of_a_copy_is_there_and_is_let_in() -> None:
    copied = [rest.split()[:-1] for word, rest in dockerfile() if word == "COPY" and not rest.startswith("--from=")]
    sources = [source for sources in copied for source in sources if source != "."]
    assert sources
    let_in = [rule[1:] for rule in (ROOT / ".dockerignore").read_text().splitlines() if rule.startswith("!")]
    assert [name for name in [*sources, *let_in] if name not in let_in or not (ROOT / name).exists()] == []


def test_a_file_in_the_mounted_folder_is_never_taken_for_a_module() -> None:
    assert any(word == "ENV" and "PYTHONSAFEPATH=1" in rest for word, rest in dockerfile()[-12:])


def test_the_image_has_a_pinned_base_and_checks_what_it_installs() -> None:
    for word, rest in dockerfile():
        if word == "FROM":
            assert re.match(r"python:3\.\d+-slim-\w+( AS build)?$", rest)
        for install in re.findall(r"pip install [^&]*", rest):
            assert "--require-hashes" in install or "--no-index" in install


def test_the_image_gets_all_that_the_wheel_is_made_of_and_nothing_else() -> None:
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    needed = {*packages, "pyproject.toml", "requirements.lock", "requirements-dev.lock", PROJECT["project"]["readme"]}
    assert needed <= let_in
    for secret in (".env", "mirrorpoint.key", "mirrorpoint.db", "mirrorpoint.toml", ".git", ".venv"):
        assert not any(fnmatch.fnmatch(secret, rule) for rule in let_in)


@pytest.mark.parametrize(("name", "kinds"), [("clock", ["clock"]), ("worker", ["scan", "deliver"])])
def test_a_health_check_asks_for_all_processes_of_its_container(name: str, kinds: list[str]) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"] == ["CMD", "python", "-P", "-m", liveness.__name__, *kinds]
    assert set(kinds) <= {"clock", *processes._THREADS}
    assert float(check["start_period"].removesuffix("s")) >= watchdog.BEAT_SECONDS
    assert watchdog.BEAT_SECONDS * 3 <= liveness.SILENT_SECONDS
