from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from dash_app.planning.overlap import count_concurrent, find_overlaps, overlaps_by_plan
from tests.dash_app.planning.plans import a_plan

MONDAY = date(2026, 5, 4)


def _plan(name: str, start: int = 0, weeks: int = 4, **changes):
    first = MONDAY + timedelta(days=start)
    last = first + timedelta(days=7 * weeks - 1)
    base = a_plan(plan_id=name, start_date=first, end_date=last, n_total=1000, n_per_arm=500, rice_reach=4000.0)
    return replace(base, **changes)


def test_same_users_metric_and_days_meet():
    (found,) = find_overlaps([_plan("b", start=14), _plan("a")])
    assert (found.plan_id, found.other_id, found.metric) == ("a", "b", "submitted")
    assert (found.first_day, found.last_day) == (MONDAY + timedelta(days=14), MONDAY + timedelta(days=27))
    # a has all its 1,000 by then; b has enrolled for 14 of 14 days.
    assert found.shared_users == 250
    assert "about 250 users" in found.text


@pytest.mark.parametrize(
    "other",
    [
        _plan("b", start=28),
        _plan("b", start=-28),
        _plan("b", cluster_id="C04"),
        _plan("b", primary_metric="deals"),
        _plan("b", status="archived"),
        _plan("b", deleted_at=datetime(2026, 5, 1)),
        _plan("b", start_date=None, end_date=None),
        _plan("b", end_date=None),
    ],
)
def test_others_do_not(other):
    assert find_overlaps([_plan("a"), other]) == []


def test_tests_on_the_same_users_are_counted_whatever_they_measure():
    plans = [_plan("a"), _plan("b", primary_metric="deals"), _plan("c", start=27), _plan("d", cluster_id="C04")]
    gone = [_plan("e", status="archived"), _plan("f", start_date=None, end_date=None)]
    assert count_concurrent([*plans, *gone]) == {"a": 2, "b": 2, "c": 2}
    assert count_concurrent([_plan("a"), _plan("b", start=28)]) == {}


def test_one_common_day_is_enough():
    (found,) = find_overlaps([_plan("a"), _plan("b", start=27)])
    assert found.first_day == found.last_day


def test_expected_shared_users_hold_in_simulation():
    rng = np.random.default_rng(2)
    shared = [
        len(np.intersect1d(rng.choice(4000, 1000, replace=False), rng.choice(4000, 1000, replace=False)))
        for _ in range(200)
    ]
    (found,) = find_overlaps([_plan("a"), _plan("b")])
    assert found.shared_users == pytest.approx(np.mean(shared), rel=0.02)


def test_never_more_shared_than_either_has():
    (found,) = find_overlaps([_plan("a", rice_reach=None), _plan("b", rice_reach=10.0)])
    assert found.shared_users == 1000
    (unsized,) = find_overlaps([_plan("a", n_total=None, rice_reach=None), _plan("b", n_total=None, rice_reach=None)])
    assert unsized.shared_users == 0


def test_each_plan_knows_whom_it_meets():
    by_plan = overlaps_by_plan([_plan("a"), _plan("b", start=7), _plan("c", start=14), _plan("d", cluster_id="C09")])
    assert {name: len(found) for name, found in by_plan.items()} == {"a": 2, "b": 2, "c": 2}
