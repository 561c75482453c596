from datetime import datetime, timedelta

import pytest

from dash_app import formatting
from grupa_pipeline.insights.templates import format_value as pipeline_value
from grupa_pipeline.vocabulary.enums import FeatureView


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0%"), (0.0004, "<0.1%"), (0.0234, "2.3%"), (0.0996, "10%"), (0.5, "50%"), (1, "100%"), (None, "–")],
)
def test_percent(share, words):
    assert formatting.percent(share) == words


@pytest.mark.parametrize(("words", "listed"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_listed(words, listed):
    assert formatting.listed(words) == listed


def test_every_view_has_words():
    assert formatting.VIEWS.keys() == set(FeatureView)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (1234.5, "1,234"),
        (66.6, "66.6"),
        (10, "10"),
        (2.917, "2.92"),
        (0.0123, "0.01"),
        (0.00012, "0.00012"),
        (None, "–"),
    ],
)
def test_number(value, words):
    assert formatting.number(value) == words


@pytest.mark.parametrize("unit", ["share", "seconds", "minutes", "hours", "days", "events", "sessions/week", ""])
@pytest.mark.parametrize("value", [0, 0.00012, 0.0693, 0.1967, 0.71, 0.997, 1, 1.49, 5.84, 9.96, 24, 98.4, 1234.5])
def test_a_value_reads_as_in_the_pipelines_texts(value, unit):
    assert formatting.quantity(value, unit) == pipeline_value(value, unit)


def test_a_fraction_of_a_day_is_in_hours_and_a_minus_is_one():
    assert formatting.quantity(0.71, "days") == "17 hours"
    assert formatting.quantity(-2.5, "events") == "−2.5 events"
    assert (formatting.signed(-0.31, 1), formatting.signed(0.31, 1)) == ("−0.3", "+0.3")
    assert formatting.quantity(None, "days") == "–"


def test_scores_line_up_and_small_chances_are_said_in_words():
    assert [formatting.score(each) for each in (0.8, -0.214, None)] == ["0.80", "−0.21", "–"]
    assert (formatting.chance(0.00008), formatting.chance(0.034), formatting.chance(0.35)) == (
        "less than 0.1%",
        "3.4%",
        "35%",
    )


def test_labels_and_actions_in_words():
    assert (formatting.words_of("A_ACTIVATED"), formatting.words_of("A_ACTIVATED", whole=True)) == (
        "activated",
        "A activated",
    )
    assert formatting.words_of("PushEvent") == "push event"
    assert formatting.words_of("–") == "–"
    assert formatting.topic("had activated", "share") == "activated"
    assert formatting.topic("days between sessions", "days") == "time between sessions"


@pytest.mark.parametrize(
    ("before", "words"), [(5, "just now"), (65, "1 minute ago"), (7200, "2 hours ago"), (90_000, "1 day ago")]
)
def test_age(before, words):
    now = datetime(2026, 3, 10)
    assert formatting.age(now - timedelta(seconds=before), now) == words


def test_users():
    assert (formatting.users(1), formatting.users(1204)) == ("1 user", "1,204 users")
