from datetime import datetime, timedelta

from dash_app.components import timeline as components
from dash_app.data.timeline import SessionRow, Timeline, UserEvent
from tests.dash_app.trees import ids, of_class, text

AT = datetime(2026, 3, 9, 10)


def page(number=1, pages=1, **changes):
    new = SessionRow(2, 0, AT, AT + timedelta(minutes=9), 4, (("sign_in", 1), ("proposal_view", 3)))
    old = SessionRow(1, 1, AT - timedelta(days=4), AT - timedelta(days=3), 1, (("deal_complete", 1),))
    values = {"sessions": 2, "events": 5, "first_at": old.first_at, "last_at": new.last_at, "before": None}
    return Timeline("u 1", number, pages, rows=(new, old), **(values | changes))


def test_sessions_are_rows_with_folded_runs_and_gaps(shown):
    tree = components.timeline(page(), shown, shown.cluster("C01"), {"deal_complete": "goal"})
    words = text(tree)
    assert "In Deal closers. 5 events in 2 sessions, 5 Mar 2026 to 9 Mar 2026." in words
    assert "9 Mar 2026, 10:00 4 events in 9 minutes Details sign in proposal view ×3" in words
    assert "3 days before" in words
    assert "5 Mar 2026, 10:00, part 2" in words
    assert [text(each) for each in of_class(tree, "good")] == ["deal complete"]
    assert "Newer" not in words


def test_pages_lead_to_newer_and_older_sessions(shown):
    tree = components.timeline(page(2, 3), shown, None, {})
    wanted = [each["of"] for each in ids(tree) if each.get("what") == "timeline"]
    assert wanted == ["1 u 1", "3 u 1", "3 u 1"]
    assert "Page 2 of 3" in text(tree)
    assert "In no cluster." in text(tree)


def test_a_typical_user_leads_to_the_next_one(shown):
    tree = components.timeline(page(), shown, None, {}, ("C01", 0))
    assert {"type": "show", "what": "typical", "of": "C01 1", "at": "timeline"} in ids(tree)


def test_the_details_show_the_metadata_under_readable_heads(shown):
    events = [UserEvent(AT, "proposal_view", {"page_number": 2}), UserEvent(AT, "sign_in", {"note": "x" * 999})]
    words = text(components.event_details(events, shown))
    assert words.startswith("Time Action Page number Note 10:00:00 proposal view 2")
    assert "x" * 200 + "…" in words
    assert "x" * 201 not in words
