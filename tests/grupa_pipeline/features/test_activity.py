import pytest

from tests.grupa_pipeline.features.logs import Event, entry, measure, values

# ann: two sessions on one day (the second starts after 31 idle minutes) and one nine days later. bob: one session.
LOG: list[Event] = [
    ("ann", "2 10:00", "search"),
    ("ann", "2 10:20", "search"),
    ("ann", "2 10:50", "search"),
    ("ann", "2 11:21", "open"),
    ("ann", "11 11:21", "search"),
    ("bob", "25 23:50", "search"),
    ("bob", "26 00:10", "open"),
]


def test_a_session_ends_after_30_idle_minutes() -> None:
    result = measure(LOG)
    # ann is observed from day 2 to day 28: 26 days; bob only three days, so over a week.
    assert values(result, "sessions_per_week") == pytest.approx({"ann": 3 / (26 / 7), "bob": 1.0})
    assert values(result, "events_per_session") == pytest.approx({"ann": 5 / 3, "bob": 2.0})
    assert values(result, "minutes_per_session") == pytest.approx({"ann": 50 / 3, "bob": 20.0})


def test_active_days_are_days_with_an_event_over_the_days_observed() -> None:
    assert values(measure(LOG), "active_days_share") == pytest.approx({"ann": 2 / 26, "bob": 2 / 7})


def test_gaps_are_between_sessions_and_run_to_the_end_where_there_is_one_session() -> None:
    # ann: 31 minutes and 9 days, median halfway; bob: from day 26 00:10 to the end.
    expected = {"ann": (31 / 1440 + 9) / 2, "bob": 2 - 10 / 1440}
    assert values(measure(LOG), "median_gap_days") == pytest.approx(expected)


def test_recency_runs_to_the_end_of_the_window() -> None:
    result = measure(LOG)
    expected = {"ann": 28 - 11 - (11 * 60 + 21) / 1440, "bob": 2 - 10 / 1440}
    assert values(result, "days_since_last_event") == pytest.approx(expected)
    assert entry(result, "days_since_last_event")["higher_is_better"] is False


@pytest.mark.slow
def test_totals_are_context() -> None:
    result = measure(LOG)
    assert values(result, "events_total") == {"ann": 5.0, "bob": 2.0}
    assert values(result, "first_seen_day") == pytest.approx({"ann": 2 + 10 / 24, "bob": 25 + (23 * 60 + 50) / 1440})
    assert {entry(result, name)["role"] for name in ("events_total", "first_seen_day", "last_seen_day")} == {"context"}


@pytest.mark.slow
def test_events_outside_the_window_are_not_seen() -> None:
    around: list[Event] = [
        ("ann", "-1 23:59:59", "search"),
        ("ann", "28 00:00", "search"),
        ("eve", "28 00:00", "search"),
    ]
    assert measure(LOG + around).features.equals(measure(LOG).features)


@pytest.mark.slow
def test_moments_are_not_rounded_to_seconds() -> None:
    exact: list[Event] = [
        ("ann", "1 10:00", "a"),
        ("ann", "1 10:30", "b"),
        ("bob", "1 10:00", "a"),
        ("bob", "1 10:30:01", "b"),
    ]
    assert values(measure(exact), "events_per_session") == {"ann": 2.0, "bob": 1.0}
