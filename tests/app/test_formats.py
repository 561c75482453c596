from datetime import datetime, timedelta

import pytest

from dash_app import formats


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0%"), (0.0004, "<0.1%"), (0.0234, "2.3%"), (0.0996, "10%"), (0.5, "50%"), (1, "100%"), (None, "–")],
)
def test_percent(share, words):
    assert formats.percent(share) == words


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
    assert formats.number(value) == words


def test_quantity_knows_shares():
    assert (formats.quantity(0.5, "share"), formats.quantity(3, "hours")) == ("50%", "3 hours")


@pytest.mark.parametrize(
    ("before", "words"), [(5, "just now"), (65, "1 minute ago"), (7200, "2 hours ago"), (90_000, "1 day ago")]
)
def test_age(before, words):
    now = datetime(2026, 3, 10)
    assert formats.age(now - timedelta(seconds=before), now) == words


def test_users():
    assert (formats.users(1), formats.users(1204)) == ("1 user", "1,204 users")
