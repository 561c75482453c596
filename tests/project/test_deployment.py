"""Containers and the systemd unit start what is there, with settings that are read."""

import configparser
import re

import pytest
import yaml

from grupa_pipeline.settings import variable_name
from tests import ROOT
from tests.project.test_setup_files import variables_read

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
POSTGRES = yaml.safe_load((ROOT / "compose.postgres.yaml").read_text())
SERVICES = ("prepare", "code", "daemon", "webserver", "app")


def test_all_services_share_one_warehouse_and_write_nowhere_else() -> None:
    assert tuple(COMPOSE["services"]) == SERVICES
    for service in COMPOSE["services"].values():
        assert service["volumes"] == ["warehouse:/warehouse"]
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        variables = {name for name in service["environment"] if name.startswith("GRUPA_")}
        assert variables <= variables_read()


def test_what_is_published_is_published_to_this_machine_alone() -> None:
    ports = {name: service.get("ports") for name, service in COMPOSE["services"].items()}
    assert {name: port for name, port in ports.items() if port} == {
        "webserver": ["127.0.0.1:3000:3000"],
        "app": ["127.0.0.1:8050:8050"],
    }


def test_the_workspace_names_the_code_server_of_the_services() -> None:
    [entry] = yaml.safe_load((ROOT / "deploy/workspace.yaml").read_text())["load_from"]
    server = entry["grpc_server"]
    command = COMPOSE["services"][server["host"]]["command"]
    assert command[command.index("--port") + 1] == str(server["port"])
    assert command[command.index("--location-name") + 1] == server["location_name"] == "grupa"


def test_the_files_that_commands_name_are_in_the_image() -> None:
    copied = re.findall(r"^COPY (?!--)(\S.*) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {name for line in copied for name in line.split()}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, source
    named = {word for service in COMPOSE["services"].values() for word in service["command"] if "/opt/grupa/" in word}
    assert named
    for path in named:
        assert (ROOT / path.removeprefix("/opt/grupa/")).exists(), path


def test_with_postgresql_every_service_gets_the_variables_of_dagsters_file() -> None:
    wanted = set(re.findall(r"env: (\w+)", (ROOT / "deploy/dagster.postgres.yaml").read_text()))
    for name in SERVICES:
        assert wanted <= set(POSTGRES["services"][name]["environment"]), name


@pytest.mark.parametrize("field", ["warehouse", "users_file"])
def test_the_services_say_where_their_files_are(field: str) -> None:
    values = [service["environment"][variable_name(field)] for service in COMPOSE["services"].values()]
    assert all(value.startswith("/warehouse") for value in values)


def test_the_unit_starts_the_service_and_waits_until_it_has_stopped() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment]
    unit.read(ROOT / "deploy/grupa.service")
    assert unit["Service"]["ExecStart"].endswith("/bin/grupa serve")
    assert int(unit["Service"]["TimeoutStopSec"]) > 20
