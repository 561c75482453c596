"""From a recommendation to a sized plan: measures baselines from the warehouse and hands them to `planning/`.

No components, no SQL, no formulas; what callbacks of the planner call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from dash_app.data import baselines
from dash_app.data.baselines import Population
from dash_app.data.database import Database
from dash_app.data.loading import load_catalog
from dash_app.data.snapshot import Cluster, Feature, Insight, Snapshot
from dash_app.planning.baseline import Baseline, BaselineError
from dash_app.planning.brief import NO_LABELS, Label, Labels
from dash_app.planning.design import SizeError
from dash_app.planning.draft import (
    RecommendationFacts,
    baseline_fields,
    default_effect,
    default_guardrail,
    draft_plan,
    guardrail_candidates,
    is_modest,
)
from dash_app.planning.duration import DurationError
from dash_app.planning.plan import Plan, PlanError
from dash_app.planning.positions import is_plan_id, new_plan_id
from dash_app.planning.sizing import Sizing, size_plan, sized_before, worded_again
from dash_app.services import Services
from grupa_pipeline.storage.warehouse import NoWarehouseError
from grupa_pipeline.vocabulary.enums import Direction
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS, Guardrail


@dataclass(frozen=True)
class Draft:
    """A plan as the drawer opens it: sized, with notes on how it was filled in."""

    sizing: Sizing
    notes: tuple[str, ...]


def new_draft(services: Services, shown: Snapshot, cluster: Cluster, insight: Insight) -> Draft:
    """The plan of a recommendation, filled in and sized.

    When its own metric cannot be planned for (no user has it, or it does not vary) the first metric that can takes its
    place, and a note says so.

    Raises:
        BaselineError: No metric can be measured among these users.
        PlanError: No metric can be planned for.
    """
    population = _population(services, shown.day, cluster.cluster_id)
    notes: list[str] = []
    failure: Exception | None = None
    for feature in _metrics_to_try(shown, insight):
        try:
            sizing = resize(services, _draft(services, shown, cluster, insight, feature, population))
        except (BaselineError, PlanError, SizeError) as error:
            failure = failure or error
            continue
        if failure:
            notes.append(
                f"The recommendation's own metric cannot be planned for ({failure}) This plan uses another one:"
                " check that it still fits the hypothesis."
            )
        sizing, eased = _in_time(services, sizing)
        return Draft(sizing, (*notes, *eased))
    raise failure or BaselineError("There is no metric to plan for.")


def resize(services: Services, plan: Plan) -> Sizing:
    """Size a plan, or size it again after an edit."""
    return size_plan(plan, enrolment(services, plan.snapshot_date, plan.cluster_id), labels(services.database))


def resize_edit(services: Services, before: Plan, plan: Plan) -> Sizing:
    """Size an edited plan; where its users can no longer be counted, an edit that asks for the same test keeps its sizes.

    Raises:
        BaselineError, DurationError: The edit asks for another test, and that cannot be sized any more.
        PlanError: A field is not usable.
    """
    try:
        return resize(services, plan)
    except (BaselineError, DurationError):
        if plan.n_total is None or _asks(plan) != _asks(before):
            raise
        return sized_before(worded_again(plan, labels(services.database)))


def with_metric(services: Services, plan: Plan, metric: str, exposure_days: int) -> Plan:
    """The plan with another primary metric or exposure, its baseline measured anew; guardrails are measured too.

    Raises:
        BaselineError: It cannot be measured.
    """
    population = _population(services, plan.snapshot_date, plan.cluster_id, exposure_days)
    catalog = services.database.query(load_catalog)
    baseline = baselines.measure_metric(population, catalog[metric])
    plan = replace(plan, primary_metric=metric, **baseline_fields(baseline, population.window, population.picked_by))
    plan = plan.with_effect(absolute=default_effect(baseline, plan.direction))
    return with_guardrails(
        services, replace(plan, guardrails=()), [each.metric for each in plan.guardrails if each.metric != metric]
    )


def with_guardrails(services: Services, plan: Plan, metrics: Sequence[str]) -> Plan:
    """The plan with these guardrails; those it had keep their margins.

    Raises:
        BaselineError: One cannot be measured.
    """
    had = {each.metric: each for each in plan.guardrails}
    if list(had) == list(metrics):
        return plan
    population = _population(services, plan.snapshot_date, plan.cluster_id, plan.exposure_days)
    catalog = services.database.query(load_catalog)
    rails = tuple(had.get(each) or _guardrail(population, catalog[each]) for each in metrics if each in catalog)
    return replace(plan, guardrails=rails)


def baseline_of(services: Services, plan: Plan) -> Baseline | None:
    """The interval of a plan's baseline, as long as the days it was measured on are held; None when they are not."""
    try:
        population = _population(services, plan.snapshot_date, plan.cluster_id, plan.exposure_days)
        catalog = services.database.query(load_catalog)
        return baselines.measure_metric(population, catalog[plan.primary_metric])
    except (BaselineError, KeyError):
        return None


def enrolment(services: Services, day: date, cluster_id: str) -> Any:
    """How many different eligible users of a cluster come; kept while the warehouse is the same."""
    settings = services.settings
    return services.database.query(
        baselines.load_enrolment, day, cluster_id, services.event_roles(), settings.min_events
    )


def labels(database: Database) -> Labels:
    """What metrics are called in a plan's texts; nothing where there is no warehouse yet."""
    try:
        catalog = database.query(load_catalog)
    except NoWarehouseError:
        return NO_LABELS
    return {name: Label(feature.label, feature.unit) for name, feature in catalog.items()}


def to_store(plan: Plan) -> dict[str, Any]:
    """The plan as JSON for the browser to hold between edits."""
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in plan.to_row().items()}


def with_sound_id(draft: Plan) -> Plan:
    """`draft` under an id that `new_plan_id` gave: drafts come back from browsers, which may send any."""
    return draft if is_plan_id(draft.plan_id) else replace(draft, plan_id=new_plan_id())


def from_store(row: dict[str, Any]) -> Plan:
    """The plan that `to_store` converted."""
    times = {name: field.python_type for name, field in PLAN_FIELDS.items() if field.python_type in (date, datetime)}
    return Plan.from_row(row | {name: kind.fromisoformat(row[name]) for name, kind in times.items() if row[name]})


def _asks(plan: Plan) -> tuple[Any, ...]:
    """What a test's users and days follow from, but for who comes."""
    weights = tuple(arm.weight for arm in plan.variants)
    rails = tuple((rail.metric, rail.margin_absolute) for rail in plan.guardrails)
    primary = (plan.primary_metric, plan.direction, plan.mde_absolute, plan.exposure_days)
    return (*primary, plan.alpha, plan.power, plan.sides, plan.traffic_share, weights, rails)


def _in_time(services: Services, sizing: Sizing) -> tuple[Sizing, tuple[str, ...]]:
    """The draft as eight weeks can hold it, where that takes no more than a modest effect; and what a person must know."""
    better = sizing.alternative.plan if sizing.alternative else None
    if better is None or not is_modest(sizing.plan, better):
        return sizing, ()
    weeks = sizing.plan.duration_days
    took = "would never have enough users" if weeks is None else f"would take {weeks // 7} weeks"
    note = "The usual effect of a tenth, and the usual margins, {}. This draft starts from what eight weeks can show."
    return resize(services, better), (note.format(took),)


def _population(services: Services, day: date, cluster_id: str, exposure_days: int | None = None) -> Population:
    settings = services.settings
    roles = services.event_roles()
    return services.database.query(
        baselines.load_population, day, cluster_id, roles, settings.min_events, exposure_days
    )


def _metrics_to_try(shown: Snapshot, insight: Insight) -> list[Feature]:
    metric = shown.catalog.get(insight.target_metric or "")
    own = [metric] if metric else []
    good = {"increase": True, "decrease": False}.get(insight.direction or "")
    others = [each for each in shown.catalog.values() if each.role == "outcome" and each.higher_is_better is good]
    return [*own, *(each for each in others if each not in own)]


def _draft(
    services: Services, shown: Snapshot, cluster: Cluster, insight: Insight, feature: Feature, population: Population
) -> Plan:
    baseline = baselines.measure_metric(population, feature)
    recommendation = RecommendationFacts(
        snapshot_date=shown.day,
        cluster_id=cluster.cluster_id,
        insight_id=insight.insight_id,
        title=insight.title,
        change=insight.change or "",
        hypothesis=insight.hypothesis or "",
        evidence_ids=insight.evidence_ids,
        target_metric=feature.feature,
        direction=Direction(insight.direction or Direction.INCREASE),
        population=cluster.rule or f"Users of {cluster.name}",
        stability=cluster.stability,
    )
    return draft_plan(
        recommendation,
        baseline,
        population.window,
        [_first_guardrail(population, shown, feature.feature)],
        baseline_users=population.picked_by,
        plan_id=new_plan_id(),
        owner=services.current_user(),
        today=datetime.now(UTC).date(),
    )


def _first_guardrail(population: Population, shown: Snapshot, metric: str) -> Guardrail:
    """The best guardrail that varies among these users."""
    candidates = guardrail_candidates([vars(each) for each in shown.catalog.values()], metric)
    for name in candidates:
        try:
            rail = _guardrail(population, shown.catalog[name])
        except BaselineError:
            continue
        if rail.baseline_sd:
            return rail
    raise BaselineError("No second metric varies among these users, so the plan would have no guardrail.")


def _guardrail(population: Population, feature: Feature) -> Guardrail:
    baseline = baselines.measure_metric(population, feature)
    return default_guardrail(feature.feature, baseline, feature.higher_is_better)
