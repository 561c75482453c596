"""A plan and the warehouse: measures baselines, guardrails and who comes, and hands them to `planning/`.

No components, no SQL, no formulas; what callbacks of the planner call. New drafts are in `plan_options.py`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from dash_app.data import baselines, enrolments
from dash_app.data.baselines import Population
from dash_app.data.database import Database
from dash_app.data.loading import load_catalog
from dash_app.data.measured_tables import MeasuredTables
from dash_app.data.snapshot import Feature
from dash_app.planning.baseline import Baseline, BaselineError
from dash_app.planning.brief import NO_LABELS, Label, Labels, write_brief
from dash_app.planning.calibration import Calibration, ReplayedForecasts, calibration
from dash_app.planning.cuped import find_covariate
from dash_app.planning.decisions import finished
from dash_app.planning.draft import baseline_fields, default_effect, default_guardrail
from dash_app.planning.duration import DurationError, Forecast
from dash_app.planning.plan import Plan
from dash_app.planning.positions import is_plan_id, new_plan_id
from dash_app.planning.replay import replay
from dash_app.planning.sizing import Sizing, size_plan, sized_before, worded_again
from dash_app.services import Services
from grupa_pipeline.exports.saved_segments import find_saved
from grupa_pipeline.exports.segments import Segment, selected_segment
from grupa_pipeline.storage.warehouse import NoWarehouseError
from grupa_pipeline.vocabulary.feature_families import FeatureFamily
from grupa_pipeline.vocabulary.plan_fields import PLAN_FIELDS, Guardrail
from grupa_pipeline.vocabulary.plan_parts import Audience, AudienceKind, Cuped

_REPLAYED = 4000
"""About so many users are replayed: every so-many-th of more."""
_COVARIATES = (FeatureFamily.ACTIVITY, FeatureFamily.OUTCOME_HAD, FeatureFamily.OUTCOME_RATE)
"""Families of metrics of the days before that CUPED chooses from, beside the plan's own."""


def resize(services: Services, plan: Plan) -> Sizing:
    """Size a plan, or size it again after an edit."""
    return size_plan(plan, enrolment(services, plan.snapshot_date, plan.taking_part), labels(services.database))


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
    population = population_of(services, plan.snapshot_date, plan.taking_part, exposure_days)
    catalog = services.database.query(load_catalog)
    baseline = baselines.measure_metric(population, catalog[metric])
    plan = replace(plan, primary_metric=metric, **baseline_fields(baseline, population.window, population.picked_by))
    plan = replace(plan.with_effect(absolute=default_effect(baseline, plan.direction)), cuped=None, replay=None)
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
    population = population_of(services, plan.snapshot_date, plan.taking_part, plan.exposure_days)
    catalog = services.database.query(load_catalog)
    rails = tuple(had.get(each) or guardrail_of(population, catalog[each]) for each in metrics if each in catalog)
    return replace(plan, guardrails=rails)


def baseline_of(services: Services, plan: Plan) -> Baseline | None:
    """The interval of a plan's baseline, as long as the days it was measured on are held; None when they are not."""
    try:
        population = population_of(services, plan.snapshot_date, plan.taking_part, plan.exposure_days)
        catalog = services.database.query(load_catalog)
        return baselines.measure_metric(population, catalog[plan.primary_metric])
    except (BaselineError, KeyError):
        return None


def enrolment(services: Services, day: date, audience: Audience) -> Forecast:
    """How many different eligible users of an audience come; kept while the warehouse is the same."""
    settings = services.settings
    return services.database.derive(
        enrolments.find_enrolment,
        MeasuredTables(services.database),
        day,
        audience,
        services.event_roles(),
        settings.min_events,
        segment_of(services, audience),
    )


def calibration_of(services: Services, plans: Sequence[Plan]) -> Calibration:
    """How good the forecasts were: on finished tests, and replayed on the newest snapshot's log."""
    try:
        days, roles, fewest = services.days(), services.event_roles(), services.settings.min_events
        ask = MeasuredTables(services.database)
        found = services.database.derive(enrolments.find_replayed, ask, days[0], roles, fewest) if days else None
    except (BaselineError, NoWarehouseError):
        found = None
    return calibration(finished(plans), found or ReplayedForecasts())


def population_of(
    services: Services, day: date, audience: Audience, exposure_days: int | None = None, *, rules_of: date | None = None
) -> Population:
    """The users of an audience on the baseline's days; what everyone did there is kept while the warehouse is the same.

    With `rules_of`, users are picked by the clusters' rules in that snapshot, on the days of `day`.

    Raises:
        BaselineError: There are too few days, or the exposure does not fit them.
    """
    roles, fewest = services.event_roles(), services.settings.min_events
    segment = segment_of(services, audience)
    ask = MeasuredTables(services.database)
    return services.database.derive(
        baselines.find_population, ask, day, audience, roles, fewest, exposure_days, segment, rules_of=rules_of
    )


def segment_of(services: Services, audience: Audience) -> Segment | None:
    """The saved segment that an audience is; None for clusters and everyone.

    Raises:
        BaselineError: It was deleted.
    """
    if audience.kind is not AudienceKind.SEGMENT:
        return None
    found = find_saved(services.segments(), audience.clusters[0] if audience.clusters else "")
    if found is None:
        raise BaselineError("The segment that this test is for was deleted; choose another one.")
    return selected_segment(found.rule, found.segment_id, found.name)


def guardrail_of(population: Population, feature: Feature) -> Guardrail:
    """A guardrail on a metric with a margin to start from.

    Raises:
        BaselineError: It cannot be measured.
    """
    baseline = baselines.measure_metric(population, feature)
    return default_guardrail(feature.feature, baseline, feature.higher_is_better)


def labels(database: Database) -> Labels:
    """What metrics are called in a plan's texts; nothing where there is no warehouse yet."""
    try:
        catalog = database.query(load_catalog)
    except NoWarehouseError:
        return NO_LABELS
    return {name: Label(feature.label, feature.unit) for name, feature in catalog.items()}


def with_past(services: Services, plan: Plan) -> Plan:
    """The plan with its test replayed on the audience's own past, and what the days before take off its variance."""
    try:
        population = population_of(services, plan.snapshot_date, plan.taking_part, plan.exposure_days)
        catalog = services.database.query(load_catalog)
        values = baselines.user_values(population, catalog[plan.primary_metric])
    except (BaselineError, KeyError):
        return replace(plan, replay=None, cuped=None)
    some = slice(None, None, max(1, len(values) // _REPLAYED))
    names = [plan.primary_metric, *(each.feature for each in catalog.values() if each.family in _COVARIATES)]
    before = baselines.values_before(population, names)
    found = find_covariate(values[some], {name: each[some] for name, each in before.items()})
    again = replay(plan.metric, values[some], plan.effect, plan.design, arm_users=plan.n_per_arm)
    return replace(plan, replay=again, cuped=_with_days_saved(services, plan, found))


def briefed(services: Services, plan: Plan) -> Plan:
    """The plan with its brief written again."""
    return replace(plan, brief=write_brief(plan, labels(services.database)))


def _with_days_saved(services: Services, plan: Plan, found: Cuped | None) -> Cuped | None:
    if found is None or not plan.n_total:
        return found
    coming = enrolment(services, plan.snapshot_date, plan.taking_part)
    needed = plan.n_total / plan.traffic_share
    whole, less = coming.days_until(needed), coming.days_until(needed * found.variance_ratio)
    return replace(found, days_saved=round(whole - less) if whole is not None and less is not None else None)


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
    primary = (plan.primary_metric, plan.direction, plan.mde_absolute, plan.exposure_days, plan.taking_part)
    return (*primary, plan.cuped, plan.looks, plan.alpha, plan.power, plan.sides, plan.traffic_share, weights, rails)
