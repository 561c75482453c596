import itertools

import numpy as np
import pandas as pd
import pytest

from grupa_pipeline.segmentation.views import ViewValues, admitted_views, view_values, views_of_groups
from grupa_pipeline.vocabulary.enums import FeatureView

USERS = pd.Index([f"u{number:03d}" for number in range(200)])
KIND = np.repeat([0, 1], 100)
MIN_SIGNAL = 0.2


def _counts(chances: np.ndarray, events: int, rng: np.random.Generator) -> pd.DataFrame:
    """Counts by user, half and key of users whose events have `chances` (users, keys) in either half."""
    rows = []
    for half in (0, 1):
        table = rng.multinomial(events, chances)
        user, key = np.nonzero(table)
        rows.append(pd.DataFrame({"user_id": USERS[user], "half": half, "key": key, "n": table[user, key]}))
    return pd.concat(rows, ignore_index=True)


def _walks(kind: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Moves among three actions: kind 0 goes round one way, kind 1 the other, kind 2 either way; all do each as often."""
    rows = []
    for user, way in zip(USERS, kind, strict=True):
        for half in (0, 1):
            moves, at = [], int(rng.integers(3))
            for _ in range(20):
                then = (at + (int(rng.integers(1, 3)) if way == 2 else 1 + int(way))) % 3
                moves.append((user, half, "abc"[at], "abc"[then]))
                at = then
            rows += moves
    counted = pd.DataFrame(rows, columns=["user_id", "half", "before", "action"])
    return counted.value_counts().rename("n").reset_index()


def _values(view: FeatureView, counts: pd.DataFrame) -> ViewValues:
    found = view_values(view, counts, USERS)
    assert found is not None
    return found


def test_order_is_admitted_where_users_have_one_and_not_where_they_have_none() -> None:
    rng = np.random.default_rng(0)
    planted = _values(FeatureView.ORDER, _walks(KIND, rng))
    by_chance = _values(FeatureView.ORDER, _walks(np.full(200, 2), rng))
    assert planted.signal > 0.9
    assert admitted_views({FeatureView.ORDER: planted}, MIN_SIGNAL) == [FeatureView.ORDER]
    assert by_chance.signal < 0.1
    assert admitted_views({FeatureView.ORDER: by_chance}, MIN_SIGNAL) == []


@pytest.mark.parametrize(("view", "keys"), [(FeatureView.HOUR, 8), (FeatureView.LIFE, 9), (FeatureView.WEEKDAY, 7)])
def test_times_are_admitted_where_users_have_their_own_and_not_where_they_have_none(
    view: FeatureView, keys: int
) -> None:
    rng = np.random.default_rng(1)
    own = np.stack([np.where(np.arange(keys) < 3, 3.0, 1), np.where(np.arange(keys) >= keys - 3, 3.0, 1)])[KIND]
    planted = _values(view, _counts(own / own.sum(axis=1, keepdims=True), 30, rng))
    by_chance = _values(view, _counts(np.full((200, keys), 1 / keys), 30, rng))
    assert admitted_views({view: planted}, MIN_SIGNAL) == [view]
    assert admitted_views({view: by_chance}, MIN_SIGNAL) == []


def test_who_came_a_little_later_is_a_little_further_in_the_view_of_life() -> None:
    """Users of one short visit each, evenly over the window: no gap between any two that follow each other."""
    counts = pd.DataFrame({"user_id": USERS, "half": 0, "key": np.arange(len(USERS)) * 64 // len(USERS), "n": 20})
    values = _values(FeatureView.LIFE, counts).whole
    steps = np.linalg.norm(np.diff(values, axis=0), axis=1)
    steps = steps[steps > 1e-9]
    assert len(steps) == 63
    assert steps.max() < 3 * np.median(steps)


def test_admitted_views_are_in_the_order_of_their_names() -> None:
    rng = np.random.default_rng(2)
    one = rng.normal(size=(50, 2))
    clear = ViewValues(one, one, one)
    unclear = ViewValues(one, one, rng.normal(size=(50, 2)))
    views = {FeatureView.WEEKDAY: clear, FeatureView.LIFE: unclear, FeatureView.ORDER: clear, FeatureView.HOUR: clear}
    assert admitted_views(views, MIN_SIGNAL) == [FeatureView.HOUR, FeatureView.ORDER, FeatureView.WEEKDAY]


def test_the_signal_is_the_correlation_of_the_halves() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=(20_000, 1))
    first, second = (truth + rng.normal(size=truth.shape) for _ in range(2))
    assert ViewValues(truth, first, second).signal == pytest.approx(np.corrcoef(first.T, second.T)[0, 1])
    assert ViewValues(truth, first, second).signal == pytest.approx(0.5, abs=0.03)
    nothing = np.zeros((10, 1))
    assert ViewValues(nothing, nothing, nothing).signal == 0


def test_a_view_in_which_all_do_the_same_has_no_values() -> None:
    everyone = pd.DataFrame({"user_id": USERS, "half": 0, "key": 3, "n": 5})
    assert view_values(FeatureView.HOUR, everyone, USERS) is None
    alike = pd.concat([everyone, everyone.assign(key=4)])
    assert view_values(FeatureView.HOUR, alike, USERS) is None
    one_action = everyone.assign(before="a", action="a")
    assert view_values(FeatureView.ORDER, one_action, USERS) is None


def test_what_users_do_makes_no_order() -> None:
    """Users who do different actions, in no order, do not differ in the view of order."""
    rng = np.random.default_rng(4)
    rows = []
    for user, kind in zip(USERS, KIND, strict=True):
        chances = [0.5, 0.3, 0.1, 0.1] if kind else [0.1, 0.1, 0.3, 0.5]
        for half in (0, 1):
            walk = rng.choice(list("abcd"), 40, p=chances)
            rows += [(user, half, *pair) for pair in itertools.pairwise(walk)]
    counted = pd.DataFrame(rows, columns=["user_id", "half", "before", "action"]).value_counts().rename("n")
    assert _values(FeatureView.ORDER, counted.reset_index()).signal < MIN_SIGNAL


def test_values_follow_the_users_whatever_the_order_of_rows_and_leave_strangers_out() -> None:
    rng = np.random.default_rng(5)
    counts = _counts(rng.dirichlet(np.ones(8), 200), 20, rng)
    values = _values(FeatureView.HOUR, counts)
    stranger = pd.DataFrame({"user_id": ["zed"], "half": [0], "key": [0], "n": [900]})
    again = _values(FeatureView.HOUR, pd.concat([stranger, counts]).sample(frac=1, random_state=1))
    assert (again.whole == values.whole).all()
    assert (again.first == values.first).all()
    turned = view_values(FeatureView.HOUR, counts, USERS[::-1])
    assert turned is not None
    assert turned.second[::-1] == pytest.approx(values.second)


def test_a_user_without_events_is_average_in_a_view() -> None:
    rng = np.random.default_rng(6)
    counts = _counts(np.full((200, 4), 0.25), 400, rng)
    values = _values(FeatureView.HOUR, counts[counts["user_id"] != "u000"])
    assert np.abs(values.whole[0]).max() < 1
    assert np.abs(values.whole).max() > 1.5


def test_groups_are_named_by_the_views_that_tell_them_from_the_nearest() -> None:
    """Group 1 differs from 0 by the hour alone; group 2 is far from both by what it does."""
    rng = np.random.default_rng(7)
    labels = np.repeat([0, 1, 2], 80)
    what = rng.normal(size=(240, 3))
    what[:, 0] += 30 * (labels == 2)
    hour = rng.normal(size=(240, 2))
    hour[:, 1] += 8 * (labels == 1)
    life = rng.normal(size=(240, 2))
    views = {FeatureView.HOUR: ViewValues(hour, hour, hour), FeatureView.LIFE: ViewValues(life, life, life)}
    rows = np.hstack([what, hour, life])
    assert views_of_groups(rows, labels, 3, views) == [["hour"], ["hour"], ["what"]]
    assert views_of_groups(what, labels, 3, {}) == [["what"]] * 3
    assert views_of_groups(rows, np.zeros(240, dtype=int), 3, views) == [["what"]]
    assert views_of_groups(rows, np.full(240, -1), 3, views) == []


def test_a_view_half_as_clear_is_named_after_the_clearest() -> None:
    rng = np.random.default_rng(8)
    labels = np.repeat([0, 1], 200)
    what, hour = rng.normal(size=(400, 1)), rng.normal(size=(400, 1))
    what[labels == 1] += 6
    hour[labels == 1] += 10
    views = {FeatureView.HOUR: ViewValues(hour, hour, hour)}
    assert views_of_groups(np.hstack([what, hour]), labels, 1, views) == [["hour", "what"]] * 2
