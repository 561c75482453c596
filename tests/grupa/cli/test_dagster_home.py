"""A dagster.yaml of somebody's own is theirs: it is kept, and what is wrong with it is told in a sentence."""

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


def test_a_dagster_yaml_that_is_there_is_left_alone_and_used(tmp_path: Path) -> None:
    text = f"# ours\nstorage:\n  sqlite:\n    base_dir: {tmp_path / 'elsewhere'}\n"
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
def test_one_that_cannot_be_used_is_told_in_a_sentence(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture
) -> None:
    config = configured(tmp_path, text)
    with pytest.raises(DagsterStorageError, match="cannot work as"):
        prepare_home(Settings(warehouse=tmp_path))
    (tmp_path / "log.csv").write_text("user_id,timestamp,action\na,2025-06-01,login\n")
    assert main.main(["run", str(tmp_path / "log.csv"), "--warehouse", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert str(config) in told and "Traceback" not in told


def test_a_folder_that_sqlite_cannot_name_is_told_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "log.csv").write_text("user_id,timestamp,action\na,2025-06-01,login\n")
    assert main.main(["run", str(tmp_path / "log.csv"), "--warehouse", str(tmp_path / "which?")]) == 1
    told = capsys.readouterr().err
    assert "SQLite" in told and "Traceback" not in told
