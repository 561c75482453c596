"""What tests of several rooms share: one warehouse, made from the sample log by the pipeline itself."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from grupa.cli.run import Summary, run
from grupa_pipeline.settings import Settings
from sample_data.generate import write_log
from tests.grupa_pipeline.spark_cluster import spark_cluster

SAMPLE_USERS = 900


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    """A warehouse segmented from 900 users of the sample log (labels.csv beside it), and the run's summary. Read only."""
    folder = tmp_path_factory.mktemp("sample_warehouse")
    write_log(folder / "log.csv", users=SAMPLE_USERS, labels=folder / "labels.csv")
    warehouse = folder / "warehouse"
    return warehouse, run(
        Settings.from_env({"GRUPA_LLM": "none", "GRUPA_WAREHOUSE": str(warehouse)}), [folder / "log.csv"]
    )


@pytest.fixture(scope="session")
def sample_warehouse(sample_run: tuple[Path, Summary]) -> Path:
    """The folder of that warehouse."""
    return sample_run[0]


@pytest.fixture
def sample_copy(sample_warehouse: Path, tmp_path: Path) -> Path:
    """A copy of that warehouse to change, as if the folder had been moved."""
    copy = tmp_path / "copied"
    shutil.copytree(sample_warehouse, copy, symlinks=True, ignore=shutil.ignore_patterns(".dagster"))
    return copy


@pytest.fixture(scope="session")
def spark_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Spark cluster on loopback with two workers."""
    with spark_cluster(tmp_path_factory.mktemp("spark")) as address:
        yield address
