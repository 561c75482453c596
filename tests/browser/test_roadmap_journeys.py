"""What people do with plans that are on the roadmap: move them by keyboard, meet another's edit, take them out."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Page, expect

from dash_app.planning.plan import Plan
from dash_app.roadmap.store import Roadmap
from tests.browser.conftest import Server
from tests.browser.test_journeys import ready


def plan_of(page: Page, server: Server, cluster_id: str) -> Plan:
    """Put the plan of a cluster's recommendation on the roadmap: from a shared link, two clicks."""
    before = {each.plan_id for each in Roadmap(server.warehouse).plans()}
    ready(page, server, f"/?cluster={cluster_id}")
    page.locator("#panel").get_by_role("button", name="Plan test").first.click()
    page.get_by_role("button", name="Save to the roadmap").click()
    expect(page.locator("#toast")).to_contain_text("is on the roadmap")
    return next(each for each in Roadmap(server.warehouse).plans() if each.plan_id not in before)


def stands_above(page: Page, above: Plan, below: Plan) -> None:
    """Wait until the cards have changed places: the notice comes first, and what is gripped before that is lost."""
    page.wait_for_function(
        """([above, below]) => {
            const cards = [...document.querySelectorAll('.board-column[data-status="draft"] [data-plan]')];
            const plans = cards.map((each) => each.dataset.plan);
            return plans.includes(above) && plans.indexOf(above) === plans.indexOf(below) - 1;
        }""",
        arg=[above.plan_id, below.plan_id],
    )


def mark_option(page: Page, text: str) -> None:
    """Press ArrowDown until the open list's marker stands on `text`: where it starts depends on how far the list had opened."""
    marked = "(document.querySelector('[data-combobox-selected]')?.innerText ?? '').trim().toLowerCase()"
    page.get_by_role("option").first.wait_for()
    for _ in range(6):
        before = page.evaluate(marked)
        if before == text:
            return
        page.keyboard.press("ArrowDown")
        page.wait_for_function(f"(before) => {marked} !== before", arg=before)
    assert page.evaluate(marked) == text


def test_two_clicks_from_a_shared_link_to_a_sized_draft(page: Page, server: Server) -> None:
    plan = plan_of(page, server, "C01")
    assert (plan.cluster_id, plan.status) == ("C01", "draft")
    assert plan.n_per_arm
    assert plan.brief


def test_a_card_moves_over_the_board_by_keyboard(page: Page, server: Server) -> None:
    first, second = plan_of(page, server, "C01"), plan_of(page, server, "C02")
    roadmap = Roadmap(server.warehouse)
    ready(page, server, "/roadmap")
    page.locator("#roadmap-view").get_by_role("radio", name="Board").press("ArrowRight")
    page.locator("#roadmap-view").get_by_role("radio", name="Timeline").press("ArrowLeft")
    column = page.locator('.board-column[data-status="draft"]')
    up = column.locator(f'[data-plan="{second.plan_id}"]').get_by_role("button", name=re.compile("Move up"))
    order = [each.plan_id for each in roadmap.plans() if each.status == "draft"]
    assert order.index(first.plan_id) < order.index(second.plan_id)
    up.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("draft plan")
    order = [each.plan_id for each in roadmap.plans() if each.status == "draft"]
    assert order.index(second.plan_id) == order.index(first.plan_id) - 1
    stands_above(page, second, first)
    status = column.locator(f'[data-plan="{first.plan_id}"]').get_by_role("textbox")
    status.focus()
    page.keyboard.press("Enter")
    mark_option(page, "ready")
    page.keyboard.press("Enter")
    moved = page.locator(f'.board-column[data-status="ready"] [data-plan="{first.plan_id}"]')
    expect(moved).to_be_visible()
    assert roadmap.plan(first.plan_id).status == "ready"


def test_a_card_is_dragged_before_another_and_to_another_column_and_printed(page: Page, server: Server) -> None:
    first, second = plan_of(page, server, "C01"), plan_of(page, server, "C02")
    roadmap = Roadmap(server.warehouse)
    ready(page, server, "/roadmap")
    page.locator("#roadmap-view").get_by_text("Board").click()
    # Both ends in view: a page that is scrolled between grip and pull has another card under the pointer.
    page.set_viewport_size({"width": 1440, "height": 2400})
    card, other = (page.locator(f'[data-plan="{each.plan_id}"]') for each in (second, first))
    card.locator(".plan-facts").drag_to(other.locator(".plan-facts"))
    expect(page.locator("#toast")).to_contain_text("draft plan")
    order = [each.plan_id for each in roadmap.plans() if each.status == "draft"]
    assert order.index(second.plan_id) == order.index(first.plan_id) - 1
    stands_above(page, second, first)
    column = page.locator('.board-column[data-status="scheduled"]')
    card.locator(".plan-facts").drag_to(column.locator("h3"))
    expect(column.locator(f'[data-plan="{second.plan_id}"]')).to_be_visible()
    assert roadmap.plan(second.plan_id).status == "scheduled"
    page.goto(f"{server.url}/print/roadmap")
    expect(page.get_by_role("heading", name=second.name, level=2).first).to_be_visible()
    assert len(page.pdf()) > 10_000


def test_cards_stay_in_their_columns_and_long_names_on_the_page(page: Page, server: Server) -> None:
    roadmap = Roadmap(server.warehouse)
    long = replace(plan_of(page, server, "C01"), plan_id="long", name="W" * 120, start_date=None, end_date=None)
    roadmap.add(long, "ann")
    ready(page, server, "/roadmap")
    for width in (1440, 1280, 1024, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for view in ("Board", "Timeline"):
            page.locator("#roadmap-view").get_by_text(view).click()
            expect(page.locator(f"#view-{view.lower()}")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") == width
        page.locator("#roadmap-view").get_by_text("Board").click()
        assert page.locator(".board .plan-card").count() > 1
        assert page.evaluate(_SPILLED) == [], width
    roadmap.remove(long.plan_id, "ann")


_SPILLED = """() => [...document.querySelectorAll(".board-column")].flatMap((column) => {
    const inside = column.getBoundingClientRect();
    const beyond = (each) => each.getBoundingClientRect().right > inside.right;
    return [...column.querySelectorAll(".plan-card, .plan-card button, .plan-card input")].filter(beyond).map((each) => each.id);
})"""


def test_a_notice_leads_to_the_roadmap_and_goes_but_an_error_stays(page: Page, server: Server) -> None:
    page.clock.install()
    plan = plan_of(page, server, "C03")
    toast = page.locator("#toast")
    toast.get_by_role("link", name="Show it").click()
    expect(page).to_have_url(re.compile("/roadmap$"))
    expect(page.locator(f'#plan-table [row-id="{plan.plan_id}"]')).to_be_visible()
    page.mouse.move(5, 5)
    page.clock.fast_forward(9000)
    expect(toast).to_be_empty()
    Roadmap(server.warehouse).save(replace(plan, owner="bob"), 1, "bob")
    cell = page.locator(f'#plan-table [row-id="{plan.plan_id}"] [col-id="owner"]')
    cell.dblclick()
    page.keyboard.type("cyd")
    page.keyboard.press("Enter")
    expect(toast).to_contain_text("Not saved.")
    page.clock.fast_forward(30_000)
    expect(toast).to_contain_text("Not saved.")
    toast.get_by_role("button", name="Dismiss").click()
    expect(toast).to_be_empty()


def test_the_roadmap_is_left_without_an_error(page: Page, server: Server) -> None:
    plan = plan_of(page, server, "C02")
    for selects in (False, True):
        ready(page, server, "/roadmap")
        row = page.locator(f'#plan-table [row-id="{plan.plan_id}"]')
        expect(row).to_be_visible()
        if selects:
            row.click()
            expect(page.get_by_role("button", name="Duplicate")).to_be_enabled()
        page.get_by_role("link", name="History").click()
        expect(page.get_by_text("Sizes over time").first).to_be_visible()
        page.wait_for_timeout(1000)  # the page's fixture fails on any error that comes meanwhile


def test_a_stale_edit_is_refused_and_shows_what_changed(page: Page, server: Server) -> None:
    plan = plan_of(page, server, "C03")
    other = page.context.new_page()
    for each in (page, other):
        ready(each, server, f"/roadmap?plan={plan.plan_id}")
        expect(each.locator(".numbers")).to_contain_text("users an arm")
    rename(other, "Named by another")
    other.get_by_role("button", name=re.compile("^Save")).click()
    expect(other.locator("#toast")).to_contain_text("Named by another")
    rename(page, "Named by me")
    page.get_by_role("button", name=re.compile("^Save")).click()
    expect(page.locator("#planner")).to_contain_text("Named by another")
    assert Roadmap(server.warehouse).plan(plan.plan_id).name == "Named by another"
    page.get_by_role("button", name="Open the newer plan").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Named by another")


def test_a_plan_of_a_cluster_that_is_gone_opens_and_is_renamed_on_a_phone(page: Page, server: Server) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    roadmap = Roadmap(server.warehouse)
    plan = roadmap.add(replace(plan_of(page, server, "C01"), plan_id="lost", cluster_id="C99"), "ann")
    ready(page, server, f"/roadmap?plan={plan.plan_id}")
    drawer = page.get_by_role("dialog", name="Test plan")
    expect(drawer).to_contain_text("These are the numbers it was saved with")
    expect(drawer.locator(".numbers")).to_contain_text(f"{plan.n_per_arm:,}")
    rename(page, "Still worth it")
    page.get_by_label("Minimum detectable effect").scroll_into_view_if_needed()
    head = page.locator(".plan-head").bounding_box()
    assert head
    assert (head["x"], head["width"]) == (0, 390)
    assert head["y"] + head["height"] < 300
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator("#toast")).to_contain_text("“Still worth it” is saved")
    assert roadmap.plan("lost").name == "Still worth it"


def rename(page: Page, name: str) -> None:
    field = page.get_by_label("Name", exact=True)
    field.fill(name)
    with page.expect_response(lambda answer: name in (answer.request.post_data or "")):
        field.press("Tab")
    page.wait_for_timeout(500)


def test_exports_download_what_is_on_the_roadmap(page: Page, server: Server) -> None:
    plan = plan_of(page, server, "C02")
    ready(page, server, "/roadmap")
    texts = {kind: download(page, kind) for kind in ("CSV", "JSON", "Markdown")}
    stored = {each.plan_id for each in Roadmap(server.warehouse).plans()}
    assert {row["plan_id"] for row in csv.DictReader(io.StringIO(texts["CSV"]))} == stored
    assert plan.plan_id in texts["JSON"]
    assert json.loads(texts["JSON"])
    assert plan.name in texts["Markdown"]
    page.locator(f'#plan-table [row-id="{plan.plan_id}"]').click()
    for button, key in (("GrowthBook draft", "trackingKey"), ("PostHog draft", "feature_flag_key")):
        with page.context.expect_event("response", lambda answer: "/export/plan/" in answer.url) as answered:
            page.get_by_role("button", name=button).click()
        assert answered.value.status == 200, answered.value.url
        assert key in page.request.get(answered.value.url).json()


def download(page: Page, kind: str) -> str:
    with page.expect_download() as got:
        page.get_by_role("link", name=kind, exact=True).click()
    return Path(got.value.path()).read_text()
