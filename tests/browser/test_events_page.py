"""The page Events in a real browser: what an event means is changed, accepted and kept."""

import json
from collections.abc import Iterator
from datetime import datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from grupa_pipeline.event_catalog.action_meanings import catalog_rows
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.storage.roles_store import load_roles
from tests.browser.conftest import Server
from tests.dash_app.synthetic import write_warehouse

ACTIONS = (
    "login",
    "search results opened",
    "order_completed",
    "subscription_cancelled",
    "payment_error",
    "help_open",
    "$pageview",
)


@pytest.fixture(scope="module")
def served(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without Dagster over a warehouse whose catalogue nobody has accepted."""
    folder = tmp_path_factory.mktemp("served")
    write_warehouse(folder)
    at = datetime(2026, 1, 1)
    counted = [
        {"action": name, "users": 90 - number, "events": 900 - number, "first_seen_at": at, "last_seen_at": at}
        for number, name in enumerate(ACTIONS)
    ]
    rows = catalog_rows(counted, Roles(), {}, {})
    with warehouse.publish(Publication(folder).database) as con:
        made_with = json.dumps({"roles_sha256": Roles().sha256()})
        con.execute("UPDATE segmentations SET parameters = json_merge_patch(parameters, ?)", [made_with])
        con.execute("DELETE FROM event_catalog")
        columns = list(rows[0])
        marks = ", ".join("?" for _ in columns)
        con.executemany(
            f"INSERT INTO event_catalog ({', '.join(columns)}) VALUES ({marks})", [list(row.values()) for row in rows]
        )
    expect.set_options(timeout=30_000)  # a busy machine takes its time
    made = Server(folder)
    made.start()
    yield made
    made.stop()


def test_what_an_event_means_is_changed_and_accepted(page: Page, served: Server) -> None:
    settings = Settings(warehouse=served.warehouse, llm="none")
    page.goto(f"{served.url}/events")
    page.wait_for_selector(".event-row", timeout=90_000)
    row = page.locator(".event-row").first
    action = row.get_by_role("textbox").first.input_value()
    row.locator(".event-role input").first.click()
    page.get_by_role("option", name="Help", exact=True).click()
    expect(page.locator("#toast")).to_contain_text(f"{action}: Help. It takes effect in the next run.")
    expect(page.locator("#events-status")).to_contain_text("Segmenting again is due")
    expect(page.locator("#events-status")).to_contain_text("1 action is read otherwise now")
    changed = page.locator(".event-row", has_text="Set by a person").first
    expect(changed).to_contain_text("next run")
    label = changed.get_by_role("textbox").first
    label.fill("What they call it")
    label.press("Enter")
    expect(page.locator("#toast")).to_contain_text("is read as “What they call it”")
    page.get_by_role("button", name="Accept all").click()
    expect(page.locator("#events-status")).to_contain_text("accepted")
    roles = load_roles(settings)
    [entry] = [each for each in roles.actions if each.role is not None]
    assert (entry.role, entry.label, roles.confirmed is not None) == ("help", "What they call it", True)


def test_what_the_product_is_is_saved(page: Page, served: Server) -> None:
    page.goto(f"{served.url}/events")
    page.wait_for_selector(".event-row", timeout=90_000)
    page.get_by_label("What it is").fill("A marketplace for proposals")
    page.get_by_label("What success means").fill("A deal")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#toast")).to_contain_text("Saved.")
    product = load_roles(Settings(warehouse=served.warehouse, llm="none")).product
    assert (product.description, product.success) == ("A marketplace for proposals", "A deal")


@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_of_events_fits_the_screen(page: Page, served: Server, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{served.url}/events")
    page.wait_for_selector(".event-row", timeout=90_000)
    expect(page.locator(".event-row").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
