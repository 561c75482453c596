"""What people do, from click to stored plan, in a real browser over the real server."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from dash_app.roadmap.store import Roadmap
from tests.browser.conftest import Server


def ready(page: Page, server: Server, path: str = "/") -> None:
    page.goto(server.url + path)
    page.wait_for_selector(".waiting", state="detached")


def drawn(page: Page) -> Locator:
    """The map, once its points are on it."""
    page.wait_for_selector("#map .annotation-text-g")
    return page.locator("#map")


def place_of(page: Page, user: int, trace: int) -> tuple[float, float]:
    """Where on the screen a point of the map lies."""
    return tuple(
        page.evaluate(
            """([trace, user]) => {
              const graph = document.querySelector('#map .js-plotly-plot');
              const box = graph.getBoundingClientRect();
              const {xaxis, yaxis} = graph._fullLayout;
              const data = graph._fullData[trace];
              return [box.left + xaxis._offset + xaxis.d2p(data.x[user]), box.top + yaxis._offset + yaxis.d2p(data.y[user])];
            }""",
            [trace, user],
        )
    )


def test_click_a_point_read_the_card_plan_a_test_and_it_survives_a_restart(page: Page, server: Server):
    ready(page, server)
    drawn(page)
    page.mouse.click(*place_of(page, 3, 2))
    card = page.locator("#panel .open-card")
    expect(card.locator("h2")).to_have_text("Careful drafters")
    expect(page).to_have_url(re.compile(r"cluster=C02"))
    expect(card).to_contain_text("Submitting takes long")
    card.get_by_role("button", name="Plan test").first.click()
    expect(page.locator(".numbers")).to_contain_text("users an arm")
    page.get_by_role("button", name="Save to the roadmap").click()
    expect(page.locator("#toast")).to_contain_text("is on the roadmap")
    page.get_by_role("link", name="Roadmap").click()
    expect(page.locator("#plan-table")).to_contain_text("Save proposals as they are written")
    page.goto("about:blank")  # so that no request is under way when the server goes
    server.stop()
    server.start()
    ready(page, server, "/roadmap")
    expect(page.locator("#plan-table")).to_contain_text("Save proposals as they are written")


@pytest.mark.parametrize("width", [1024, 900, 390])
def test_a_click_on_the_map_shows_its_card_on_smaller_screens(page: Page, server: Server, width: int):
    page.set_viewport_size({"width": width, "height": 768})
    ready(page, server)
    drawn(page)
    page.mouse.click(*place_of(page, 3, 2))
    name = page.locator("#panel .open-card h2")
    expect(name).to_have_text("Careful drafters")
    expect(name).to_be_in_viewport()
    page.wait_for_function("() => document.querySelector('#panel').getBoundingClientRect().top < 400")
    panel, box = page.locator("#panel").bounding_box(), page.locator(".map-card").bounding_box()
    assert panel
    assert box
    assert (panel["x"] >= box["x"] + box["width"]) == (width == 1024)
    assert (page.evaluate("scrollY") > 0) == (width == 900)  # on a phone the card lies over the page


def test_the_table_of_clusters_scrolls_in_its_box_and_shows_a_shade_where_there_is_more(page: Page, server: Server):
    page.set_viewport_size({"width": 1024, "height": 768})
    ready(page, server)
    page.locator('#cluster-table .ag-header-cell[col-id="recommendations"]').wait_for()
    box = page.locator("#table-place")
    assert box.evaluate("(box) => box.scrollWidth > box.clientWidth")
    assert "linear-gradient" in box.evaluate("(box) => getComputedStyle(box).backgroundImage")
    box.evaluate("(box) => box.scrollTo(box.scrollWidth, 0)")
    page.wait_for_function(  # its columns glide to their places
        """() => {
            const right = (each) => document.querySelector(each).getBoundingClientRect().right;
            return right('.ag-header-cell[col-id="recommendations"]') <= right("#table-place") + 1;
        }"""
    )
    page.set_viewport_size({"width": 1440, "height": 900})
    page.wait_for_function(
        "() => { const box = document.querySelector('#table-place'); return box.scrollWidth === box.clientWidth; }"
    )


def test_three_clicks_from_the_open_app_to_a_draft(page: Page, server: Server):
    before = len(Roadmap(server.warehouse).plans())
    ready(page, server)
    page.locator("#cards .card").first.click()
    page.locator("#panel").get_by_role("button", name="Plan test").first.click()
    page.get_by_role("button", name="Save to the roadmap").click()
    expect(page.locator("#toast")).to_contain_text("is on the roadmap")
    stored = Roadmap(server.warehouse).plans()
    assert len(stored) == before + 1
    assert all(plan.n_per_arm and plan.brief for plan in stored)


def test_by_keyboard_in_at_most_25_keys(page: Page, server: Server):
    ready(page, server)
    drawn(page)  # the keys begin where a page begins that is all there
    before = len(Roadmap(server.warehouse).plans())
    keys = 0

    def press(key: str) -> None:
        nonlocal keys
        page.keyboard.press(key)
        keys += 1

    def tab_to(text: str) -> None:
        for _ in range(25):
            press("Tab")
            if text in page.evaluate(
                "document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
            ):
                return
        raise AssertionError(f"{text} is not within reach")

    tab_to("Deal closers")
    press("Enter")
    page.wait_for_selector(".open-card")
    tab_to("Plan test")
    press("Enter")
    page.wait_for_selector(".numbers")
    tab_to("Save to the roadmap")
    press("Enter")
    expect(page.locator("#toast")).to_contain_text("is on the roadmap")
    assert len(Roadmap(server.warehouse).plans()) == before + 1
    assert keys <= 25


def test_the_tools_of_the_map_are_one_stop_of_the_tab_key(page: Page, server: Server):
    ready(page, server)
    drawn(page)
    page.locator("#map .modebar-btn").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#map .modebar-btn").nth(1)).to_be_focused()
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.closest('.modebar')")


def test_a_label_a_card_and_a_row_open_the_same_and_a_link_too(page: Page, server: Server):
    ready(page, server)
    drawn(page)
    heading = page.locator("#panel h2")
    page.locator("#map .annotation-text-g", has_text="Window shoppers").click()
    expect(heading).to_have_text("Window shoppers")
    page.locator("#cards .card", has_text="Deal closers").click()
    expect(heading).to_have_text("Deal closers")
    row = page.locator("#cluster-table .ag-row", has_text="Window shoppers")
    row.locator(".ag-cell").first.focus()
    page.keyboard.press("Enter")
    expect(heading).to_have_text("Window shoppers")
    expect(row).to_have_attribute("aria-current", "true")
    page.locator("#cluster-table .ag-row", has_text="Careful drafters").click()
    expect(heading).to_have_text("Careful drafters")
    # The map follows once the card has been painted.
    page.wait_for_function(
        "() => { const [grey, first, second, third] = document.querySelector('#map .js-plotly-plot').data"
        ".map((each) => each.marker.opacity); return second > 0.5 && [grey, first, third].every((each) => each === 0.22); }"
    )
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#panel h2")).to_have_text("Careful drafters")


def colors_of(page: Page) -> list[object]:
    """Of each trace of the map: its colour, or that it is coloured by values."""
    return list(
        page.evaluate(
            "() => document.querySelector('#map .js-plotly-plot').data"
            ".map(({marker}) => typeof marker.color === 'string' ? marker.color : 'values')"
        )
    )


def wait_for_colors(page: Page, others: str) -> None:
    """Until every trace but the open cluster's, the third, is `others`."""
    page.wait_for_function(
        "(others) => document.querySelector('#map .js-plotly-plot').data.every(({marker}, at) => at === 2"
        " || (typeof marker.color === 'string' ? marker.color : 'values') === others)",
        arg=others,
    )


def test_the_others_are_grey_while_a_cluster_is_open_whatever_the_colours_show(page: Page, server: Server):
    ready(page, server)
    drawn(page)
    by_cluster = colors_of(page)
    assert len(set(by_cluster)) == 4
    page.locator("#cards .card", has_text="Careful drafters").click()
    wait_for_colors(page, by_cluster[0])
    assert colors_of(page)[2] == by_cluster[2]
    page.get_by_role("textbox", name="Colour by").click()
    page.get_by_role("option", name="Sessions a week").click()
    expect(page.locator("#map-legend")).to_contain_text("Colour shows “sessions a week”")
    page.wait_for_function("() => document.querySelector('#map .js-plotly-plot').layout.coloraxis")
    wait_for_colors(page, by_cluster[0])
    assert colors_of(page)[2] == "values"
    page.get_by_role("button", name="Close this cluster").click()
    wait_for_colors(page, "values")


def test_a_click_on_a_dot_rings_it_and_moves_nothing(page: Page, server: Server):
    ready(page, server)
    drawn(page)
    ring = page.locator("#map .shapelayer path")
    before, place = page.locator("#map").bounding_box(), place_of(page, 3, 2)
    page.mouse.click(*place)
    expect(page.locator("#found-users code")).to_have_count(1)
    expect(ring).to_have_count(1)
    assert page.locator("#map").bounding_box() == before
    shown = ring.bounding_box()
    assert shown is not None
    assert abs(shown["x"] + shown["width"] / 2 - place[0]) < 3
    assert abs(shown["y"] + shown["height"] / 2 - place[1]) < 3
    page.get_by_role("button", name="Close the search results").click()
    expect(ring).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1440])
def test_no_label_lies_over_another(page: Page, server: Server, width: int):
    page.set_viewport_size({"width": width, "height": 844})
    ready(page, server)
    drawn(page)
    page.wait_for_selector("#cluster-table .ag-row")  # from then on the map is watched
    page.evaluate(
        """() => {
          const map = document.querySelector('#map .js-plotly-plot');
          const [{ x, y }] = map.layout.annotations;
          const there = Object.fromEntries([1, 2].flatMap((at) => [[`annotations[${at}].x`, x], [`annotations[${at}].y`, y]]));
          return Plotly.relayout(map, there);
        }"""
    )
    page.wait_for_function(
        """() => {
          const boxes = [...document.querySelectorAll('#map .annotation .bg')].map((each) => each.getBoundingClientRect());
          const map = document.querySelector('#map').getBoundingClientRect();
          const apart = (one, other) => one.right <= other.left || other.right <= one.left
            || one.bottom <= other.top || other.bottom <= one.top;
          return boxes.length === 3 && boxes.every((one, at) => one.left >= map.left && one.right <= map.right
            && boxes.slice(at + 1).every((other) => apart(one, other)));
        }"""
    )


@pytest.mark.parametrize("path", ["/data", "/roadmap"])
def test_a_short_page_does_not_scroll(page: Page, server: Server, path: str):
    ready(page, server, path)
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollHeight") <= 900


def test_what_was_opened_last_stays_open(page: Page, server: Server):
    """However fast clusters are opened, the table follows the newest, and never opens an earlier one again."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/plotly.js*", hold)
    ready(page, server, "/?cluster=C02")
    page.locator("#cards .card", has_text="Window shoppers").click()
    expect(page.locator("#panel h2")).to_have_text("Window shoppers")
    for each in held:
        each.continue_()
    selected = page.locator("#cluster-table .open-row")
    expect(selected).to_contain_text("Window shoppers")
    page.evaluate(
        """() => ['Deal closers', 'Careful drafters', 'Window shoppers'].forEach((name, at) => setTimeout(
          () => [...document.querySelectorAll('#cards .card')].find((card) => card.textContent.includes(name)).click(),
          20 * at))"""
    )
    page.wait_for_timeout(1_000)
    expect(selected).to_contain_text("Window shoppers")
    expect(page).to_have_url(re.compile(r"cluster=C03$"))


def test_a_browser_without_idle_callbacks_and_a_link_to_no_cluster(page: Page, server: Server):
    page.add_init_script("delete Window.prototype.requestIdleCallback; delete window.requestIdleCallback")
    ready(page, server, "/?cluster=C02")
    drawn(page)
    page.evaluate("history.pushState({}, '', '/?cluster=constructor'); dispatchEvent(new PopStateEvent('popstate'))")
    expect(page.locator("#panel h2").first).to_contain_text("clusters of users who behave alike")


def test_a_browser_that_is_never_idle_runs_one_plotly(page: Page, server: Server):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "plotly" in request.url else None)
    page.add_init_script("window.requestIdleCallback = (work) => setTimeout(work, 4000)")
    ready(page, server)
    drawn(page)
    assert [each.partition("?")[0] for each in asked if "async" not in each] == [f"{server.url}/plotly.js"] * len(asked)


def test_fields_recompute_and_a_removed_plan_comes_back(page: Page, server: Server):
    ready(page, server, "/?cluster=C03&plan=new:R-C03")
    number = page.locator(".numbers .number").first
    expect(number).to_have_text(re.compile(r"\d"))
    before = number.inner_text()
    effect = page.get_by_label("Minimum detectable effect")
    effect.fill("60")
    effect.press("Tab")
    expect(number).not_to_have_text(before)
    page.get_by_label("Name", exact=True).fill("Bold test")
    page.get_by_role("button", name="Save to the roadmap").click()  # however soon after the last key
    expect(page.locator("#toast")).to_contain_text("Bold test")
    page.get_by_role("link", name="Roadmap").click()
    page.locator("#plan-table .ag-row", has_text="Bold test").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#toast")).to_contain_text("off the roadmap")
    expect(page.locator("#plan-table")).not_to_contain_text("Bold test")
    page.locator("#toast").get_by_role("button", name="Undo").click()
    expect(page.locator("#plan-table")).to_contain_text("Bold test")


def test_evidence_search_and_why_a_user_is_here(page: Page, server: Server):
    ready(page, server)
    dialog = page.get_by_role("dialog")
    page.get_by_label("Find a user").fill("user-00201")
    page.get_by_role("button", name="Why is this user here?").click()
    expect(dialog).to_contain_text("Their behaviour is of Careful drafters")
    ready(page, server, "/?cluster=C02")
    page.locator(".chip").first.click()
    expect(dialog).to_contain_text("95% interval")
    page.keyboard.press("Escape")
    page.get_by_label("Find a user").fill("user-00200")
    page.get_by_role("button", name="Why is this user here?").click()
    expect(dialog).to_contain_text("Their behaviour is of Careful drafters")


def test_a_cluster_is_renamed_everywhere(page: Page, server: Server):
    ready(page, server, "/?cluster=C01")
    page.get_by_role("button", name="Rename this cluster").click()
    page.get_by_role("dialog").get_by_label("Name").fill("<b>Closers</b>")
    page.get_by_role("button", name="Save the name").click()
    expect(page.locator("#panel h2")).to_have_text("<b>Closers</b>")
    expect(page.locator("#cards .card").first).to_contain_text("<b>Closers</b>")
    Roadmap(server.warehouse).rename_cluster("C01", None, "test")


def test_two_clusters_side_by_side(page: Page, server: Server):
    ready(page, server, "/?cluster=C01")
    page.get_by_role("textbox", name="Compare with").click()
    page.get_by_role("option", name="Window shoppers").click()
    expect(page.get_by_role("dialog")).to_contain_text("Where they differ most")


def test_lasso_compares_with_the_rest(page: Page, server: Server):
    ready(page, server)
    drawn(page)
    page.locator('#map [data-title="Lasso Select"]').click()
    x, y = place_of(page, 0, 3)
    page.mouse.move(x - 90, y - 90)
    page.mouse.down()
    for dx, dy in ((90, -90), (90, 90), (-90, 90), (-90, -90)):
        page.mouse.move(x + dx, y + dy, steps=6)
    page.mouse.up()
    expect(page.locator("#panel")).to_contain_text("selected on the map")
    expect(page.locator("#panel")).to_contain_text("What sets them apart")


@pytest.mark.parametrize("path", ["/", "/roadmap", "/history", "/?cluster=C02", "/?cluster=C02&plan=new:R-C02"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_names_its_controls_and_fits_a_phone(page: Page, server: Server, path: str, scheme: str):
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=scheme)
    ready(page, server, path)
    if "plan" in path:
        page.wait_for_selector(".numbers")
    page.wait_for_timeout(800)
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, a[href], input, select, textarea')].filter((each) => {
          const shown = each.offsetParent && !each.closest('[aria-hidden=true]') && each.type !== 'hidden';
          const inGrid = each.closest('.ag-root-wrapper');
          const name = each.getAttribute('aria-label') || each.textContent || each.title
            || (each.labels && each.labels.length) || each.getAttribute('aria-labelledby') || each.placeholder;
          const hiddenControl = each.tabIndex === -1;
          return shown && !inGrid && !hiddenControl && !name;
        }).map((each) => each.outerHTML.slice(0, 160))"""
    )
    assert nameless == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
