"""Measures how much longer pages take to show with a year of snapshots than with a few: `python -m benchmarks.app.history_growth`.

Both warehouses hold the snapshot of one small run, again and again, a day apart, and as many ingested logs. Both are served at
the same time and opened in turn, so that whatever else the machine does meets both. Exit status 1 when a page takes more than
1.3 times as long.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks.app.browsing import FLAGS, served
from grupa.cli.run import run
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.warehouse import PIPELINE_FILE
from grupa_pipeline.tables import SNAPSHOT_TABLES
from grupa_pipeline.vocabulary.enums import TableStorage
from sample_data.generate import write_log

MOST_RATIO = 1.3
PAGES = {
    "Clusters": ("", "#map .js-plotly-plot .main-svg"),
    "History": ("history", ".sizes-graph .main-svg"),
    "Data": ("data", "#files .log-table"),
}
"""Address of each page, and what is there when it is painted."""


def make_history(source: Path, folder: Path, snapshots: int) -> Path:
    """Copy the warehouse `source` of one run to `folder`, with its snapshot on each of `snapshots` days.

    Per-user tables are those of the newest day alone: however old a warehouse is, it keeps as many as a setting says.
    """
    shutil.copytree(source, folder, symlinks=True, ignore=shutil.ignore_patterns(".dagster"))
    with warehouse.publish(folder / PIPELINE_FILE) as con:
        con.execute(f"CREATE TEMP TABLE ages AS SELECT unnest(range(1, {snapshots}))::INT AS age")
        for table in SNAPSHOT_TABLES:
            column = table.snapshot_column
            if table.storage is TableStorage.ROWS and column:
                moved = ", ".join(
                    f"{name} - age AS {name}" for name in table.column_names if name in (column, "from_snapshot")
                )
                if table.name == "llm_calls":
                    moved += ", call_id || age AS call_id"
                con.execute(f"INSERT INTO {table.name} SELECT t.* REPLACE ({moved}) FROM {table.name} t, ages")
        con.execute(
            "INSERT INTO cluster_transitions BY NAME SELECT c.snapshot_date - 1 AS from_snapshot, c.snapshot_date AS to_snapshot,"
            " c.cluster_id AS from_cluster_id, c.cluster_id AS to_cluster_id, c.size AS users,"
            " CASE WHEN day(c.snapshot_date) % 7 = 0 THEN 'split' ELSE 'continue' END AS kind FROM clusters c"
        )
        con.execute(
            "INSERT INTO ingested_files SELECT f.* REPLACE (file_sha256 || age AS file_sha256, ingested_at - INTERVAL (age) DAY AS"
            " ingested_at) FROM ingested_files f, ages"
        )
    return folder


def first_paint(browser: Browser, url: str, path: str, shown: str) -> float:
    """Seconds from the request until what `shown` selects is painted, in a browser that has the scripts but no page."""
    page = browser.contexts[0].new_page()
    try:
        start = time.monotonic()
        page.goto(f"{url}{path}")
        page.wait_for_selector(shown, state="visible", timeout=120_000)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")
        return time.monotonic() - start
    finally:
        page.close()


def measure(folders: Mapping[int, Path], visits: int) -> dict[str, dict[int, float]]:
    """Median seconds until each page is painted, by page and number of snapshots."""
    times: dict[str, dict[int, list[float]]] = {name: {size: [] for size in folders} for name in PAGES}
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    with ExitStack() as stack:
        urls = {size: stack.enter_context(served(folder))[0] for size, folder in folders.items()}
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=executable, headless=True, args=list(FLAGS))
        browser.new_context(viewport={"width": 1440, "height": 900})
        for visit in range(visits + 1):
            for name, (path, shown) in PAGES.items():
                for size, url in urls.items() if visit % 2 else reversed(urls.items()):
                    seconds = first_paint(browser, url, path, shown)
                    print(f"visit {visit}: {name} of {size} snapshots, {seconds:.2f} s", file=sys.stderr, flush=True)
                    if visit:  # the first round fills the browser's and the servers' caches
                        times[name][size].append(seconds)
        browser.close()
    return {
        name: {size: statistics.median(taken) for size, taken in by_size.items()} for name, by_size in times.items()
    }


def main() -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.app.history_growth", description=__doc__)
    parser.add_argument("--few", type=int, default=5, help="snapshots of the one warehouse (default: %(default)s)")
    parser.add_argument("--many", type=int, default=365, help="snapshots of the other (default: %(default)s)")
    parser.add_argument("--users", type=int, default=600, help="users of the run (default: %(default)s)")
    parser.add_argument("--visits", type=int, default=9, help="visits of each page (default: %(default)s)")
    options = parser.parse_args()
    missed = False
    with tempfile.TemporaryDirectory(prefix="grupa-history-") as temporary:
        folder = Path(temporary)
        write_log(folder / "log.csv", users=options.users)
        run(Settings(warehouse=folder / "run"), [folder / "log.csv"])
        sizes = (options.few, options.many)
        medians = measure(
            {size: make_history(folder / "run", folder / f"of-{size}", size) for size in sizes}, options.visits
        )
        few, many = sizes
        print(
            f"| page | s with {few} snapshots | s with {many} | ratio | at most {MOST_RATIO} |\n|---|---|---|---|---|"
        )
        for name, seconds in medians.items():
            ratio = seconds[many] / seconds[few]
            missed |= ratio > MOST_RATIO
            verdict = "yes" if ratio <= MOST_RATIO else "NO"
            print(f"| {name} | {seconds[few]:.2f} | {seconds[many]:.2f} | {ratio:.2f} | {verdict} |")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
