"""What an open page is told of: a newer snapshot, and a session that has ended."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from grupa_pipeline.auth.accounts import set_password
from grupa_pipeline.storage import warehouse
from tests.browser.conftest import Server
from tests.dash_app.synthetic import write_warehouse

PASSWORD = "a long enough password"


@pytest.fixture
def signed_in(browser: Browser, tmp_path: Path) -> Iterator[tuple[Page, Server]]:
    write_warehouse(tmp_path)
    set_password(tmp_path / "users", "kim", PASSWORD)
    server = Server(tmp_path, GRUPA_USERS_FILE=str(tmp_path / "users"))
    server.start()
    page = browser.new_context().new_page()
    with page.expect_response("**/news"):
        page.goto(f"{server.url}/roadmap")
        page.get_by_label("Name").fill("kim")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".waiting", state="detached")
    yield page, server
    page.context.close()
    server.stop()


def come_back(page: Page) -> None:
    """What a browser does when its tab is looked at again; the page asks at once and does not wait its half minute."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def publish_snapshot(server: Server, *, days_later: int) -> None:
    with warehouse.publish(server.warehouse / "grupa.duckdb") as con:
        con.execute(
            f"INSERT INTO segmentations BY NAME SELECT * REPLACE (snapshot_date + {days_later} AS snapshot_date,"
            " created_at + INTERVAL 1 DAY AS created_at) FROM segmentations ORDER BY snapshot_date DESC LIMIT 1"
        )


def test_a_page_learns_of_a_newer_snapshot_and_of_the_end_of_its_session(signed_in: tuple[Page, Server]) -> None:
    page, server = signed_in
    news = page.locator("#news")
    with page.expect_response("**/news"):
        come_back(page)
    expect(news).to_be_hidden()
    publish_snapshot(server, days_later=-200)  # a backfilled day is not what the page would show
    with page.expect_response("**/news"):
        come_back(page)
    expect(news).to_be_hidden()
    publish_snapshot(server, days_later=1)
    come_back(page)
    expect(news).to_contain_text("The snapshot of 10 Mar 2026 has been published.")
    news.get_by_role("link", name="Show it").click()
    expect(page.locator("#snapshot-picker")).to_have_value("10 Mar 2026")
    expect(news).to_be_hidden()
    page.context.clear_cookies()
    page.get_by_role("link", name="Data").click()
    expect(news).to_contain_text("Your session has ended")
    news.get_by_role("link", name="Sign in again").click()
    expect(page.get_by_role("heading", name="Sign in to Grupa")).to_be_visible()
    page.get_by_label("Name").fill("kim")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{server.url}/data")
