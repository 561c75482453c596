"""A test plan: conversion to and from a row of `test_roadmap`, effects and margins, and the checks with their messages.

The fields of a plan are in `grupa_pipeline/vocabulary/plan_fields.py`, sizing is in `sizing.py`, and storing is in
`dash_app/roadmap/store.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum
from typing import Any

from dash_app.planning.design import METHODS, Design, Metric, SizeError
from dash_app.planning.plan_json import from_json_text, to_json_text
from grupa_pipeline.vocabulary.enums import Direction, MetricKind, PlanStatus
from grupa_pipeline.vocabulary.plan_fields import IMPACTS, PLAN_FIELDS, Guardrail, PlanField, PlanFields
from grupa_pipeline.vocabulary.plan_parts import Audience


@dataclass(frozen=True, kw_only=True)
class Plan(PlanFields):
    """A test plan; the fields are the columns of `test_roadmap` and mean what its comments say.

    `mde_relative` and `mde_absolute` are sizes, above 0; `direction` gives the sign. Change them together with
    `with_effect`. Bookkeeping fields have defaults: the roadmap writes them at each save.

    Example:
        >>> Plan.from_row(plan.to_row()) == plan
        True
    """

    @property
    def metric(self) -> Metric:
        """The primary metric, for the formulas."""
        return Metric(self.metric_kind, self.baseline, self.baseline_sd)

    @property
    def baseline_last_day(self) -> date:
        """The last day of the baseline, to show; `baseline_to` is the end of that day."""
        return (self.baseline_to - timedelta(microseconds=1)).date()

    @property
    def design(self) -> Design:
        """How the test is run and read, for the formulas."""
        return Design(self.alpha, self.power, self.sides, tuple(arm.weight for arm in self.variants))

    @property
    def taking_part(self) -> Audience:
        """Whose users take part; those of the cluster where the plan says nothing."""
        return self.audience or Audience.of_cluster(self.cluster_id)

    @property
    def effect(self) -> float:
        """The minimum detectable effect, signed, in the metric's unit."""
        return self.direction.sign * self.mde_absolute

    def with_effect(self, *, relative: float | None = None, absolute: float | None = None) -> "Plan":
        """The same plan with another minimum detectable effect, over the baseline (0.1 is 10%) or in the metric's unit.

        Raises:
            PlanError: Relative to a baseline of 0.
        """
        effects = _both_effects(self.baseline, relative, absolute)
        return replace(self, mde_relative=effects[0], mde_absolute=effects[1])

    def to_row(self) -> dict[str, Any]:
        """The plan as a row of `test_roadmap`: column to value, JSON columns as text."""
        return {name: _to_column(field, getattr(self, name)) for name, field in PLAN_FIELDS.items()}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Plan":
        """The plan of a row of `test_roadmap`; columns that a plan does not have are ignored."""
        return cls(**{name: _from_column(field, row[name]) for name, field in PLAN_FIELDS.items()})


def _to_column(field: PlanField, value: Any) -> Any:
    if field.sql_type == "JSON":
        return None if value is None else to_json_text(value)
    if field.item_type is not None:
        return list(value)
    return value.value if isinstance(value, Enum) else value


def _from_column(field: PlanField, value: Any) -> Any:
    if field.sql_type == "JSON":
        return None if value is None else from_json_text(field.python_type, value)
    if field.item_type is not None:
        return tuple(value or ())
    is_enum = issubclass(field.python_type, Enum) and value is not None
    return field.python_type(value) if is_enum else value


def with_margin(rail: Guardrail, *, relative: float | None = None, absolute: float | None = None) -> Guardrail:
    """The same guardrail with another margin, over the baseline (0.1 is 10%) or in the metric's unit.

    Raises:
        PlanError: Relative to a baseline of 0.
    """
    margins = _both_effects(rail.baseline, relative, absolute)
    return replace(rail, margin_relative=margins[0], margin_absolute=margins[1])


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field of a plan, and how to correct it."""

    field: str
    message: str


class PlanError(ValueError):
    """A plan that cannot be sized or saved; `problems` holds one message a field."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = problems


def problems(plan: Plan) -> tuple[Problem, ...]:
    """Everything that keeps a plan from being sized or saved; empty when nothing does."""
    results = [Problem(field, message) for field, message, is_wrong in _simple_checks(plan) if is_wrong]
    results += _check_formulas(plan)
    for rail in plan.guardrails:
        results += _check_guardrail(plan, rail)
    return tuple(results)


def check(plan: Plan) -> None:
    """Refuse a plan that cannot be sized or saved.

    Raises:
        PlanError: With a message for each problem.
    """
    results = problems(plan)
    if results:
        raise PlanError(results)


def _simple_checks(plan: Plan) -> list[tuple[str, str, bool]]:
    names = [arm.name.strip() for arm in plan.variants]
    return [
        ("name", "Give the test a name.", not plan.name.strip()),
        ("status", f"The status must be one of {', '.join(PlanStatus)}.", plan.status not in tuple(PlanStatus)),
        ("direction", "Say whether the metric should increase or decrease.", plan.direction not in tuple(Direction)),
        ("variants", "Every arm needs a name of its own.", len(set(names)) < len(names) or "" in names),
        ("traffic_share", "The traffic share must be above 0% and at most 100%.", not 0 < plan.traffic_share <= 1),
        ("exposure_days", "The exposure must be at least one day.", plan.exposure_days < 1),
        ("guardrails", "Name at least one guardrail: what must not get worse?", not plan.guardrails),
        (
            "guardrails",
            "The primary metric cannot be its own guardrail.",
            plan.primary_metric in {rail.metric for rail in plan.guardrails},
        ),
        ("start_date", "Give the test a first day before it is scheduled.", _undated(plan)),
        ("rice_impact", "Impact is .25, .5, 1, 2 or 3.", plan.rice_impact not in IMPACTS),
        ("rice_confidence", "Confidence must lie between 0% and 100%.", not 0 <= plan.rice_confidence <= 1),
        ("rice_effort", "Effort must be above 0 person-months.", not plan.rice_effort > 0),
    ]


def _undated(plan: Plan) -> bool:
    return plan.status == PlanStatus.SCHEDULED and plan.start_date is None


def _check_formulas(plan: Plan) -> list[Problem]:
    results = []
    for field, build in (("baseline", lambda: plan.metric), ("variants", lambda: plan.design)):
        try:
            build()
        except SizeError as error:
            results.append(Problem(_field_of(plan, field), str(error)))
    if not plan.mde_absolute > 0:
        results.append(Problem("mde_relative", "The minimum detectable effect must be above 0."))
    elif plan.metric_kind == MetricKind.PROPORTION and plan.direction in tuple(Direction) and _leaves_range(plan):
        text = f"From {plan.baseline:.1%} there is no room for {100 * plan.effect:+.1f} points; choose less."
        results.append(Problem("mde_relative", text))
    return results


def _leaves_range(plan: Plan) -> bool:
    """Whether the effect, and not already the baseline, is outside 0% to 100%."""
    return 0 <= plan.baseline <= 1 and not 0 <= plan.baseline + plan.effect <= 1


def _field_of(plan: Plan, field: str) -> str:
    """The field behind an impossible design, so that the message is shown at the control that was edited."""
    if field == "baseline":
        return "baseline" if plan.metric_kind in METHODS else "metric_kind"
    if not 0 < plan.alpha < 0.5:
        return "alpha"
    if not 0.5 <= plan.power < 1:
        return "power"
    return "sides" if plan.sides not in (1, 2) else "variants"


def _check_guardrail(plan: Plan, rail: Guardrail) -> list[Problem]:
    if rail.worse not in tuple(Direction):
        return [Problem("guardrails", f"{rail.metric}: say whether an increase or a decrease does harm.")]
    if not rail.margin_absolute > 0:
        return [Problem("guardrails", f"{rail.metric}: the margin must be above 0.")]
    try:
        Metric(rail.metric_kind, rail.baseline, rail.baseline_sd)
    except SizeError as error:
        return [Problem("guardrails", f"{rail.metric}: {error}")]
    return []


def _both_effects(baseline: float, relative: float | None, absolute: float | None) -> tuple[float | None, float]:
    if absolute is not None:
        return (absolute / abs(baseline) if baseline else None), absolute
    if relative is None or not baseline:
        raise PlanError((Problem("mde_absolute", "The baseline is 0: give the effect in the metric's own unit."),))
    return relative, relative * abs(baseline)
