"""Whether each user gets from step to step towards each goal, and how long that takes.

A value is NULL for users who did not get to the step before: a share is of those who could go on, so a cluster that is further
down a funnel is not compared on steps at which others never were.
"""

from collections.abc import Sequence

from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.aggregates.funnels import Funnel, find_funnels, funnel_times
from grupa_pipeline.aggregates.units import HOUR
from grupa_pipeline.features.catalog import FeatureColumn, FeatureGroup, mean_duration, share_of_users
from grupa_pipeline.features.column_layout import ColumnLayout
from grupa_pipeline.vocabulary.action_names import numbered, slug
from grupa_pipeline.vocabulary.enums import FeatureRole, Measure
from grupa_pipeline.vocabulary.feature_families import COLUMN_PREFIX, FeatureFamily


def funnel_steps(window: EventWindow, layout: ColumnLayout | None) -> FeatureGroup | None:
    """Steps towards each goal of the users with enough events; None without a funnel."""
    funnels = find_funnels(window) if layout is None else [Funnel(goal, steps) for goal, steps in layout.funnels]
    if not funnels:
        return None
    times = funnel_times(window, funnels)
    rows = window.engine.materialize(times.rows.semi_join(window.spans, "user_key"))
    features: list[FeatureColumn] = []
    taken: set[str] = set()
    for funnel in funnels:
        columns = [rows[name] for name in times.columns[funnel.goal]]
        names = _column_names(funnel, taken)
        features.append(_first_step(funnel, columns[0], names[0]))
        for place in range(1, len(funnel.steps)):
            features += _next_step(funnel, place, columns[place - 1], columns[place], names[place])
    return FeatureGroup(rows, features)


def _column_names(funnel: Funnel, taken: set[str]) -> Sequence[str]:
    """Names of the columns without their family's prefix; later ones with an equal name are numbered."""
    names = []
    for step in funnel.steps:
        name = numbered(f"{slug(funnel.goal)}_{slug(step)}", taken)
        taken.add(name)
        names.append(name)
    return names


def _first_step(funnel: Funnel, at: ir.Value, name: str) -> FeatureColumn:
    step = funnel.steps[0]
    return share_of_users(
        name=COLUMN_PREFIX[FeatureFamily.FUNNEL_STEP] + name,
        family=FeatureFamily.FUNNEL_STEP,
        subject=funnel.goal,
        source_action=step,
        value=at.notnull().cast("int64"),
        measure=Measure.STEP,
        label=f"{step}, on the way to {funnel.goal}",
        description=f"users with {step}, the first step towards {funnel.goal}",
        role=FeatureRole.OUTCOME,
        numerator=f"users with {step}",
        higher_is_better=True,
    )


def _next_step(funnel: Funnel, place: int, before: ir.Value, at: ir.Value, name: str) -> list[FeatureColumn]:
    step, came_from = funnel.steps[place], funnel.steps[place - 1]
    way = f" on the way to {funnel.goal}" if step != funnel.goal else ""
    share = share_of_users(
        name=COLUMN_PREFIX[FeatureFamily.FUNNEL_STEP] + name,
        family=FeatureFamily.FUNNEL_STEP,
        subject=funnel.goal,
        source_action=f"{came_from}\n{step}",
        value=before.notnull().ifelse(at.notnull().cast("int64"), None),
        label=f"from {came_from} to {step}",
        description=f"users with {step} after {came_from}{way}, of those who got to {came_from}",
        role=FeatureRole.OUTCOME,
        measure=Measure.STEP,
        numerator=f"users with {step} after {came_from}",
        denominator=f"users with {came_from}",
        higher_is_better=True,
    )
    hours = mean_duration(
        name=COLUMN_PREFIX[FeatureFamily.FUNNEL_HOURS] + name,
        family=FeatureFamily.FUNNEL_HOURS,
        subject=funnel.goal,
        source_action=f"{came_from}\n{step}",
        value=(at - before) / HOUR,
        label=f"hours from {came_from} to {step}",
        description=f"hours from {came_from} to {step}{way}, of those who got there",
        unit="hours",
        role=FeatureRole.OUTCOME,
        higher_is_better=False,
    )
    return [share, hours]
