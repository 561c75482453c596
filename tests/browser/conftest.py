"""A real server over the synthetic warehouse, and a real Chromium. Skips, saying so, where there is no Chromium."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.app.browsing import FLAGS
from tests import ROOT
from tests.dash_app.synthetic import write_warehouse

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.browser)


class Server:
    """The app under gunicorn on a free port of loopback; may be stopped and started again."""

    def __init__(self, warehouse: Path, **env: str) -> None:
        self.warehouse, self.env = warehouse, env
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "--bind",
            f"127.0.0.1:{self.port}",
            "--threads",
            "4",
            "dash_app.app:create_server()",
        ]
        env = {
            "GRUPA_WAREHOUSE": str(self.warehouse),
            "PATH": "/usr/bin:/bin",
            "OMP_NUM_THREADS": "1",
            "GRUPA_LLM": "none",
        } | self.env
        with (self.warehouse / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):
                    return
            except OSError:  # refused while it starts, or too slow on a busy machine
                assert self.process.poll() is None, (self.warehouse / "server.log").read_text()
                time.sleep(0.1)
        raise AssertionError("the app did not answer")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt install chromium); browser tests need it")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    write_warehouse(folder)
    made = Server(folder)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page; anything that the browser reports as an error fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("dialog", lambda dialog: errors.append(f"a script opened a dialog: {dialog.message}"))
    yield opened
    context.close()
    assert errors == []
