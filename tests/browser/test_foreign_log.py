"""A new user's first minutes in a real browser: from another tool's export to its map."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from grupa.cli.run import run
from grupa_pipeline.settings import Settings
from sample_data.generate import write_log
from tests.browser.conftest import Server
from tests.browser.test_data_page import drop

pytestmark = pytest.mark.slow
COUNT = """() => { for (const kind of ["click", "keydown"]) addEventListener(kind, (event) => {
  if (event.isTrusted) sessionStorage.setItem(kind, Number(sessionStorage.getItem(kind) || 0) + 1); }, true); }"""


@pytest.fixture(scope="module")
def served(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over an empty warehouse."""
    made = Server(tmp_path_factory.mktemp("served"))
    made.start()
    yield made
    made.stop()


def export_of(folder: Path) -> str:
    """The sample log as PostHog exports it."""
    write_log(folder / "plain.csv", users=80)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["uuid", "event", "timestamp", "distinct_id", "properties"])
    with (folder / "plain.csv").open(encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            writer.writerow([f"id-{number}", row["action"], row["timestamp"], row["user_id"], row["metadata"]])
    return text.getvalue()


def test_an_export_of_a_known_tool_is_a_map_after_few_clicks_and_nothing_typed(
    browser: Browser, served: Server, tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(f"({COUNT})()")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{served.url}/data")
    card = drop(page, "export.csv", export_of(tmp_path))
    expect(card).to_contain_text("has the columns of PostHog", timeout=60_000)
    card.get_by_role("button", name="Ingest").click()
    expect(card).to_have_count(0, timeout=60_000)
    # What the inbox's sensor starts where Dagster runs.
    run(Settings(warehouse=served.warehouse, llm="none"), [served.warehouse / "inbox" / "export.csv"])
    page.get_by_role("link", name="Clusters").click()
    page.wait_for_selector("#map .js-plotly-plot .scatterlayer path, #map .js-plotly-plot canvas")
    counted = {kind: int(page.evaluate(f"sessionStorage.getItem('{kind}') || 0")) for kind in ("click", "keydown")}
    context.close()
    assert 1 <= counted["click"] <= 4
    assert counted["keydown"] == 0
