from dash_app.components.planner.calculation import workings
from dash_app.planning.sizing import size_plan
from tests.dash_app.planning.plans import Steady, a_plan
from tests.dash_app.trees import text


def test_the_baselines_days_end_with_the_last_that_was_measured():
    shown = text(workings(size_plan(a_plan(), Steady(500)), None, {}))
    assert "Measured on 800 users from 3 Apr 2026 to 30 Apr 2026, each in the 14 days" in shown
