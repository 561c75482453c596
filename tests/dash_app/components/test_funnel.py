from dataclasses import replace

from dash import html

from dash_app.components import funnel
from dash_app.data.journeys import ClusterFunnel, GroupJourneys, StepUsers
from tests.dash_app.trees import ids, of_class, text


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


def test_each_step_but_the_goal_opens_its_users(shown):
    tree = html.Div(funnel.where_lost(shown.cluster("C02").journeys, "#123456", None, ("C02", "card")))
    assert [each["of"] for each in ids(tree)] == ["C02 0 deal_complete", "C02 1 deal_complete"]
    assert ids(html.Div(funnel.where_lost(shown.cluster("C02").journeys, "#123456"))) == []


def test_who_did_not_go_on_leads_to_what_they_did(shown):
    before, step, goal = shown.cluster("C02").journeys.funnels[0].steps
    tree = funnel.step_users(StepUsers(5, 3, ("u 1", "u 2")), step, goal)
    words = text(tree)
    assert words.startswith(
        "8 users got to “proposal create”: 5 went on to “deal complete”, 3 did not. Those who did too"
    )
    assert "little to be compared are left out. Some who did not u 1" in words
    everyone = text(funnel.step_users(StepUsers(step.users - 3, 3, ("u 1",)), step, goal))
    assert "left out" not in everyone
    assert [each["of"] for each in ids(tree)] == ["1 u 1", "1 u 2"]
    assert "who did not" not in text(funnel.step_users(StepUsers(5, 0, ()), before, step))
