"""Scripts and formulas planted in every text that people, logs and models write: none runs on a page or in a spreadsheet.

The page fixture fails on any error of the browser's, so markup that becomes an element fails even where the content policy stops
its script.
"""

import csv
import io
from collections.abc import Iterator
from datetime import date
from itertools import cycle
from pathlib import Path

import pyarrow.csv as pa_csv
import pytest
from playwright.sync_api import Browser, Page

from dash_app.roadmap.store import Roadmap
from grupa.cli.run import run
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse
from grupa_pipeline.vocabulary.plan_fields import Arm
from sample_data.generate import write_log
from tests.browser.conftest import Server
from tests.dash_app.planning.plans import a_plan

RUN = "window.planted=(window.planted||0)+1"
PAYLOADS = (
    f'<img src=x onerror="{RUN}">',
    f"<script>{RUN}</script>",
    f'"><svg onload="{RUN}">',
    f"[open](javascript:{RUN})",
    f'<a href="javascript:{RUN}">open</a>',
    '=HYPERLINK("http://evil.invalid",1)',
    "+1+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "-2+3",
    "\t=1+1",
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
WRITTEN_BY_MODELS = {
    "clusters": ("name", "summary", "rule", "fallback_reason"),
    "cluster_insights": ("title", "body", "change", "hypothesis"),
    "feature_catalog": ("label", "description", "unit", "numerator", "denominator"),
    "cluster_evidence": ("unit",),
    "llm_calls": ("model", "prompt", "response", "error"),
}


def planted_log(folder: Path) -> Path:
    """The sample log with payloads in its ids, actions, metadata, file's name and a rejected row."""
    write_log(folder / "plain.csv", users=200)
    table = pa_csv.read_csv(folder / "plain.csv")
    users = dict(zip(table["user_id"].unique().to_pylist(), cycle(PAYLOADS), strict=False))
    actions = dict(zip(table["action"].unique().to_pylist(), cycle(PAYLOADS), strict=False))
    path = folder / f"=1+1 {PAYLOADS[0]} log.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "timestamp", "action", "metadata", PAYLOADS[2]])
        writer.writerow(["", "2025-06-01", PAYLOADS[0], PAYLOADS[1], PAYLOADS[5]])
        for row in table.to_pylist():
            user, action = row["user_id"], row["action"]
            named = f"{users[user]} {user}", row["timestamp"], f"{actions[action]} {action}"
            writer.writerow([*named, row["metadata"], users[user]])
    return path


def plant_in_tables(folder: Path) -> None:
    """What a model, or a person, could have written."""
    with warehouse.publish(folder / "grupa.duckdb") as con:
        for table, columns in WRITTEN_BY_MODELS.items():
            held = {row[0] for row in con.execute(f"DESCRIBE {table}").fetchall()}
            for column in held & set(columns):
                con.execute(f"UPDATE {table} SET {column} = ? || ' ' || coalesce({column}, '')", [PAYLOADS[0]])


def plant_in_plans(folder: Path) -> None:
    roadmap = Roadmap(folder)
    roadmap.ensure()
    day = _snapshot(folder)
    for number, payload in enumerate(PAYLOADS):
        texts = dict.fromkeys(("name", "owner", "hypothesis", "population", "decision_rule", "brief"), payload)
        arms = (Arm("control", description=payload), Arm(payload, description=payload))
        plan = a_plan(plan_id=f"plan-{number}", snapshot_date=day, cluster_id="C01", variants=arms, **texts)
        roadmap.add(plan, payload)
    roadmap.rename_cluster("C01", PAYLOADS[0], PAYLOADS[2])
    roadmap.rename_cluster("C02", PAYLOADS[5], PAYLOADS[6])


def _snapshot(folder: Path) -> date:
    with warehouse.read(folder / "grupa.duckdb") as con:
        return con.execute("SELECT max(snapshot_date) FROM segmentations").fetchone()[0]


@pytest.fixture(scope="module")
def planted(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("planted")
    settings = Settings.from_env({"GRUPA_LLM": "none", "GRUPA_WAREHOUSE": str(folder / "warehouse")})
    made = run(settings, [planted_log(folder)])
    assert made.cluster_count >= 2
    plant_in_tables(settings.warehouse)
    plant_in_plans(settings.warehouse)
    server = Server(settings.warehouse)
    server.start()
    yield server
    server.stop()


def nothing_ran(page: Page) -> None:
    page.wait_for_timeout(500)
    assert page.evaluate("window.planted || 0") == 0
    made_elements = "[onerror], [onload], [href^='javascript:' i], img[src='x']"
    assert page.evaluate(f"document.querySelectorAll({made_elements!r}).length") == 0


@pytest.mark.parametrize(
    ("path", "settled", "shown"),
    [
        ("/", "#cards .card", PAYLOADS[0]),
        ("/?cluster=C01", ".open-card", PAYLOADS[0]),
        ("/roadmap", "#plan-table .ag-row", PAYLOADS[0]),
        ("/roadmap?plan=plan-2", "#planner input", None),
        ("/history", "#page h1", None),
        ("/data", "#files table, #files .ag-row, #files li", "log.csv"),
        ("/print/roadmap", "article", PAYLOADS[0]),
    ],
    ids=["map", "card", "roadmap", "plan", "history", "data", "print"],
)
def test_no_page_runs_what_was_planted(page: Page, planted: Server, path: str, settled: str, shown: str | None):
    page.goto(planted.url + path)
    page.wait_for_selector(settled)
    nothing_ran(page)
    if shown:
        assert shown in page.locator("body").inner_text()


def test_dialogs_hovers_and_a_plan_made_from_planted_text_run_nothing(page: Page, planted: Server):
    page.goto(planted.url + "/?cluster=C01")
    page.wait_for_selector(".open-card")
    for _ in range(3):
        box = page.locator("#map").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2, steps=8)
    page.locator(".chip").first.click()
    page.get_by_role("dialog").wait_for()
    nothing_ran(page)
    page.keyboard.press("Escape")
    page.locator("#panel").get_by_role("button", name="Plan test").first.click()
    page.wait_for_selector(".numbers")
    nothing_ran(page)


def test_no_exported_cell_is_a_formula(planted: Server, browser: Browser):
    day = _snapshot(planted.warehouse).isoformat()
    paths = [
        "/export/roadmap.csv",
        *(f"/export/users.csv?snapshot={day}&cluster={each}" for each in ("", "C01", "C02")),
    ]
    with warehouse.read(planted.warehouse / "grupa.duckdb") as con:
        file = con.execute("SELECT file_sha256 FROM ingested_files").fetchone()[0]
    paths.append(f"/export/rejected/{file}.csv")
    context = browser.new_context()
    for path in paths:
        answer = context.request.get(planted.url + path)
        assert answer.ok, path
        assert answer.headers["content-type"].startswith("text/csv")
        cells = [cell for row in csv.reader(io.StringIO(answer.text())) for cell in row]
        assert any("window.planted" in cell or "HYPERLINK" in cell for cell in cells), path
        assert [cell for cell in cells if cell.startswith(FORMULA_STARTS) and not _is_number(cell)] == [], path
    context.close()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
