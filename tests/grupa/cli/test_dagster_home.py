"""An existing dagster.yaml is kept unchanged, and one that Dagster cannot use is reported in one sentence."""

from pathlib import Path

import pytest

from grupa.cli import main
from grupa_pipeline.defs.instance import DagsterStorageError, dagster_instance, prepare_home
from grupa_pipeline.settings import Settings


def configured(warehouse: Path, text: str) -> Path:
    home = warehouse / ".dagster"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text(text)
    return home / "dagster.yaml"


@pytest.mark.slow
def test_an_existing_dagster_yaml_is_used_and_not_changed(tmp_path: Path) -> None:
    text = f"# a comment\nstorage:\n  sqlite:\n    base_dir: {tmp_path / 'elsewhere'}\n"
    config = configured(tmp_path, text)
    prepare_home(Settings(warehouse=tmp_path))
    with dagster_instance(Settings(warehouse=tmp_path)) as instance:
        assert instance.get_runs() == []
    assert config.read_text() == text
    assert list((tmp_path / "elsewhere").rglob("*.db"))


@pytest.mark.parametrize(
    "text",
    [
        "storage:\n  postgress: {}\n",
        "run_storage:\n  module: no.such.module\n  class: Storage\n",
        "storage:\n  sqlite:\n    base_dir: {env: NO_SUCH_VARIABLE_IS_SET}\n",
    ],
)
def test_an_unusable_dagster_yaml_is_reported_in_one_sentence(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture
) -> None:
    config = configured(tmp_path, text)
    with pytest.raises(DagsterStorageError, match="cannot work as"):
        prepare_home(Settings(warehouse=tmp_path))
    (tmp_path / "log.csv").write_text("user_id,timestamp,action\na,2025-06-01,login\n")
    assert main.main(["run", str(tmp_path / "log.csv"), "--warehouse", str(tmp_path)]) == 1
    message = capsys.readouterr().err
    assert str(config) in message and "Traceback" not in message


def test_a_folder_whose_name_sqlite_cannot_use_is_reported_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "log.csv").write_text("user_id,timestamp,action\na,2025-06-01,login\n")
    assert main.main(["run", str(tmp_path / "log.csv"), "--warehouse", str(tmp_path / "which?")]) == 1
    message = capsys.readouterr().err
    assert "SQLite" in message and "Traceback" not in message
