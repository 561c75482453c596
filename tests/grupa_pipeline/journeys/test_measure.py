"""Journeys of a shop's users: funnels, paths, outcomes and trends by group, on DuckDB."""

from typing import Any

import pandas as pd
import pytest

from grupa_pipeline.aggregates.engine import DuckDBEngine
from grupa_pipeline.aggregates.event_window import open_window
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.journeys.intervals import difference_interval, share_interval
from grupa_pipeline.journeys.measure import Journeys, measure_journeys
from tests.grupa_pipeline.features.logs import END, START, Event, connect
from tests.grupa_pipeline.features.shop_log import (
    BUYERS,
    CIRCLING,
    GOAL,
    LOOKING,
    REFUSED,
    USERS,
    group_of,
    shop_events,
)

MIN_GROUP = 5


def labels() -> pd.Series:
    """user_id -> cluster_id of the shop's users."""
    groups = [group_of(number) for number in range(USERS)]
    return pd.Series(
        [None if group == "unassigned" else group for group in groups], index=[f"u{n:03d}" for n in range(USERS)]
    )


def journeys_of(events: list[Event], groups: pd.Series) -> Journeys:
    with connect(events) as con, DuckDBEngine(con) as engine:
        window = open_window(engine, "events", window_start=START, window_end=END, roles=Roles(), min_events=2)
        return measure_journeys(window, groups, min_group=MIN_GROUP)


@pytest.fixture(scope="module")
def journeys() -> Journeys:
    return journeys_of(shop_events(), labels())


def paths(journeys: Journeys, kind: str, cluster_id: str | None) -> dict[tuple[str, ...], dict[str, Any]]:
    return {
        tuple(row["path"]): row for row in journeys.paths if row["kind"] == kind and row["cluster_id"] == cluster_id
    }


def step(journeys: Journeys, cluster_id: str | None, action: str) -> dict[str, Any]:
    return next(row for row in journeys.steps if row["cluster_id"] == cluster_id and row["action"] == action)


def test_everyone_each_cluster_and_the_unassigned_have_a_funnel(journeys: Journeys) -> None:
    assert {row["cluster_id"] for row in journeys.steps} == {None, "C01", "C02", "C03", "unassigned"}
    assert [row["action"] for row in journeys.steps if row["cluster_id"] is None] == [
        "item_seen", "cart_filled", "card_typed", GOAL,
    ]  # fmt: skip


def test_rates_are_conditional_and_against_the_rest(journeys: Journeys) -> None:
    row = step(journeys, "C02", "card_typed")
    assert (row["users_reached"], row["users_continued"], row["continued_share"]) == (REFUSED, 0, 0)
    assert row["rest_continued_share"] == 1
    everyone = step(journeys, None, "card_typed")
    assert everyone["continued_share"] == pytest.approx(BUYERS / (BUYERS + REFUSED))
    assert everyone["rest_continued_share"] is None
    assert (everyone["ci_low"], everyone["ci_high"]) == share_interval(BUYERS, BUYERS + REFUSED)
    assert step(journeys, None, "cart_filled")["median_hours"] == pytest.approx(1.0)
    assert step(journeys, None, GOAL).get("users_continued") is None


@pytest.mark.slow
def test_loops_and_last_actions_are_those_of_their_group(journeys: Journeys) -> None:
    loop = paths(journeys, "loop", "C03")["cart_filled", "item_seen"]
    assert (loop["users"], loop["share"], loop["rest_share"], loop["lift"]) == (CIRCLING, 1.0, 0.0, None)
    assert not paths(journeys, "loop", "C01")
    assert paths(journeys, "last_before_end", "C02")["payment_error",]["users"] == REFUSED
    assert not paths(journeys, "last_before_end", "C01")
    assert paths(journeys, "last_before_end", "unassigned")["item_seen",]["users"] == LOOKING


def test_entries_and_first_sessions_fold_repeats(journeys: Journeys) -> None:
    assert paths(journeys, "entry", None)["item_seen",]["users"] == USERS
    assert set(paths(journeys, "first_session", "unassigned")) == {("item_seen",)}
    assert set(paths(journeys, "first_session", "C02")) == {("item_seen", "cart_filled")}


def test_errors_are_compared_with_users_without_them(journeys: Journeys) -> None:
    row = next(row for row in journeys.outcomes if row["action"] == "payment_error" and row["cluster_id"] is None)
    assert (row["users_with"], row["goal_rate_with"]) == (REFUSED + 3, pytest.approx(3 / (REFUSED + 3)))
    assert row["goal_rate_without"] == pytest.approx((BUYERS - 3) / (USERS - REFUSED - 3))
    assert (row["ci_low"], row["ci_high"]) == difference_interval(3, REFUSED + 3, BUYERS - 3, USERS - REFUSED - 3)


def test_a_typical_journey_is_a_real_one_that_stands_for_enough_users(journeys: Journeys) -> None:
    own = paths(journeys, "typical", "C01")
    assert own["item_seen", "cart_filled", "card_typed", GOAL]["users"] == BUYERS - 3
    assert all(row["users"] >= MIN_GROUP for row in journeys.paths)


def test_trends_are_by_week(journeys: Journeys) -> None:
    week = [row for row in journeys.trends if row["cluster_id"] == "C01"]
    assert {row["week"].isoformat() for row in week} == {"2025-12-29", "2026-01-05"}
    values = {(row["week"].isoformat(), row["metric"]): row["value"] for row in week}
    assert values["2025-12-29", "goal_share"] == 1
    assert values["2025-12-29", "active_users"] + values["2026-01-05", "active_users"] == BUYERS


@pytest.mark.slow
def test_groups_and_paths_of_few_users_are_not_told() -> None:
    events = [*shop_events(), *((f"rare{n}", f"1 10:0{m}", f"own_{m}") for n in range(3) for m in range(3))]
    groups = pd.concat([labels(), pd.Series("C09", index=[f"rare{n}" for n in range(3)])])
    told = journeys_of(events, groups)
    assert not [row for row in (*told.steps, *told.paths, *told.outcomes, *told.trends) if row["cluster_id"] == "C09"]
    assert not [row for row in told.paths if any(step.startswith("own_") for step in row["path"])]


@pytest.mark.slow
def test_a_log_without_goals_has_paths_and_no_funnel() -> None:
    events = [event for event in shop_events() if event[2] != GOAL]
    told = journeys_of(events, labels())
    assert not told.steps
    assert not told.outcomes
    assert told.paths
