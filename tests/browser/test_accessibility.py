"""What axe-core finds on every page, the open cluster and the open drawer: nothing serious, nothing critical."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from dash_app.roadmap import Roadmap
from tests.browser.conftest import Server

WIDTHS = {1440: 900, 390: 844}
PAGES = ["/", "/?cluster=C02", "/?cluster=C02&plan=new:R-C02", "/roadmap", "/roadmap#board", "/history", "/data"]


@pytest.fixture(params=[(scheme, width) for scheme in ("light", "dark") for width in WIDTHS], ids=str)
def screen(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page whose content policy lets the test bring axe along."""
    scheme, width = request.param
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def test_axe_finds_nothing_serious(screen: Page, server: Server) -> None:
    found = {path: faults for path in PAGES if (faults := look(screen, server, path))}
    assert found == {}


def look(page: Page, server: Server, path: str) -> list[str]:
    """Open a page as people see it, and what axe says against it."""
    page.goto("about:blank")
    page.goto(server.url + path.removesuffix("#board"))
    page.wait_for_selector(".waiting", state="detached")
    if "plan=" in path:
        page.wait_for_selector(".numbers")
        if not Roadmap(server.warehouse).plans():
            page.get_by_role("button", name="Save to the roadmap").click()
            page.locator("#toast").get_by_text("is on the roadmap").wait_for()
    if path == "/" or path.startswith("/?cluster"):
        page.wait_for_selector("#map .annotation-text-g")
    if path.startswith("/roadmap"):
        view = "Board" if path.endswith("#board") else "Table"
        page.locator("#roadmap-view").get_by_text(view).click()
    page.wait_for_timeout(800)
    report = Axe().run(page).response["violations"]
    return [
        f"{fault['impact']} {fault['id']}: {node['target']} {node['html'][:160]} {node['failureSummary'][:300]}"
        for fault in report
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
