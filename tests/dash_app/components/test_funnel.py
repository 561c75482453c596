from dataclasses import replace

from dash import html

from dash_app.components import funnel
from dash_app.data.journeys import ClusterFunnel, GroupJourneys
from tests.dash_app.trees import of_class, text


def test_the_worst_step_is_said_and_marked(shown):
    tree = html.Div(funnel.where_lost(shown.cluster("C02").journeys, "#123456"))
    assert "From proposal create to deal complete: 57% go on, of the others 50%." in text(tree)
    assert "It takes those who do 12 hours as a rule." in text(tree)
    [worst] = of_class(tree, "worst")
    assert text(worst) == "Proposal create 63 57% 50%"


def test_a_funnel_that_loses_nobody_stands_behind_one_that_does(shown):
    losing = shown.cluster("C02").journeys.funnels[0]
    steps = tuple(replace(step, users=90, share=None if step.share is None else 1.0) for step in losing.steps)
    none = ClusterFunnel("other_goal", (*steps[:-1], replace(steps[-1], label="other goal")))
    first, _, second = funnel.where_lost(GroupJourneys((none, losing)), "#123456")
    assert "From proposal create to deal complete" in text(first)
    assert "To “other goal” All of them who start get to “other goal”." in text(second)


def test_without_a_goal_it_says_so_and_leads_to_events(shown):
    words = text(html.Div(funnel.where_lost(GroupJourneys(), "#123456", None)))
    assert words == "No way to a goal was measured for these users. Open Events"


def test_a_long_journey_is_cut_and_says_so(shown):
    _, long = funnel.typical_journeys(shown.cluster("C01").journeys)
    assert text(long).startswith("Like 30% of them sign in search proposal view search")
    assert text(long).endswith("…")
