"""What axe-core finds on every page, drawer and dialog: nothing serious, nothing critical, light or dark, wide or narrow.

A page is loaded once for both themes, and what can be reached from it is looked at without loading it again.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from dash_app.roadmap.store import Roadmap
from tests.browser.conftest import Server

SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
AXE = Axe()


@pytest.fixture(params=SIZES)
def screen(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page whose content policy lets the test bring axe along."""
    width, height = SIZES[request.param]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="light", reduced_motion="reduce", bypass_csp=True
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


def test_axe_finds_nothing_serious_on_pages_drawers_and_dialogs(screen: Page, server: Server) -> None:
    found = {state: faults for state in states(screen, server) if (faults := look(screen))}
    assert found == {}


def test_axe_finds_nothing_serious_where_there_is_nothing_yet(screen: Page, tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    try:
        found = {}
        for path in ("/", "/roadmap", "/history", "/data"):
            go(screen, server, path)
            found[path] = look(screen)
    finally:
        screen.goto("about:blank")
        server.stop()
    assert not any(found.values()), found


def states(page: Page, server: Server) -> Iterator[str]:
    """Go from state to state, saying which one the page is in."""
    go(page, server, "/?cluster=C02")
    page.wait_for_selector("#map .annotation-text-g")
    yield "an open cluster"
    page.locator("#panel .chip").first.click()
    page.get_by_role("dialog").wait_for()
    yield "evidence"
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    page.locator("#panel").get_by_role("button", name="Plan test").first.click()
    page.wait_for_selector(".numbers")
    yield "the planner"
    page.get_by_role("button", name="Save to the roadmap").click()
    page.locator("#toast").get_by_text("is on the roadmap").wait_for()
    yield from _roadmap(page, server)
    for path in ("/history", "/data", "/"):
        go(page, server, path)
        yield path
    page.get_by_role("button", name="How these clusters were chosen").click()
    page.get_by_role("dialog").get_by_text("What the columns mean").click()
    yield "how the clusters were chosen"


def _roadmap(page: Page, server: Server) -> Iterator[str]:
    go(page, server, "/roadmap")
    for view in ("Table", "Board", "Timeline"):
        page.locator("#roadmap-view").get_by_text(view).click()
        page.locator(f"#view-{view.lower()}").wait_for()
        yield f"the roadmap's {view.lower()}"
    roadmap = Roadmap(server.warehouse)
    plan = roadmap.plans()[-1]
    go(page, server, f"/roadmap?plan={plan.plan_id}")
    page.wait_for_selector(".numbers")
    roadmap.move(plan.plan_id, plan.status, plan.position + 1, "another")
    page.evaluate("document.querySelectorAll('#planner details').forEach((each) => { each.open = true; })")
    page.get_by_role("button", name="Save changes").click()
    page.locator("#plan-problem .notice").wait_for()
    yield "a stale edit, with all that can be opened open"


def go(page: Page, server: Server, path: str) -> None:
    page.goto(server.url + path)
    page.wait_for_selector(".waiting", state="detached")


def look(page: Page) -> list[str]:
    """What axe says against the page as it is, in both themes."""
    found = []
    for scheme in ("light", "dark"):
        page.wait_for_selector(f"html[data-mantine-color-scheme='{scheme}']", state="attached")
        page.wait_for_timeout(300)
        page.wait_for_function("() => document.getAnimations().every((each) => each.playState !== 'running')")
        found += [f"{scheme}: {fault}" for fault in faults(page)]
        page.evaluate("document.querySelector('#scheme-switch').click()")
    page.wait_for_selector("html[data-mantine-color-scheme='light']", state="attached")
    return found


def faults(page: Page) -> list[str]:
    report = AXE.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{fault['impact']} {fault['id']}: {node['target']} {node['html'][:160]} {node['failureSummary'][:300]}"
        for fault in report
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
