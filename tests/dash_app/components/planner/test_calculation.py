import pytest

from dash_app.components.planner.calculation import workings
from dash_app.planning.brief import baseline_users_note
from dash_app.planning.sizing import size_plan
from grupa_pipeline.vocabulary.enums import BaselineUsers
from tests.dash_app.planning.plans import Steady, a_plan
from tests.dash_app.trees import text


def test_the_baselines_days_end_with_the_last_that_was_measured():
    shown = text(workings(size_plan(a_plan(), Steady(500)), None, {}))
    assert "Measured on 800 users from 3 Apr 2026 to 30 Apr 2026, each in the 14 days" in shown


@pytest.mark.parametrize("users", [None, *BaselineUsers])
def test_the_workings_and_the_brief_say_where_no_rule_picked_the_users(users):
    plan = size_plan(a_plan(baseline_users=users, baseline_unseen=users is BaselineUsers.RULE), Steady(500)).plan
    sentence = "The baseline is of the cluster's members on 2026-04-30: no rule is stored for it as conditions."
    without_rule = users is BaselineUsers.MEMBERS_NO_RULE
    assert baseline_users_note(plan) == (sentence if without_rule else None)
    assert (sentence in text(workings(size_plan(plan, Steady(500)), None, {}))) == without_rule
    assert (sentence in plan.brief) == without_rule
