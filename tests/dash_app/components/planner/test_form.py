import pytest

from dash_app.components.planner.form import form
from tests.dash_app.planning.plans import a_plan
from tests.dash_app.trees import parts


def field(plan, name):
    return next(each for each in parts(form(plan, {})) if getattr(each, "id", None) == {"type": "field", "name": name})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"baseline": 0.59, "baseline_n": 83}, "Now 59.0% of 83 users, within 14 days of being eligible."),
        (
            {"metric_kind": "mean", "baseline": 2.5, "exposure_days": 1},
            "Now 2.5 among 800 users, within 1 day of being",
        ),
    ],
)
def test_the_baseline_says_what_it_counts_and_why_the_card_says_another_number(changes, said):
    description = field(a_plan(**changes), "primary_metric").description
    assert description.startswith(said)
    assert "The cluster's card counts the whole window" in description
