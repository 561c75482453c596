"""What a newcomer's machine is set up from: the lock files, .env.example, workspace.yaml, the generated page."""

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from grupa_pipeline.settings import BASE_URL_VARIABLES, KEY_VARIABLES, Settings, usable_key, variable_name
from grupa_pipeline.storage.tables_doc import tables_page
from tests import ROOT

LOCK_FILES = ("requirements.lock", "requirements-dev.lock", "requirements-postgres.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(lock_file: str) -> dict[str, str]:
    lines = (ROOT / lock_file).read_text().splitlines()
    return dict(re.match(r"([\w.-]+)(?:\[.*?\])?==(\S+)", line).groups() for line in lines if "==" in line)


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def variables_read() -> set[str]:
    """Every variable from which settings are read."""
    # Two follow from the provider's variables, and one `grupa serve` sets for its processes.
    fields = set(Settings.model_fields) - {"llm_base_url", "llm_warning", "service_process"}
    return {*map(variable_name, fields), *KEY_VARIABLES.values(), *BASE_URL_VARIABLES.values()}


@pytest.mark.parametrize("lock_file", LOCK_FILES)
def test_a_lock_file_names_no_registry_and_hashes_everything(lock_file: str) -> None:
    text = (ROOT / lock_file).read_text()
    assert "://" not in text
    assert not re.search(r"^--|(?:^|\s)/", text.replace("--hash", ""), re.MULTILINE)
    for requirement in re.findall(r"^[\w.-]+(?:\[.*?\])?==[^\\\n]*(?:\\\n[^\\\n]*)*", text, re.MULTILINE):
        assert "--hash=sha256:" in requirement, requirement


def test_the_lock_files_agree_and_satisfy_the_project() -> None:
    runtime, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    postgres = pins("requirements-postgres.lock")
    assert runtime.items() <= dev.items()
    assert runtime.items() <= postgres.items()
    wanted = [
        *((text, runtime) for text in PROJECT["dependencies"]),
        *((text, postgres) for text in PROJECT["optional-dependencies"]["postgres"]),
        *((text, dev) for text in PROJECT["optional-dependencies"]["dev"]),
    ]
    for text, locked in wanted:
        requirement = Requirement(text)
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), text


def test_every_variable_that_settings_read_is_in_the_example() -> None:
    assert variables_read() <= set(example())


def test_the_example_names_no_variable_that_nothing_reads() -> None:
    assert set(example()) <= variables_read() | {"GRUPA_REAL_LOGS"}


def test_the_example_changes_no_default_and_its_keys_are_none() -> None:
    env = example()
    assert Settings.from_env(env) == Settings.from_env({})
    assert all(env[key] and not usable_key(env, provider) for provider, key in KEY_VARIABLES.items())


def test_the_page_of_tables_is_up_to_date() -> None:
    assert (ROOT / "docs" / "tables.md").read_text(encoding="utf-8") == tables_page(), "run `make docs`"


def test_the_workspace_loads_a_module_that_is_there() -> None:
    (location,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    module = location["python_module"]["module_name"]
    assert (ROOT / Path(*module.split("."))).with_suffix(".py").exists()


@pytest.mark.parametrize(
    "name", [".ci/run", "tools/venv", "tools/apt-install", "tools/chromium", "tools/java", "tools/node"]
)
def test_scripts_can_be_run(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK)


def test_make_demo_and_make_test_stand_at_the_top_of_the_readme() -> None:
    top = (ROOT / "README.md").read_text().splitlines()[:15]
    assert "make demo" in "\n".join(top)
    assert "make test" in "\n".join(top)


def test_no_file_of_the_project_names_a_folder_of_the_machine_it_was_written_on() -> None:
    home = re.compile(r"(?<![\w.])/(?:home|root|work|Users)/\w")
    named = [
        path.name
        for path in (ROOT / name for name in (*LOCK_FILES, ".env.example", "README.md", "Makefile", "workspace.yaml"))
        if home.search(path.read_text())
    ]
    assert named == []
