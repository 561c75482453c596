"""Makes the pictures of the README and the docs from the sample log: `make screenshots`.

The sample log is generated from its seed and segmented in a temporary warehouse with the rules as the writer, so the pictures
can be made again on any machine with Chromium. Each is a WebP file of less than 300 KB.
"""

import argparse
import base64
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import duckdb
from playwright.sync_api import Page, sync_playwright

from benchmarks.app.browsing import FLAGS
from grupa_pipeline.sql import quoted

WIDTH, HEIGHT = 1440, 900
MOST_BYTES = 300_000
QUALITY = 82
"""Of the WebP encoder: text stays sharp at half the bytes of PNG."""


def main() -> None:
    """Write `clusters` and `planner` in light and dark into the folder given by `--out`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        warehouse = _sample_warehouse(Path(folder))
        insight = _first_recommendation(warehouse)
        with _app(warehouse) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
            for scheme in ("light", "dark"):
                context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
                page = context.new_page()
                _clusters(page, url, out / f"clusters-{scheme}.webp")
                _planner(page, url, insight, out / f"planner-{scheme}.webp")
                context.close()
            browser.close()


def _sample_warehouse(folder: Path) -> Path:
    log, warehouse = folder / "sample.csv", folder / "warehouse"
    env = os.environ | {"GRUPA_LLM": "none", "GRUPA_WAREHOUSE": str(warehouse)}
    subprocess.run([sys.executable, "-m", "sample_data.generate", "--out", str(log)], check=True)
    subprocess.run([sys.executable, "-m", "grupa.cli.main", "run", str(log)], env=env, check=True)
    return warehouse


def _first_recommendation(warehouse: Path) -> str:
    """The id of the first recommendation of the largest cluster."""
    query = f"""SELECT insight_id FROM cluster_insights JOIN clusters USING (snapshot_date, cluster_id)
                WHERE kind = {quoted("recommendation")} ORDER BY size DESC, rank LIMIT 1"""
    with duckdb.connect(str(warehouse / "grupa.duckdb"), read_only=True) as con:
        return str(con.execute(query).fetchall()[0][0])


@contextlib.contextmanager
def _app(warehouse: Path) -> Iterator[str]:
    """The app over `warehouse` on a free port of loopback; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "gunicorn", "dash_app.app:create_server()", "--bind", address, "--threads", "4"]
    with subprocess.Popen(command, env=os.environ | {"GRUPA_LLM": "none", "GRUPA_WAREHOUSE": str(warehouse)}) as server:
        try:
            for _ in range(300):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}/healthz", timeout=5):
                    break
                time.sleep(0.2)
            yield f"http://{address}"
        finally:
            server.terminate()


def _chromium() -> str:
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        raise SystemExit("Chromium is not installed; on Debian: apt-get install chromium")
    return path


def _open(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector(".waiting", state="detached", timeout=60_000)


def _clusters(page: Page, url: str, path: Path) -> None:
    _open(page, f"{url}/?cluster=C01")
    page.wait_for_selector("#map .annotation-text-g", timeout=60_000)
    _save(page, path)


def _planner(page: Page, url: str, insight: str, path: Path) -> None:
    _open(page, f"{url}/?plan=new:{insight}")
    page.get_by_role("button", name="Save to the roadmap").wait_for(timeout=60_000)
    _save(page, path)


def _save(page: Page, path: Path) -> None:
    page.wait_for_timeout(1_000)  # the end of the transitions
    shot = page.context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    path.write_bytes(base64.b64decode(shot["data"]))
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size:,} bytes, at most {MOST_BYTES:,}; lower QUALITY.")
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
