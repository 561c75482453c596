"""The Data page in a real browser: drop a log, see what would become of it, hand it over, download what was rejected."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from grupa_pipeline.ingest.reading_options import options_beside
from tests.browser.conftest import Server
from tests.dash_app.synthetic import write_warehouse

LOG = "user_id,timestamp,action\nu1,2025-03-01T10:00:00Z,<img src=x onerror=alert(1)>\n,2025-03-01T11:00:00Z,login\n"
DAY_FIRST = 'user_id,timestamp,action\nu1,"9/08/20, 12:40",login\nu2,"10/08/20, 12:41",login\n'
DROP = """([name, text]) => {
  const carried = new DataTransfer();
  carried.items.add(new File([text], name, {type: "text/csv"}));
  const at = document.querySelector("#drop .drop-title");
  for (const kind of ["dragover", "drop"])
    at.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: carried}));
}"""


@pytest.fixture(scope="module")
def served(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without Dagster, over a warehouse of these tests' own; each test uses its own file names."""
    folder = tmp_path_factory.mktemp("served")
    write_warehouse(folder)
    expect.set_options(timeout=30_000)  # a log is checked in a process of its own, which takes its time to start
    made = Server(folder)
    made.start()
    yield made
    made.stop()


def open_data(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/data")
    expect(page.locator("#files table").first).to_be_visible()


def drop(page: Page, name: str, text: str) -> Locator:
    page.wait_for_selector("#drop .drop-title")  # the page is laid out by the app's script after it has loaded
    page.evaluate(DROP, [name, text])
    return page.locator(f'.upload[aria-label="{name}"]')


def test_a_dropped_log_is_checked_and_waits_in_the_inbox_for_dagster(page: Page, served: Server) -> None:
    open_data(page, served)
    card = drop(page, "march.csv", LOG)
    expect(card).to_contain_text("1: The user_id is empty.")
    card.locator("summary", has_text="first events").click()
    expect(card).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator(".upload img").count() == 0
    card.get_by_role("button", name="Ingest").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("march.csv waits in the inbox")
    expect(page.locator("#pipeline")).to_contain_text("Dagster is not running")
    expect(page.locator("#pipeline .stage.now")).to_contain_text("Waiting in the inbox")
    expect(card).to_have_count(0)
    assert (served.warehouse / "inbox" / "march.csv").read_text() == LOG


def test_a_log_that_can_be_read_two_ways_asks_which(page: Page, served: Server) -> None:
    open_data(page, served)
    card = drop(page, "dates.csv", DAY_FIRST)
    expect(card).to_contain_text("are not guessed")
    expect(card.get_by_role("button", name="The month comes first")).to_be_visible()
    card.get_by_role("button", name="The day comes first").click()
    expect(card).to_contain_text("Events from 9 Aug 2020")
    card.get_by_role("button", name="Ingest").click()
    expect(card).to_have_count(0)
    assert options_beside(served.warehouse / "inbox" / "dates.csv").timestamp_format == "%d/%m/%y, %H:%M"


def test_what_cannot_be_used_says_why_and_can_be_thrown_away(page: Page, served: Server) -> None:
    open_data(page, served)
    card = drop(page, "broken.csv", "a,b\n1,2\n")
    expect(card).to_contain_text("user_id")
    expect(card.get_by_role("button", name="Ingest")).to_have_count(0)
    card.get_by_role("button", name="Discard").click()
    expect(card).to_have_count(0)
    assert not (served.warehouse / "inbox" / "broken.csv").exists()


def test_an_upload_survives_leaving_the_page_and_what_is_typed_survives_its_refresh(page: Page, served: Server) -> None:
    open_data(page, served)
    card = drop(page, "typed.csv", DAY_FIRST)
    field = card.get_by_role("textbox")
    field.fill("%d/%m")
    for _ in range(2):  # the page looks again by itself
        with page.expect_response(lambda answer: "data-tick" in (answer.request.post_data or "")):
            pass
    expect(field).to_have_value("%d/%m")
    page.get_by_role("link", name="Roadmap").click()
    expect(card).to_have_count(0)
    page.get_by_role("link", name="Data").click()
    expect(card).to_contain_text("are not guessed")


def test_rejected_rows_are_downloaded(page: Page, served: Server) -> None:
    open_data(page, served)
    with page.expect_download() as download:
        page.locator("#files a").first.click()
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text())))
    assert rows[0] == ["line_number", "reason", "explanation", "raw"]
    assert rows[1:] == [["3", "missing_user_id", "The user_id is empty.", ",2026-01-01,login"]]


def test_a_refused_log_is_listed_with_its_reason_as_text(page: Page, served: Server) -> None:
    refused = served.warehouse / "inbox" / "refused"
    refused.mkdir(parents=True, exist_ok=True)
    (refused / "bad.csv.why.txt").write_text("bad.csv: <script>alert(1)</script> is no header.\n")
    open_data(page, served)
    expect(page.locator("#files")).to_contain_text("<script>alert(1)</script> is no header.")


@pytest.mark.parametrize("width", [390, 800, 1440])
def test_nothing_stands_out_of_the_screen(page: Page, served: Server, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    open_data(page, served)
    expect(drop(page, f"wide-{width}.csv", LOG)).to_contain_text("rows will be accepted")
    for summary in page.locator(".upload summary").all():
        summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


POSTHOG = (
    'uuid,event,timestamp,distinct_id,properties\n018f,$pageview,2024-05-22 17:09:29.22+00:00,u1,"{""a"":1}"\n'
    '0190,sign up,2024-05-22 17:10:29.22+00:00,u1,"{""a"":1}"\n'
)
UNKNOWN = (
    "visitor,client_id,occurred,event_name,page\nv1,c1,2025-03-01 10:00:00,open,/\nv2,c2,2025-03-01 10:01:00,pay,/x\n"
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_export_of_a_known_tool_is_ready_without_a_click(page: Page, served: Server, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    open_data(page, served)
    card = drop(page, f"posthog-{scheme}.csv", POSTHOG)
    expect(card).to_contain_text("has the columns of PostHog")
    expect(card).to_contain_text("2rows will be accepted")
    card.get_by_role("button", name="Ingest").click()
    expect(card).to_have_count(0)


def test_columns_that_are_not_known_are_confirmed_without_typing(page: Page, served: Server) -> None:
    open_data(page, served)
    card = drop(page, "unknown.csv", UNKNOWN)
    expect(card).to_contain_text("Which columns say who did what, and when?")
    expect(card).to_contain_text("who could be client_id or visitor")
    expect(card.get_by_role("region", name="First rows")).to_contain_text("2025-03-01 10:00:00")
    card.get_by_role("textbox", name="Who").click()
    page.get_by_role("option", name="visitor", exact=True).click()
    card.get_by_role("button", name="Check with these columns").click()
    expect(card).to_contain_text("Events from 1 Mar 2025")
    card.get_by_role("button", name="Ingest").click()
    expect(card).to_have_count(0)
    said = options_beside(served.warehouse / "inbox" / "unknown.csv").columns
    assert str(said) == "user_id=visitor,timestamp=occurred,action=event_name"
