"""Steps towards a goal: of those who got to the step before, in the order of those who succeed."""

import pytest

from grupa_pipeline.vocabulary.feature_families import FeatureFamily
from tests.grupa_pipeline.features.logs import connect, entry, measure, values
from tests.grupa_pipeline.features.shop_log import BUYERS, CIRCLING, LOOKING, REFUSED, USERS, shop_events


def test_steps_are_in_the_order_of_those_who_reach_the_goal() -> None:
    rows = [row for row in measure(shop_events()).catalog.to_pylist() if row["family"] == FeatureFamily.FUNNEL_STEP]
    assert [row["source_action"].split("\n")[-1] for row in rows] == [
        "item_seen", "cart_filled", "card_typed", "order_completed",
    ]  # fmt: skip
    assert {row["role"] for row in rows} == {"outcome"}
    assert {row["metric_kind"] for row in rows} == {"proportion"}


def test_a_step_is_a_share_of_those_who_got_to_the_step_before() -> None:
    paid = values(measure(shop_events()), "step_order_completed_order_completed")
    assert sum(value == 1 for value in paid.values()) == BUYERS
    assert sum(value == 0 for value in paid.values()) == REFUSED
    assert sum(value is None for value in paid.values()) == CIRCLING + LOOKING


def test_hours_count_from_the_step_before() -> None:
    hours = values(measure(shop_events()), "step_hours_order_completed_card_typed")
    assert (hours["u010"], hours["u035"], hours[f"u{USERS - 1:03d}"]) == (
        pytest.approx(1.0),
        pytest.approx(1.0),
        None,
    )


def test_a_goal_that_nearly_all_have_has_no_funnel() -> None:
    events = [
        (f"u{n}", f"0 10:0{m}", action) for n in range(40) for m, action in enumerate(("home", "signup_completed"))
    ]
    assert not [row for row in measure(events).catalog.to_pylist() if row["family"] == FeatureFamily.FUNNEL_STEP]


@pytest.mark.slow
def test_what_most_do_only_after_the_goal_is_no_step() -> None:
    events = [*shop_events(), *((f"u{n:03d}", "20 10:00", "receipt_read") for n in range(BUYERS))]
    assert "step_order_completed_receipt_read" not in measure(events).features.column_names


@pytest.mark.slow
def test_the_same_columns_are_measured_in_other_days() -> None:
    first = measure(shop_events())
    few = measure(shop_events()[:8], like=first.catalog)
    assert few.features.column_names == first.features.column_names
    assert values(few, "step_order_completed_order_completed")["u000"] == 1
    assert values(few, "met_payment_error")["u000"] == 1


def test_an_error_is_a_share_of_those_who_were_where_it_occurs() -> None:
    met = values(measure(shop_events()), "met_payment_error")
    assert entry(measure(shop_events()), "met_payment_error")["source_action"] == "card_typed\npayment_error"
    assert sum(value == 1 for value in met.values()) == REFUSED + 3
    assert sum(value is None for value in met.values()) == CIRCLING + LOOKING


def test_going_back_and_forth_is_told_from_doing_both() -> None:
    loop = values(measure(shop_events()), "loop_cart_filled__item_seen")
    assert sum(value == 1 for value in loop.values()) == CIRCLING
    assert sum(value == 0 for value in loop.values()) == BUYERS + REFUSED
    assert sum(value is None for value in loop.values()) == LOOKING


def test_users_stop_where_their_log_ends_without_a_goal() -> None:
    stopped = values(measure(shop_events()), "stopped_payment_error")
    assert sum(value == 1 for value in stopped.values()) == REFUSED
    assert all(stopped[f"u{number:03d}"] == 0 for number in range(BUYERS))


def test_returns_are_unknown_where_the_order_is() -> None:
    same_time = [(f"u{n}", "0 10:00", action) for n in range(30) for action in ("one", "two", "one", "two", "one")]
    from datetime import timedelta

    from grupa_pipeline.aggregates.engine import DuckDBEngine
    from grupa_pipeline.aggregates.event_window import open_window
    from grupa_pipeline.event_catalog.roles import Roles
    from tests.grupa_pipeline.features.logs import START

    with connect(same_time, sequence=False) as con, DuckDBEngine(con) as engine:
        window = open_window(
            engine, "events", window_start=START, window_end=START + timedelta(days=1), roles=Roles(), min_events=1
        )
        assert engine.fetch(window.ordered["returns"]).num_rows == 0
