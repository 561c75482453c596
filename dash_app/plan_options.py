"""From a recommendation to the test to propose: measures every option, and drafts the best one that can run.

No components, no SQL, no formulas.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dash_app import formatting, plan_drafts
from dash_app.components.rule_words import rule_words
from dash_app.data import baselines
from dash_app.data.baselines import Population
from dash_app.data.snapshot import Cluster, Feature, Insight, Snapshot
from dash_app.planning.baseline import BaselineError
from dash_app.planning.brief import value_text
from dash_app.planning.design import SizeError
from dash_app.planning.draft import (
    RecommendationFacts,
    draft_plan,
    guardrail_candidates,
    is_modest,
    propose_first_day,
)
from dash_app.planning.duration import DurationError, Forecast
from dash_app.planning.metric_groups import MetricGroup
from dash_app.planning.options import MeasuredMetric, PlanOption, Relevance, assess, ranked
from dash_app.planning.plan import Plan, PlanError
from dash_app.planning.positions import new_plan_id
from dash_app.planning.refusals import LARGEST_MARGIN
from dash_app.planning.sizing import Sizing
from dash_app.services import Services
from grupa_pipeline.vocabulary.enums import Direction
from grupa_pipeline.vocabulary.plan_fields import Guardrail
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind

SHOWN_OPTIONS = 8
LEAST_HOLD = 0.6
"""Stability, or agreement in other sessions, below which a cluster is not relied on (Landis & Koch 1977)."""
_EXPOSURES = (7, 28)
"""Days of exposure tried beside the usual one where that leaves no rate to test."""
_CANNOT = (BaselineError, DurationError, PlanError, SizeError)


@dataclass(frozen=True)
class Draft:
    """A plan as the drawer opens it.

    Attributes:
        sizing: The proposed plan, sized.
        notes: What to know of how it was filled in.
        options: The tests compared, the proposed one first; at most `SHOWN_OPTIONS`.
        fits: Whether it is decided by a goal or step rate and runs within eight weeks; a person is first told where not.
        nearest: Where it does not fit, the goal or step rate among the users who show the smallest effect on it, if any.
    """

    sizing: Sizing
    notes: tuple[str, ...]
    options: tuple[PlanOption, ...]
    fits: bool
    nearest: PlanOption | None = None


def new_draft(services: Services, shown: Snapshot, cluster: Cluster, insight: Insight) -> Draft:
    """The best test of a recommendation that can run, filled in and sized; the best of the others where none can.

    Raises:
        BaselineError: No metric can be measured among these users.
        PlanError: No metric can be planned for.
    """
    options, failure = compare(services, shown, cluster, insight)
    last: Exception | None = failure
    best: Sizing | None = None
    chosen: PlanOption | None = None
    for option in options:
        try:
            sizing = _sized(services, shown, cluster, insight, option)
        except _CANNOT as error:
            last = last or error
            continue
        if best is None:
            best, chosen = sizing, option
        if sizing.plan.feasible:
            best, chosen = sizing, option
            break
        if not option.runs:
            break
    if best is None or chosen is None:
        raise last or BaselineError("There is no metric to plan for.")
    runs = bool(best.plan.feasible)
    if not best.refusals:
        best = replace(best, plan=plan_drafts.briefed(services, plan_drafts.with_past(services, best.plan)))
    if runs and best.plan.duration_days:  # a guardrail may need more weeks than the metric
        chosen, options = _with_weeks(options, chosen, best.plan.duration_days // 7)
    others = tuple(each for each in options if each is not chosen)
    notes = tuple(_notes(services, shown, cluster, insight, chosen, best, failure))
    fits = runs and chosen.candidate.group.is_rate
    return Draft(best, notes, (chosen, *others)[:SHOWN_OPTIONS], fits, None if fits else nearest_rate(options))


def nearest_rate(options: Iterable[PlanOption]) -> PlanOption | None:
    """Of the tests on a goal or step rate the one that shows the smallest effect; None where none shows any."""
    rates = [each for each in options if each.candidate.group.is_rate and each.smallest is not None]
    return min(rates, key=lambda each: each.smallest or 0.0, default=None)


def compare(
    services: Services, shown: Snapshot, cluster: Cluster, insight: Insight
) -> tuple[list[PlanOption], Exception | None]:
    """Every test that can be measured, the one to propose first, and why the recommendation's own metric cannot be.

    Other exposures than the usual are measured where no rate can be tested in it.
    """
    options, failure = _assessed(services, shown, cluster, insight, None)
    if not any(option.runs and option.candidate.group.is_rate for option in options):
        for days in _EXPOSURES:
            try:
                options += _assessed(services, shown, cluster, insight, days)[0]
            except BaselineError:
                continue  # the log is too short for it
    return _distinct(ranked(options)), failure


def with_option(services: Services, plan: Plan, option: Mapping[str, Any]) -> Plan:
    """The draft as the test of another row of the comparison.

    Args:
        services: For the measurements.
        plan: The draft.
        option: metric, audience, clusters, exposure and direction, as the row's button has them.

    Raises:
        BaselineError: The metric cannot be measured among these users.
    """
    audience = Audience(AudienceKind(option["audience"]), tuple(str(option["clusters"]).split()))
    shown = services.snapshot(plan.snapshot_date)
    cluster = shown.cluster(plan.cluster_id) if shown else None
    words = plan.population
    if own := plan_drafts.segment_of(services, audience):
        words = f"Users of the segment {own.name} ({own.segment_id}), as it is when they are counted"
    elif shown and cluster:
        words = _population_text(shown, cluster, audience)
    plan = replace(plan, audience=_stored(audience), direction=Direction(option["direction"]), population=words)
    before = plan.primary_metric
    plan = plan_drafts.with_metric(services, plan, str(option["metric"]), int(option["exposure"]))
    if not plan.guardrails:
        plan = plan_drafts.with_guardrails(services, plan, [before])
    sizing = plan_drafts.resize(services, plan)
    better = sizing.alternative.plan if sizing.alternative else None
    return better if better and is_modest(plan, better) else plan


def caution_of(shown: Snapshot, cluster: Cluster) -> str | None:
    """Why a cluster is not to be relied on; None where it is."""
    if shown.status == "weak_structure":
        return (
            "The groups of this snapshot are no clearer than chance would make them: confirm who the test is for first."
        )
    if cluster.stability is not None and cluster.stability < LEAST_HOLD:
        return (
            f"This cluster is not stable ({formatting.number(cluster.stability)} of 1): other users of the same log would"
            " group differently. Confirm who the test is for first."
        )
    if cluster.replication is not None and cluster.replication < LEAST_HOLD:
        return (
            f"This cluster does not hold in other sessions ({formatting.number(cluster.replication)} of 1): its users may"
            " not behave like this again. Confirm who the test is for first."
        )
    return None


def _assessed(
    services: Services, shown: Snapshot, cluster: Cluster, insight: Insight, exposure_days: int | None
) -> tuple[list[PlanOption], Exception | None]:
    found: list[PlanOption] = []
    failure: Exception | None = None
    for audience in _audiences(shown, cluster, insight):
        try:
            population = plan_drafts.population_of(services, shown.day, audience, exposure_days)
            coming = plan_drafts.enrolment(services, shown.day, audience)
        except DurationError:
            continue
        for feature, direction, relevance in _metrics(shown, insight):
            try:
                found.append(_option(population, coming, audience, feature, direction, relevance))
            except (BaselineError, SizeError) as error:
                if relevance is Relevance.OWN and audience.kind is AudienceKind.CLUSTER:
                    failure = failure or error
    return found, failure


def _option(
    population: Population,
    coming: Forecast,
    audience: Audience,
    feature: Feature,
    direction: Direction,
    relevance: Relevance,
) -> PlanOption:
    baseline = baselines.measure_metric(population, feature)
    days = population.window.exposure_days
    candidate = MeasuredMetric(feature.feature, feature.group, relevance, direction, audience, days, baseline)
    return assess(candidate, coming)


def _audiences(shown: Snapshot, cluster: Cluster, insight: Insight) -> Iterator[Audience]:
    yield Audience.of_cluster(cluster.cluster_id)
    siblings = tuple(each for each in insight.shared_with if shown.cluster(each) and each != cluster.cluster_id)
    if siblings:
        yield Audience(AudienceKind.SIBLINGS, (cluster.cluster_id, *siblings))
    if cluster.size < shown.users:
        yield Audience(AudienceKind.EVERYONE)


def _metrics(shown: Snapshot, insight: Insight) -> Iterator[tuple[Feature, Direction, Relevance]]:
    """The recommendation's own metric, and all goals, steps, counts and times that have a good direction."""
    own = shown.catalog.get(insight.target_metric or "")
    if own:
        yield own, Direction(insight.direction or Direction.INCREASE), Relevance.OWN
    for each in shown.catalog.values():
        if each is own or each.group is MetricGroup.STAND_IN or each.higher_is_better is None:
            continue
        near = each.subject is not None and each.subject == insight.step_action
        direction = Direction.INCREASE if each.higher_is_better else Direction.DECREASE
        far = Relevance.GOAL if each.group is MetricGroup.GOAL else Relevance.OTHER
        yield each, direction, Relevance.SAME_STEP if near else far


def _with_weeks(options: Sequence[PlanOption], chosen: PlanOption, weeks: int) -> tuple[PlanOption, list[PlanOption]]:
    again = replace(chosen, weeks=weeks)
    return again, [again if each is chosen else each for each in options]


def _distinct(options: Sequence[PlanOption]) -> list[PlanOption]:
    """One option for each metric and audience: the best exposure."""
    best: dict[tuple[str, Audience], PlanOption] = {}
    for option in options:
        best.setdefault((option.candidate.metric, option.candidate.audience), option)
    return list(best.values())


def _sized(services: Services, shown: Snapshot, cluster: Cluster, insight: Insight, option: PlanOption) -> Sizing:
    each = option.candidate
    population = plan_drafts.population_of(services, shown.day, each.audience, each.exposure_days)
    recommendation = RecommendationFacts(
        snapshot_date=shown.day,
        cluster_id=cluster.cluster_id,
        insight_id=insight.insight_id,
        title=insight.title,
        change=insight.change or "",
        hypothesis=insight.hypothesis or "",
        evidence_ids=insight.evidence_ids,
        target_metric=each.metric,
        direction=each.direction,
        population=_population_text(shown, cluster, each.audience),
        stability=cluster.stability,
    )
    first_day, _ = propose_first_day(datetime.now(UTC).date(), (shown.window_end - timedelta(days=1)).date())
    plan = draft_plan(
        recommendation,
        each.baseline,
        population.window,
        [_first_guardrail(population, shown, each.metric)],
        baseline_users=population.picked_by,
        plan_id=new_plan_id(),
        owner=services.current_user(),
        first_day=first_day,
        audience=_stored(each.audience),
    )
    plan = replace(plan, caution=caution_of(shown, cluster))
    if option.effect is not None:
        plan = plan.with_effect(absolute=option.effect)
    sizing = plan_drafts.resize(services, plan)
    better = sizing.alternative.plan if option.runs and sizing.alternative else None
    if better and better.mde_absolute <= plan.mde_absolute:  # a wider margin alone
        return plan_drafts.resize(services, better)
    return sizing


def _stored(audience: Audience) -> Audience | None:
    """As a plan holds it: None is the users of its own cluster."""
    return None if audience.kind is AudienceKind.CLUSTER else audience


def _population_text(shown: Snapshot, cluster: Cluster, audience: Audience) -> str:
    rule = rule_words(cluster, shown.catalog) or f"users of {cluster.name}"
    if audience.kind is AudienceKind.CLUSTER:
        return formatting.capital(rule)
    if audience.kind is AudienceKind.EVERYONE:
        return f"All users. {cluster.cluster_id} ({rule}) is a stratum: split it evenly and read it on its own too"
    others = [shown.cluster(each) for each in audience.clusters if each != cluster.cluster_id]
    names = formatting.listed([f"{each.name} ({each.cluster_id})" for each in others if each])
    return f"{rule}; and the users of {names}, who have the same recommendation"


def _first_guardrail(population: Population, shown: Snapshot, metric: str) -> Guardrail:
    """The best guardrail that varies among these users, and whose usual margin still guards something."""
    wide: Guardrail | None = None
    for name in guardrail_candidates([vars(each) for each in shown.catalog.values()], metric):
        try:
            rail = plan_drafts.guardrail_of(population, shown.catalog[name])
        except BaselineError:
            continue
        if rail.baseline_sd and rail.margin_relative and rail.margin_relative < LARGEST_MARGIN:
            return rail
        if rail.baseline_sd and wide is None:
            wide = rail
    if wide is None:
        raise BaselineError("No second metric varies among these users, so the plan would have no guardrail.")
    return wide


def _notes(
    services: Services,
    shown: Snapshot,
    cluster: Cluster,
    insight: Insight,
    chosen: PlanOption,
    sizing: Sizing,
    failure: Exception | None,
) -> Iterator[str]:
    """What a person must know of the draft, one sentence or two each."""
    each, plan = chosen.candidate, sizing.plan
    if failure:
        yield (
            f"The recommendation's own metric cannot be planned for ({failure}) This plan uses another one: check that it"
            " still fits the hypothesis."
        )
    elif each.relevance is not Relevance.OWN:
        yield (
            "The recommendation's own metric is not the one that this test is decided by: check that the one proposed still"
            " fits the hypothesis. The table below has the others."
        )
    if each.audience.kind is not AudienceKind.CLUSTER:
        who = "all users" if each.audience.kind is AudienceKind.EVERYONE else "users of the clusters that share it too"
        yield (
            f"{cluster.name} alone has too few users for eight weeks, so {who} take part. Among those without the problem the"
            " effect may be smaller."
        )
    if plan.feasible and plan.mde_relative is not None and plan.mde_relative > 0.1 + 1e-9:
        yield (
            f"This draft looks for an effect of {plan.mde_relative:.0%}, which eight weeks can show; the usual tenth would"
            " take longer."
        )
    late = propose_first_day(datetime.now(UTC).date(), (shown.window_end - timedelta(days=1)).date())[1]
    if late:
        yield late
    yield from _two_values(shown, cluster, chosen, sizing)


def _two_values(shown: Snapshot, cluster: Cluster, chosen: PlanOption, sizing: Sizing) -> Iterator[str]:
    """The card's number and the planner's, with their days, where the card has one."""
    plan, feature = sizing.plan, shown.catalog[chosen.candidate.metric]
    card = next((each for each in cluster.evidence if each.metric == feature.feature), None)
    if card is None:
        return
    ours = value_text(plan.metric_kind, plan.baseline, feature.unit)
    theirs = value_text(plan.metric_kind, card.cluster_value, feature.unit)
    last = (shown.window_end - timedelta(days=1)).date()
    yield (
        f"The cluster's card says {theirs} for “{feature.label}”, over {formatting.day(shown.window_start.date())} to"
        f" {formatting.day(last)}; the plan takes {ours}, within {plan.exposure_days} days of being eligible, over"
        f" {formatting.day(plan.baseline_from)} to {formatting.day(plan.baseline_last_day)}"
        f"{', days that did not pick these users' if plan.baseline_unseen else ''}."
    )
