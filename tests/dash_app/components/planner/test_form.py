import pytest

from dash_app.components.planner.form import form
from dash_app.planning.edits import read_edit
from dash_app.planning.plan import PlanError
from grupa_pipeline.vocabulary.plan_fields import FORM, PLAN_FIELDS
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
    assert "the cluster's card counts the whole window" in description


@pytest.mark.parametrize("spec", [field for field in PLAN_FIELDS.values() if field.control], ids=lambda spec: spec.name)
def test_every_field_with_a_control_is_shown_once_and_reads_back_as_it_is(spec):
    plan = a_plan(alpha=0.07, traffic_share=0.4, rice_impact=0.25, rice_confidence=0.8, rice_effort=2.5)
    assert sum(spec.name in (*section.rows, *section.grid) for section in FORM) == 1
    control = field(plan, spec.name)
    assert control.label == spec.control.label
    assert read_edit(spec, control.value) == getattr(plan, spec.name)


@pytest.mark.parametrize(("name", "value"), [("power", "much"), ("sides", None), ("status", "running")])
def test_a_value_of_the_wrong_kind_is_refused_at_its_field(name, value):
    with pytest.raises(PlanError) as caught:
        read_edit(PLAN_FIELDS[name], value)
    assert [problem.field for problem in caught.value.problems] == [name]
