from dataclasses import replace

import pytest

from dash_app import plan_drafts, plan_options
from dash_app.callbacks import planner_edits
from dash_app.components.planner import drawer
from dash_app.components.planner.form import read_weights, weights_text
from dash_app.data.database import Database
from dash_app.planning.brief import baseline_users_note
from dash_app.planning.duration import PastForecasts
from dash_app.planning.metric_groups import MetricGroup
from dash_app.planning.plan import PlanError
from grupa_pipeline.storage import warehouse
from grupa_pipeline.vocabulary.enums import BaselineUsers
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind
from grupa_pipeline.vocabulary.segment_rules import SegmentCondition, SegmentConditionKind, SegmentRule
from tests.dash_app.planning.plans import Steady
from tests.dash_app.trees import ids, parts, text


@pytest.fixture
def draft(services, shown):
    return plan_options.new_draft(services, shown, *shown.insight("R-C01"))


def fields(plan):
    """The form's values for a plan, as the browser sends them."""
    tree = drawer.form(plan, {})
    found = [each for each in parts(tree) if isinstance(getattr(each, "id", None), dict)]
    values = {each.id["name"]: getattr(each, "value", None) for each in found if each.id["type"] == "field"}
    return values, {each.id["metric"]: each.value for each in found if each.id["type"] == "margin"}


def test_a_recommendation_opens_filled_in_and_sized(draft):
    plan = draft.sizing.plan
    assert plan.name == "Save proposals as they are written"
    assert plan.primary_metric == "had_deal_complete"
    assert plan.population == "Sessions a week: more than 4 sessions per week"
    assert plan.hypothesis.startswith("If proposals")
    assert plan.guardrails
    assert plan.n_per_arm > 0
    assert plan.brief
    assert not draft.fits  # no effect of a quarter shows among so few users


def test_a_metric_that_cannot_be_planned_for_gives_way_and_says_so(services, shown):
    cluster, insight = shown.insight("R-C01")
    found = plan_options.new_draft(services, shown, cluster, replace(insight, target_metric="hours_to_submit"))
    assert found.sizing.plan.primary_metric == "had_deal_complete"
    assert "cannot be planned for" in found.notes[0]


def test_a_draft_that_a_modest_effect_brings_into_eight_weeks_starts_from_it_and_says_so(services, shown, monkeypatch):
    monkeypatch.setattr(plan_drafts, "enrolment", lambda *_: Steady(1000))
    usual = plan_options.new_draft(services, shown, *shown.insight("R-C01")).sizing.plan
    assert (usual.feasible, usual.mde_relative) == (True, pytest.approx(0.1))
    # Users come at half the pace at which the usual draft would just last its eight weeks.
    pace = Steady(usual.n_total / (56 - usual.exposure_days) / 2)
    monkeypatch.setattr(plan_drafts, "enrolment", lambda *_: pace)
    slow = plan_options.new_draft(services, shown, *shown.insight("R-C01"))
    assert slow.sizing.plan.feasible
    assert 0.1 < slow.sizing.plan.mde_relative <= 0.25
    assert "which eight weeks can show" in " ".join(slow.notes)
    monkeypatch.setattr(plan_drafts, "enrolment", lambda *_: Steady(pace.a_day / 100))
    never = plan_options.new_draft(services, shown, *shown.insight("R-C01"))
    assert (never.sizing.plan.feasible, never.fits) == (False, False)
    words = text(
        drawer.planner(never.sizing, None, shown.catalog, options=never.options, fits=False, nearest=never.nearest)
    )
    assert words.index("No test of eight weeks") < words.index("Planning only")
    assert "Talk to typical users" in words


def test_a_draft_that_runs_on_a_count_alone_says_first_that_no_goal_or_step_can_be_tested(services, shown, monkeypatch):
    monkeypatch.setattr(plan_drafts, "enrolment", lambda *_: Steady(1000))
    real = plan_options.compare

    def without_rates(*given):
        options, failure = real(*given)
        counts = [replace(each, candidate=replace(each.candidate, group=MetricGroup.COUNT)) for each in options]
        rate = replace(options[0], effect=None, weeks=None, smallest=0.5, users=900, reason="too few")
        return [*counts, rate], failure

    monkeypatch.setattr(plan_options, "compare", without_rates)
    draft = plan_options.new_draft(services, shown, *shown.insight("R-C01"))
    assert (draft.sizing.plan.feasible, draft.fits) == (True, False)
    assert draft.nearest.smallest == 0.5
    words = text(
        drawer.planner(draft.sizing, None, shown.catalog, options=draft.options, fits=False, nearest=draft.nearest)
    )
    assert words.index("No goal and no step can be tested in eight weeks here") < words.index("Planning only")
    assert "900 users come in eight weeks, and about 3,600 would have to" in words
    for instead in ("Talk to typical users", "compare before with after", "Plan it for a bigger audience"):
        assert instead in words


def test_a_log_that_cannot_be_foretold_says_so_first_and_shows_no_weeks(services, shown, monkeypatch):
    past = PastForecasts(12, 0.1, 3.0, 1.2)
    monkeypatch.setattr(plan_drafts, "enrolment", lambda *_: Steady(1000, past=past))
    draft = plan_options.new_draft(services, shown, *shown.insight("R-C01"))
    words = text(drawer.planner(draft.sizing, None, shown.catalog, options=draft.options, fits=draft.fits))
    assert words.index("cannot be foretold from this log") < words.index("Planning only")
    assert "weeks: cannot be foretold" in words
    assert draft.sizing.plan.n_per_arm


def test_where_the_cluster_alone_is_too_small_all_users_take_part_and_it_says_so(services, shown, monkeypatch):
    def coming(_services, _day, audience):
        return Steady(1 if audience.kind is AudienceKind.CLUSTER else 1000)

    monkeypatch.setattr(plan_drafts, "enrolment", coming)
    draft = plan_options.new_draft(services, shown, *shown.insight("R-C01"))
    plan = draft.sizing.plan
    assert (plan.feasible, plan.audience) == (True, Audience(AudienceKind.EVERYONE))
    assert "is a stratum" in plan.population
    assert "all users take part" in " ".join(draft.notes)
    own = next(each for each in draft.options if each.candidate.audience.kind is AudienceKind.CLUSTER)
    assert not own.runs
    option = {
        "metric": "had_deal_complete",
        "audience": "cluster",
        "clusters": "C01",
        "exposure": 8,
        "direction": "increase",
    }
    back = plan_options.with_option(services, plan, option)
    assert (back.audience, back.population) == (None, "Sessions a week: more than 4 sessions per week")
    rule = SegmentRule((SegmentCondition(SegmentConditionKind.DID, ("login",)),))
    services.roadmap.save_segment("Came", rule, "ann")
    on_segment = plan_options.with_option(services, plan, option | {"audience": "segment", "clusters": "S01"})
    assert on_segment.audience == Audience(AudienceKind.SEGMENT, ("S01",))
    assert (
        "segment Came (S01)" in on_segment.population
        and "segment S01" in plan_drafts.briefed(services, on_segment).brief
    )


def test_what_the_card_says_and_what_the_plan_takes_stand_in_one_sentence_with_their_days(draft):
    (both,) = [note for note in draft.notes if "card says" in note]
    assert "73.6%" in both
    assert "33.3%, within 8 days of being eligible, over 21 Feb 2026 to 9 Mar 2026" in both


def test_a_cluster_that_is_not_stable_says_so_in_the_drawer_and_in_the_brief(services, shown):
    draft = plan_options.new_draft(services, shown, *shown.insight("R-C03"))
    assert "not stable" in draft.sizing.plan.caution
    assert "not stable" in draft.sizing.plan.brief
    assert "Mind this first" in text(drawer.planner(draft.sizing, None, shown.catalog))


@pytest.mark.slow
def test_a_draft_for_a_cluster_without_a_stored_rule_says_that_its_baseline_is_of_the_members(services, shown, folder):
    with warehouse.publish(folder / warehouse.PIPELINE_FILE) as con:
        con.execute("UPDATE clusters SET rule_conditions = NULL")
    unruly = replace(services, database=Database(folder / warehouse.PIPELINE_FILE))
    plan = plan_options.new_draft(unruly, shown, *shown.insight("R-C01")).sizing.plan
    sentence = baseline_users_note(plan)
    assert plan.baseline_users is BaselineUsers.MEMBERS_NO_RULE
    assert f"members on {plan.snapshot_date}: no rule is stored for it as conditions" in sentence
    assert sentence in plan.brief
    remeasured = plan_drafts.with_metric(services, plan, plan.primary_metric, plan.exposure_days)
    assert remeasured.baseline_users is BaselineUsers.RULE
    assert baseline_users_note(remeasured) is None


def test_a_plan_comes_back_from_the_browser_as_it_went(draft):
    assert plan_drafts.from_store(plan_drafts.to_store(draft.sizing.plan)) == draft.sizing.plan


def test_an_untouched_form_changes_nothing(services, draft):
    plan = draft.sizing.plan
    values, margins = fields(plan)
    again = plan_drafts.resize(services, planner_edits.apply(services, plan, values, margins)).plan
    assert again == plan


def test_a_larger_effect_needs_fewer_users(services, draft):
    plan = draft.sizing.plan
    values, margins = fields(plan)
    bolder = planner_edits.apply(services, plan, values | {"mde": 40}, margins)
    assert bolder.mde_relative == pytest.approx(0.4)
    assert plan_drafts.resize(services, bolder).plan.n_per_arm < plan.n_per_arm


def test_a_third_arm_and_a_split(services, draft):
    plan = draft.sizing.plan
    values, margins = fields(plan)
    split = plan_drafts.resize(
        services, planner_edits.apply(services, plan, values | {"weights": "2 : 1 : 1"}, margins)
    ).plan
    assert [arm.weight for arm in split.variants] == [2, 1, 1]
    assert split.variants[0].n >= 2 * split.variants[1].n - 2


def test_a_margin_is_each_guardrails_own(services, draft):
    plan = draft.sizing.plan
    values, margins = fields(plan)
    metric = plan.guardrails[0].metric
    wider = planner_edits.apply(services, plan, values, margins | {metric: 50})
    assert wider.guardrails[0].margin_relative == pytest.approx(0.5)


@pytest.mark.slow
def test_another_exposure_is_measured_anew(services, draft):
    plan = draft.sizing.plan
    values, margins = fields(plan)
    short = planner_edits.apply(services, plan, values | {"exposure_days": 2}, margins)
    assert short.baseline < plan.baseline
    assert short.exposure_days == 2


@pytest.mark.parametrize("change", [{"weights": "one"}, {"power": None}, {"mde": ""}])
def test_what_is_no_number_is_refused(services, draft, change):
    values, margins = fields(draft.sizing.plan)
    with pytest.raises(PlanError):
        planner_edits.apply(services, draft.sizing.plan, values | change, margins)


@pytest.mark.parametrize(
    ("written", "weights"), [("1:1", (1, 1)), ("50/25/25", (50, 25, 25)), ("1", ()), ("1:0", ()), ("a:b", ())]
)
def test_weights(written, weights):
    assert read_weights(written) == weights


def test_weights_are_read_as_written(draft):
    assert read_weights(weights_text(draft.sizing.plan)) == (1, 1)


@pytest.mark.slow
def test_the_drawer_shows_the_numbers_and_where_they_come_from(services, shown, draft):
    plan = draft.sizing.plan
    tree = drawer.planner(draft.sizing, plan_drafts.baseline_of(services, plan), shown.catalog, notes=("Mind this.",))
    words = text(tree)
    for expected in (
        f"{plan.n_per_arm:,} users an arm",
        "nothing goes live",
        "Mind this.",
        "pooled two-proportion z-test",
        "95% interval",
        "picked by the cluster's rule on the days before",
    ):
        assert expected.lower() in words.lower()
    assert {"type": "save-plan", "plan": plan.plan_id} in ids(tree)
    assert len({str(each) for each in ids(tree)}) == len(ids(tree))


def test_every_field_has_a_label(shown, draft):
    for each in parts(drawer.form(draft.sizing.plan, shown.catalog)):
        if isinstance(getattr(each, "id", None), dict):
            assert each.label
