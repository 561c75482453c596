"""Numbers in texts are those of the evidence, in readable units."""

import re

import pandas as pd
import pytest

from grupa_pipeline.insights.templates import (
    aliases,
    fill,
    format_duration,
    format_part,
    format_value,
    parts,
    reads_the_same,
    rows_by_alias,
)

EVIDENCE = pd.DataFrame(
    {
        "evidence_id": ["C01-had_drop_off-proportion", "C01-hours_to_submit-duration", "C01-had_deal-proportion"],
        "metric": ["had_drop_off", "hours_to_submit", "had_deal"],
        "unit": ["share", "hours", "share"],
        "cluster_value": [0.41, 36.0, 0.3],
        "rest_value": [0.18, 1.6, 0.0],
        "lift": [0.41 / 0.18, 22.5, float("nan")],
        "effect_size": [0.23, 0.6, 0.3],
    }
)
ROWS = rows_by_alias(EVIDENCE)


def test_aliases_follow_the_order_of_the_rows():
    assert aliases(EVIDENCE) == dict(zip(["E1", "E2", "E3"], EVIDENCE["evidence_id"], strict=True))


def test_placeholders_are_filled_from_the_rows():
    text = "{E1.lift} the others ({E1.cluster} against {E1.rest}), a gap of {E1.gap}; {E2.cluster} against {E2.rest}."
    assert fill(text, ROWS) == "2.3 times the others (41% against 18%), a gap of 23 points; 1.5 days against 1.6 hours."


def test_two_rows_with_equal_values_say_the_same():
    step = ROWS["E1"] | {"metric": "step_deal_deal", "cluster_value": 0.493, "rest_value": 0.97}
    goal = step | {"metric": "had_deal", "cluster_value": 0.488, "rest_value": 0.965}
    assert reads_the_same(step, goal)
    assert not reads_the_same(step, goal | {"cluster_value": 0.4})
    assert not reads_the_same(ROWS["E1"], ROWS["E2"])


def test_a_lift_over_zero_has_no_placeholder():
    assert parts(ROWS["E3"]) == ["cluster", "rest", "gap"]
    with pytest.raises(ValueError, match="had_deal"):
        fill("{E3.lift}", ROWS)


def test_an_unknown_alias_is_an_error():
    with pytest.raises(KeyError):
        fill("{E9.cluster}", ROWS)


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0.0, "share", "0%"),
        (0.012, "share", "1.2%"),
        (0.0038, "share", "0.38%"),
        (0.41, "share", "41%"),
        (1.0, "share", "100%"),
        (2.34, "sessions/week", "2.3 sessions per week"),
        (1.0, "sessions/week", "1 session per week"),
        (15.2, "events", "15 events"),
        (1512.0, "events", "1,512 events"),
        (3.5, "days", "3.5 days"),
        (90.0, "minutes", "1.5 hours"),
    ],
)
def test_values_read_as_a_person_would_write_them(number: float, unit: str, text: str):
    assert format_value(number, unit) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0.005, "18 seconds"),
        (0.5, "30 minutes"),
        (1.4, "84 minutes"),
        (1.6, "1.6 hours"),
        (24, "1 day"),
        (500, "21 days"),
    ],
)
def test_durations_take_the_unit_that_fits(hours: float, text: str):
    assert format_duration(hours) == text


@pytest.mark.parametrize("number", [0.00012, 0.0456, 0.5, 0.949, 0.96, 1.049, 9.94, 9.96, 44.4, 123.6, 98765.4])
def test_what_is_shown_is_within_five_percent_of_what_is_stored(number: float):
    text = format_value(number, "ratio")
    assert float(text.replace(",", "")) == pytest.approx(number, rel=0.05)


def test_a_gap_is_never_negative():
    row = ROWS["E1"] | {"cluster_value": 0.18, "rest_value": 0.41}
    assert format_part(row, "gap") == "23 points"
    assert not re.search(r"-", format_part(row, "gap"))


@pytest.mark.parametrize(
    ("share", "told"),
    [(0.0, "None of them"), (0.004, "Hardly any (0.4%) of them"), (0.41, "41% of them"), (1.0, "All of them")],
)
def test_a_share_as_the_subject_of_a_sentence_says_nobody_where_it_is_nobody(share: float, told: str):
    rows = {"E1": ROWS["E1"] | {"cluster_value": share}}
    assert fill("{E1.who} of them pay. {E1.who} of them stay.", rows) == f"{told} pay. {told} stay."


def test_only_all_users_are_all_of_them():
    almost = {"E1": ROWS["E1"] | {"cluster_value": 0.9998}}
    assert fill("{E1.who} of them pay, {E1.cluster}", almost) == "99.9% of them pay, 99.9%"
    with pytest.raises(ValueError, match="no share of users"):
        fill("{E2.who}", ROWS)
