from datetime import date

import pytest

from dash_app.callbacks import navigation
from tests.dash_app.synthetic import DAYS
from tests.dash_app.trees import ids, of_class


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "component"), [("/", "map"), ("/roadmap", None), ("/history", "flow"), ("/data", "drop")]
)
def test_each_address_shows_its_page_and_the_header_of_the_newest_snapshot(services, path, component):
    page, header = navigation.show_page(services, {"path": path}, "")
    assert component is None or component in ids(page)
    assert header[0].value == DAYS[1].isoformat()


def test_the_snapshot_and_the_open_cluster_come_from_the_address(services):
    page, header = navigation.show_page(services, {"path": "/", "snapshot": DAYS[0].isoformat()}, "?cluster=C02")
    assert header[0].value == DAYS[0].isoformat()
    [panel] = of_class(page, "panel")
    assert panel.className == "panel open"


def test_before_the_browser_has_read_the_address_the_first_page_is_shown(services):
    page, _ = navigation.show_page(services, None, None)
    assert "map" in ids(page)


@pytest.mark.parametrize(
    ("text", "day"), [("2026-03-09", date(2026, 3, 9)), (None, None), ("", None), ("<script>", None)]
)
def test_a_day_is_read_from_an_address(text, day):
    assert navigation.as_day(text) == day
