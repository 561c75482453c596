"""Fixtures of several packages, and the markers that choose which tests run. Heavy imports stay inside the fixtures."""

import fcntl
import os
import pickle
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from grupa.cli.run import Summary

SAMPLE_USERS = 900


COST = {"dagster_ui": 100, "spark": 20, "browser": 5, "slow": 5}
"""Roughly the seconds of a test with that marker: files with the most of them are started first."""


def pytest_configure(config: pytest.Config) -> None:
    """Drop Hypothesis's limit of 200 ms an example, which a busy machine exceeds."""
    from hypothesis import settings

    settings.register_profile("grupa", deadline=None)
    settings.load_profile("grupa")


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what needs a Spark cluster or the sample warehouse."""
    fixtures = getattr(item, "fixturenames", ())
    if "spark_address" in fixtures:
        item.add_marker(pytest.mark.spark)
    if "sample_run" in fixtures:
        item.add_marker(pytest.mark.slow)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Under pytest-xdist, put the costliest groups first, so that no worker is left with one of them at the end."""
    if not hasattr(config, "workerinput"):
        return
    costs: Counter[str] = Counter()
    for item in items:
        costs[_group(item.nodeid)] += sum(cost for marker, cost in COST.items() if item.get_closest_marker(marker))
    items.sort(key=lambda item: -costs[_group(item.nodeid)])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let one worker of pytest-xdist run all tests of a file, which share its fixtures, and one all tests on Spark."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return ByFile(config, log)


def _group(nodeid: str) -> str:
    """The file of a test; one group for all files of tests on the Spark cluster, which a machine runs once."""
    file = nodeid.split("::", maxsplit=1)[0]
    return "spark" if "/test_spark_" in file else file


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], Any]], Any]:
    """`once(name, create)`: what `create(folder)` returned, run by the first of all workers that needs it.

    The folder is shared by the workers; the result must be picklable.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def result(name: str, create: Callable[[Path], Any]) -> Any:
        folder, stored = shared / f"shared_{name}", shared / f"shared_{name}.pickle"
        with (shared / f"shared_{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not stored.exists():
                folder.mkdir()
                stored.write_bytes(pickle.dumps(create(folder)))
            return pickle.loads(stored.read_bytes())

    return result


@pytest.fixture(scope="session")
def sample_run(once: Callable[..., Any]) -> "tuple[Path, Summary]":
    """A warehouse segmented from 900 users of the sample log (labels.csv beside it), and the run's summary. Read only."""
    return once("sample_run", _run_sample)


def _run_sample(folder: Path) -> "tuple[Path, Summary]":
    from grupa.cli.run import run
    from grupa_pipeline.settings import Settings
    from sample_data.generate import write_log

    write_log(folder / "log.csv", users=SAMPLE_USERS, labels=folder / "labels.csv")
    settings = Settings.from_env({"GRUPA_LLM": "none", "GRUPA_WAREHOUSE": str(folder / "warehouse")})
    return settings.warehouse, run(settings, [folder / "log.csv"])


@pytest.fixture(scope="session")
def sample_warehouse(sample_run: "tuple[Path, Summary]") -> Path:
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
    from tests.grupa_pipeline.spark_cluster import spark_cluster

    with spark_cluster(tmp_path_factory.mktemp("spark")) as address:
        yield address


@pytest.fixture(autouse=True)
def own_umask() -> Iterator[None]:
    """What a command of `grupa`, or a fixture that ran one, set for its process ends with the test."""
    os.umask(0o022)
    yield
    os.umask(0o022)


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with little memory (OpenSSL refuses N below 256): half a second less for each."""
    from werkzeug import security

    original = security.generate_password_hash
    monkeypatch.setattr(security, "generate_password_hash", lambda password, _: original(password, "scrypt:1024:8:1"))
