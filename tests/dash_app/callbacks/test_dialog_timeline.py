import pytest

from dash_app.callbacks import dialog
from tests.dash_app.synthetic import DAYS
from tests.dash_app.trees import ids, of_class, text

pytestmark = pytest.mark.slow

WHERE = {"path": "/", "snapshot": DAYS[1].isoformat()}


def test_what_a_user_did_and_the_events_of_a_session(services, shown):
    opened, title, content = dialog.show(services, {"what": "timeline", "of": "1 user-00001"}, WHERE)
    assert (opened, title) == (True, "What user-00001 did")
    assert "In Deal closers." in text(content)
    of = next(each for each in ids(content) if each.get("type") == "session-details")
    assert of_class(dialog.show_events(services, 1, of, WHERE), "facts-table")
    assert dialog.show_events(services, 2, of, WHERE) is None  # the next click closes them


def test_a_typical_user_of_a_cluster_and_of_none(services):
    _, title, content = dialog.show(services, {"what": "typical", "of": "C02 0"}, WHERE)
    assert title.startswith("What user-")
    assert "In Careful drafters." in text(content)
    assert {"type": "show", "what": "typical", "of": "C02 1", "at": "timeline"} in ids(content)


def test_a_user_without_events_is_told_so(services):
    _, _, content = dialog.show(services, {"what": "timeline", "of": "1 nobody"}, WHERE)
    assert text(content) == "nobody did nothing in the days of this snapshot."
