"""What the README and the documentation show works as it is written there."""

import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from grupa.cli import main
from tests import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = ROOT / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", (DOCS / "queries.md").read_text(encoding="utf-8"), re.DOTALL)
PICTURES = sorted((DOCS / "images").iterdir())


def test_the_documentation_shows_queries() -> None:
    assert len(QUERIES) >= 5


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_a_query_runs_from_another_folder_and_finds_something(
    sample_warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with duckdb.connect(str(sample_warehouse / "grupa.duckdb"), read_only=True) as con:
        assert con.execute(query).fetchall()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_a_link_leads_to_a_file(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([\w./-]+)\)|(?:src|srcset)=\"([^\"]+)\"", text)
    assert [link for pair in links for link in pair if link and not (ROOT / link).exists()] == []


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_small(picture: Path) -> None:
    assert picture.stat().st_size < 300_000


def test_the_tables_of_commands_and_options_are_the_command_lines_own(capsys: pytest.CaptureFixture[str]) -> None:
    shown = CONFIGURATION.split("## Command line")[1].split("## Environment")[0]
    assert main.main(["--help"]) == 0
    commands = set(re.findall(r"^  (\w+) ", capsys.readouterr().out.split("Commands:")[1], re.MULTILINE))
    assert set(re.findall(r"^\| `grupa (\w+)", shown, re.MULTILINE)) == commands
    assert main.main(["run", "--help"]) == 0
    options = set(re.findall(r"^  (--[\w-]+)", capsys.readouterr().out, re.MULTILINE))
    assert set(re.findall(r"^\| `(--[\w-]+)", shown, re.MULTILINE)) == options


def test_every_variable_of_the_example_is_documented() -> None:
    example = (ROOT / ".env.example").read_text().splitlines()
    names = [line.split("=")[0] for line in example if line and not line.startswith("#")]
    assert [name for name in names if f"`{name}`" not in CONFIGURATION] == []


@pytest.mark.slow
def test_help_does_not_import_the_pipeline_or_the_app() -> None:
    code = (
        "import sys, grupa.cli.main as cli\ncli.main(['--help'])\n"
        "print([name for name in ('dagster', 'dash', 'pandas', 'umap') if name in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.splitlines()[-1] == "[]"
