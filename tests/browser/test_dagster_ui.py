"""Dagster's own UI under `grupa serve`, used in a real browser: one asset alone, a backfill, a restart."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from grupa.cli.run import run
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import SNAPSHOT_TABLES
from sample_data.generate import END, write_log
from tests.browser.conftest import ROOT
from tests.grupa_pipeline.defs.test_pipeline import rows

pytestmark = pytest.mark.dagster_ui
FIRST = END - timedelta(days=4)
PATIENCE = 240_000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """`grupa serve` on free ports."""

    def __init__(self, warehouse: Path) -> None:
        self.warehouse, self.port, self.dagster_port = warehouse, free_port(), free_port()
        command = [sys.executable, "-m", "grupa.cli.main", "serve", "--warehouse", str(warehouse)]
        command += ["--port", str(self.port), "--dagster-port", str(self.dagster_port)]
        # All else as in this process: what chooses the linear algebra's kernels decides the last bit of its results.
        env = {name: value for name, value in os.environ.items() if not name.startswith(("GRUPA_", "DAGSTER_"))}
        env |= {"GRUPA_LLM": "none", "OMP_NUM_THREADS": "1"}
        self.log = warehouse / "serve.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        self.dagster = f"http://127.0.0.1:{self.dagster_port}"
        give_up = time.monotonic() + 240
        while self.log.read_text().count("http://127.0.0.1") < 2:
            assert self.process.poll() is None and time.monotonic() < give_up, self.log.read_text()
            time.sleep(0.5)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def launch(page: Page, url: str, button: str, days: str) -> None:
    """What a person does in the UI: open the page, Materialize, say which days, launch."""
    page.goto(url, timeout=PATIENCE)
    page.get_by_role("button", name=button).click(timeout=PATIENCE)
    page.get_by_text("Show all partitions").click(timeout=PATIENCE)
    which = page.get_by_placeholder("ex: ")
    which.fill(days, timeout=PATIENCE)
    which.press("Enter")
    page.get_by_role("button", name="Launch").last.click(timeout=PATIENCE)


def wait_for_snapshots(service: Service, days: list[date]) -> None:
    give_up = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < give_up:
        found = Publication(service.warehouse).query("SELECT snapshot_date FROM segmentations ORDER BY 1").to_pydict()
        if found.get("snapshot_date") == days:
            return
        time.sleep(1)
    raise AssertionError(f"only {found} after {PATIENCE} ms: {service.log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Five days made by five `grupa run`s in order, of a log that is quick to segment."""
    folder = tmp_path_factory.mktemp("in_order")
    write_log(folder / "log.csv", users=12, days=14)
    settings = Settings(warehouse=folder / "warehouse")
    for number in range(5):
        run(settings, [folder / "log.csv"] if number == 0 else [], as_of=FIRST + timedelta(days=number))
    return settings


def test_the_ui_makes_one_asset_and_a_backfill_and_remembers_them(
    in_order: Settings, tmp_path: Path, browser: Browser
) -> None:
    settings = Settings(warehouse=tmp_path)
    settings.inbox.mkdir()
    shutil.copy(in_order.warehouse.parent / "log.csv", settings.inbox / "log.csv")
    service = Service(tmp_path)
    page = browser.new_page()
    try:
        # The sensor takes the file in, once, and segments its last day.
        wait_for_snapshots(service, [END])
        assert (settings.inbox / "done" / "log.csv").exists()
        asset = f"{service.dagster}/assets/event_catalog?view=overview"
        launch(page, asset, "Materialize…", f"{FIRST}")
        expect(page.get_by_text(f"{FIRST}").first).to_be_visible(timeout=PATIENCE)
        job = f"{service.dagster}/locations/grupa/jobs/snapshot_job"
        launch(page, job, "Materialize all…", f"[{FIRST}...{END}]")
        wait_for_snapshots(service, [FIRST + timedelta(days=number) for number in range(5)])
    finally:
        assert service.stop() == 0, "it stops when it is asked to"
    for table in SNAPSHOT_TABLES:
        assert rows(settings, table) == rows(in_order, table), table.name

    service = Service(tmp_path)
    try:
        page.goto(f"{service.dagster}/assets/user_features?view=events", timeout=PATIENCE)
        for number in range(5):
            expect(page.get_by_text(f"{FIRST + timedelta(days=number)}").first).to_be_visible(timeout=PATIENCE)
    finally:
        service.stop()
        page.close()
