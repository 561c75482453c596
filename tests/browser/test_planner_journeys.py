"""What people type into the planner stays there, whatever its answer takes away or puts beside it."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from dash_app.roadmap.store import Roadmap
from tests.browser.conftest import Server
from tests.browser.test_journeys import ready
from tests.browser.test_roadmap_journeys import plan_of

EFFECT, MARGIN = "Minimum detectable effect", "Sessions a week: may fall by less than"


def type_in(page: Page, label: str, value: str) -> Locator:
    """Fill a field in and wait for the planner's answer to it."""
    field = page.get_by_label(label, exact=True)
    with page.expect_response(lambda answer: '"plan-problem"' in answer.text()):
        field.fill(value)
        field.press("Tab")
    page.wait_for_timeout(500)  # an answer that throws everything away would come after it
    return field


@pytest.mark.parametrize("on_the_roadmap", [False, True], ids=["new", "saved"])
def test_what_was_typed_outlives_the_suggestion(page: Page, server: Server, on_the_roadmap: bool) -> None:
    plan = plan_of(page, server, "C01").plan_id if on_the_roadmap else "new:R-C01"
    ready(page, server, f"/?plan={plan}")
    suggestion = page.locator("#plan-advice .alternative")
    expect(suggestion).to_be_visible()
    name = type_in(page, "Name", "Typed by me")
    type_in(page, MARGIN, "25")
    effect = type_in(page, EFFECT, "90")
    expect(suggestion).to_have_count(0)
    expect(name).to_have_value("Typed by me")
    expect(effect).to_have_value(re.compile("^90%"))
    page.get_by_role("button", name=re.compile("^Save")).click()
    expect(page.locator("#toast")).to_contain_text("“Typed by me”")
    saved = next(each for each in Roadmap(server.warehouse).plans() if each.name == "Typed by me")
    assert saved.mde_relative == pytest.approx(0.9)
    assert saved.guardrails[0].margin_relative == pytest.approx(0.25)
    Roadmap(server.warehouse).remove(saved.plan_id, "ann")


def test_a_suggestion_that_was_taken_stays_taken_after_further_edits(page: Page, server: Server) -> None:
    ready(page, server, "/?plan=new:R-C01")
    suggestion = page.locator("#plan-advice .alternative")
    page.get_by_role("button", name="Use this").click()
    expect(suggestion).to_have_count(0)
    expect(page.get_by_label(EFFECT)).to_have_value(re.compile("^72%"))
    type_in(page, "Power", "0.9")
    expect(suggestion).to_be_visible()
    type_in(page, "Power", "0.8")
    expect(suggestion).to_have_count(0)
    expect(page.get_by_label("Power")).to_have_value("0.8")
    expect(page.get_by_label(EFFECT)).to_have_value(re.compile("^72%"))


def test_numbers_are_dimmed_while_a_value_is_refused(page: Page, server: Server) -> None:
    ready(page, server, "/?plan=new:R-C01")
    numbers, advice = page.locator("#plan-numbers"), page.locator("#plan-advice")
    expect(advice.locator(".badge")).to_be_visible()
    for each in (numbers, advice):
        expect(each).to_have_css("opacity", "1")
    type_in(page, EFFECT, "0")
    expect(page.locator("#plan-problem")).to_contain_text("must be above 0")
    for each in (numbers, advice):
        expect(each).to_have_css("opacity", "0.5")
    expect(numbers).to_have_accessible_description(re.compile("numbers are still those from before"))
    type_in(page, EFFECT, "50")
    expect(page.locator("#plan-problem")).to_be_empty()
    for each in (numbers, advice):
        expect(each).to_have_css("opacity", "1")


def test_a_plan_opens_though_the_one_before_it_took_its_suggestion_away(page: Page, server: Server) -> None:
    ready(page, server, "/?cluster=C01&plan=new:R-C01")
    for _ in range(2):
        expect(page.locator("#plan-advice .alternative")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page).not_to_have_url(re.compile("plan="))
        page.locator("#panel").get_by_role("button", name="Plan test").first.click()


def test_a_plan_that_was_closed_without_saving_is_opened_again_as_it_was_typed(page: Page, server: Server) -> None:
    ready(page, server, "/?plan=new:R-C01")
    expect(page.locator(".numbers")).to_contain_text("users an arm")
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("plan="))
    page.wait_for_timeout(500)
    expect(page.locator("#toast")).to_be_empty()
    ready(page, server, "/?plan=new:R-C01")
    name = type_in(page, "Name", "Typed by me")
    for _ in range(2):
        page.keyboard.press("Escape")
        expect(page).not_to_have_url(re.compile("plan="))
        expect(page.locator("#toast")).to_contain_text("Your changes to “Typed by me” are not saved")
        page.get_by_role("button", name="Reopen").click()
        expect(name).to_have_value("Typed by me")
        expect(page.locator("#toast")).to_be_empty()
    page.get_by_role("button", name="Save to the roadmap").click()
    expect(page.locator("#toast")).to_contain_text("“Typed by me” is on the roadmap")
    page.wait_for_timeout(500)
    expect(page.locator("#toast")).to_contain_text("“Typed by me” is on the roadmap")
