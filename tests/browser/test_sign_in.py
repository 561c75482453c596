"""Signing in and out in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from grupa_pipeline.auth.accounts import set_password
from tests.browser.conftest import Server
from tests.dash_app.synthetic import write_warehouse

PASSWORD = "a long enough password"


@pytest.fixture
def guarded(browser: Browser, tmp_path: Path) -> Iterator[Server]:
    write_warehouse(tmp_path)
    set_password(tmp_path / "users", "kim", PASSWORD)
    server = Server(tmp_path, GRUPA_USERS_FILE=str(tmp_path / "users"))
    server.start()
    yield server
    server.stop()


def test_sign_in_leads_on_and_sign_out_closes_the_door(browser: Browser, guarded: Server):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{guarded.url}/roadmap")
    page.get_by_label("Name").fill("kim")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    page.get_by_label("Name").fill("kim")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{guarded.url}/roadmap")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to Grupa")).to_be_visible()
    page.goto(f"{guarded.url}/roadmap")
    expect(page.get_by_role("heading", name="Sign in to Grupa")).to_be_visible()
    context.close()
