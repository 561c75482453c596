from dataclasses import replace

from dash_app.components.planner.drawer import advice, numbers
from dash_app.planning.sizing import size_plan
from tests.dash_app.planning.plans import TICKETS, Steady, a_plan
from tests.dash_app.trees import of_class, text


def badge(sizing):
    (found,) = of_class(advice(sizing, {}), "badge")
    return text(found), found.className


def test_a_test_that_fits_is_called_feasible():
    sizing = size_plan(a_plan(), Steady(500))
    assert badge(sizing) == ("feasible within eight weeks", "badge good")
    assert of_class(advice(sizing, {}), "doubts") == []


def test_numbers_that_would_not_hold_are_not_shown_and_it_is_said_why():
    still = replace(TICKETS, baseline_sd=0.001)
    few = a_plan(metric_kind="mean", baseline=14.0, baseline_sd=0.1, guardrails=(still,)).with_effect(absolute=1.4)
    none = a_plan(baseline=0.0).with_effect(absolute=0.05)
    for plan, why in ((few, "An arm would have"), (none, "nobody measured")):
        sizing = size_plan(plan, Steady(500))
        assert badge(sizing) == ("cannot be run like this", "badge bad")
        assert why in text(of_class(advice(sizing, {}), "doubts"))
        assert not any(letter.isdigit() for letter in text(numbers(sizing, {})))


def test_too_long_a_test_is_not_feasible():
    assert badge(size_plan(a_plan(), Steady(5))) == ("not feasible", "badge bad")
