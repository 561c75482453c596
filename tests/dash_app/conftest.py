"""Services over the synthetic warehouse, and what tests ask of a tree of components."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import flask
import pytest

from dash_app import plan_drafts
from dash_app.data.database import Database
from dash_app.data.snapshot import Snapshot
from dash_app.planning.brief import write_brief
from dash_app.roadmap.store import Roadmap
from dash_app.services import Services
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.warehouse import PIPELINE_FILE
from tests.dash_app.synthetic import write_warehouse


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the synthetic warehouse; nobody writes to it."""
    folder = tmp_path_factory.mktemp("warehouse")
    write_warehouse(folder)
    Roadmap(folder).ensure()
    return folder


@pytest.fixture(scope="session")
def database(written: Path) -> Database:
    """Reads the warehouse that nobody writes to, so its answers are kept from test to test."""
    return Database(written / PIPELINE_FILE)


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy of the synthetic warehouse that a test may write to."""
    return Path(shutil.copytree(written, tmp_path / "warehouse", symlinks=True))


@pytest.fixture
def services(folder: Path, database: Database) -> Iterator[Services]:
    """The roadmap is the test's own; the tables are shared."""
    roadmap = Roadmap(folder, brief=lambda plan: write_brief(plan, plan_drafts.labels(database)))
    made = Services(Settings(warehouse=folder), database, roadmap, lambda: "local user")
    with flask.Flask("test").test_request_context():
        yield made


@pytest.fixture
def shown(services: Services) -> Snapshot:
    found = services.snapshot(None)
    assert found is not None
    return found
