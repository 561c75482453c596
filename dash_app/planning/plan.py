"""A plan: one A/B test on the roadmap, with the fields of `test_roadmap`, checked in words that people understand.

Holds the plan, its arms and guardrails, the way to and from a table's row, and the checks. Sizing is in `sizing.py`;
storing is in `dash_app/roadmap/store.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any

from dash_app.planning.sample_size import METHODS, Design, Metric, SizeError

STATUSES = ("idea", "draft", "ready", "scheduled", "archived")
DIRECTIONS = {"increase": 1, "decrease": -1}
IMPACTS = (0.25, 0.5, 1.0, 2.0, 3.0)


@dataclass(frozen=True)
class Arm:
    """One variant: its share of the users (in any unit), its users once sized, and what is different in it."""

    name: str
    weight: float = 1.0
    n: int | None = None
    description: str = ""


@dataclass(frozen=True)
class Guardrail:
    """A metric that must not get worse by `margin_absolute` (in its own unit) or more.

    `worse` is the direction that does harm, `increase` or `decrease`; `n_per_arm` (the control's) and `n_total` are
    what it needs, once sized.
    """

    metric: str
    metric_kind: str
    worse: str
    baseline: float
    baseline_sd: float | None
    baseline_n: int
    margin_absolute: float
    margin_relative: float | None = None
    n_per_arm: int | None = None
    n_total: int | None = None

    def with_margin(self, *, relative: float | None = None, absolute: float | None = None) -> "Guardrail":
        """The same guardrail with another margin, given over the baseline (0.1 is 10%) or in the metric's unit."""
        both = _both_effects(self.baseline, relative, absolute)
        return replace(self, margin_relative=both[0], margin_absolute=both[1])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A test plan; the fields are the columns of `test_roadmap` and mean what its comments say.

    `mde_relative` and `mde_absolute` are sizes, above 0; `direction` says which way. Change them together with
    `with_effect`. What the roadmap writes itself has defaults: revision, position, who and when.
    """

    plan_id: str
    revision: int = 0
    status: str = "draft"
    position: float = 0.0
    snapshot_date: date
    cluster_id: str
    recommendation_id: str
    evidence_ids: tuple[str, ...] = ()
    name: str
    owner: str = ""
    hypothesis: str = ""
    population: str = ""
    variants: tuple[Arm, ...] = (Arm("control"), Arm("treatment"))
    primary_metric: str
    metric_kind: str
    direction: str
    baseline: float
    baseline_sd: float | None = None
    baseline_n: int
    baseline_from: datetime
    baseline_to: datetime
    baseline_unseen: bool
    exposure_days: int
    mde_relative: float | None = None
    mde_absolute: float
    alpha: float = 0.05
    power: float = 0.8
    sides: int = 2
    method: str = ""
    guardrails: tuple[Guardrail, ...] = ()
    traffic_share: float = 1.0
    n_per_arm: int | None = None
    n_total: int | None = None
    duration_days: int | None = None
    feasible: bool | None = None
    decision_rule: str = ""
    start_date: date | None = None
    end_date: date | None = None
    rice_reach: float | None = None
    rice_impact: float = 1.0
    rice_confidence: float = 0.5
    rice_effort: float = 1.0
    rice_score: float | None = None
    brief: str = ""
    updated_by: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None

    @property
    def metric(self) -> Metric:
        """The primary metric, for the formulas."""
        return Metric(self.metric_kind, self.baseline, self.baseline_sd)

    @property
    def baseline_last_day(self) -> date:
        """The last day of the baseline, for people: `baseline_to` is the end after it."""
        return (self.baseline_to - timedelta(microseconds=1)).date()

    @property
    def design(self) -> Design:
        """How the test is run and read, for the formulas."""
        return Design(self.alpha, self.power, self.sides, tuple(arm.weight for arm in self.variants))

    @property
    def effect(self) -> float:
        """The minimum detectable effect, signed, in the metric's unit."""
        return DIRECTIONS[self.direction] * self.mde_absolute

    def with_effect(self, *, relative: float | None = None, absolute: float | None = None) -> "Plan":
        """The same plan with another minimum detectable effect, given over the baseline (0.1 is 10%) or in its unit.

        Raises:
            PlanError: Relative to a baseline of 0.
        """
        both = _both_effects(self.baseline, relative, absolute)
        return replace(self, mde_relative=both[0], mde_absolute=both[1])

    def to_row(self) -> dict[str, Any]:
        """The plan as a row of `test_roadmap`: column to value, JSON columns as text."""
        row = {field.name: getattr(self, field.name) for field in fields(self)}
        row["variants"] = json.dumps([asdict(arm) for arm in self.variants], ensure_ascii=False)
        row["guardrails"] = json.dumps([asdict(rail) for rail in self.guardrails], ensure_ascii=False)
        row["evidence_ids"] = list(self.evidence_ids)
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Plan":
        """The plan of a row of `test_roadmap`; columns that a plan does not have are passed over."""
        known = {field.name: row[field.name] for field in fields(cls)}
        known["variants"] = tuple(Arm(**arm) for arm in json.loads(known["variants"]))
        known["guardrails"] = tuple(Guardrail(**rail) for rail in json.loads(known["guardrails"]))
        known["evidence_ids"] = tuple(known["evidence_ids"] or ())
        return cls(**known)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field of a plan, and what to do."""

    field: str
    message: str


class PlanError(ValueError):
    """A plan that cannot be sized or saved; `problems` holds one message a field."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(" ".join(problem.message for problem in problems))
        self.problems = problems


def problems(plan: Plan) -> tuple[Problem, ...]:
    """Everything that keeps a plan from being sized or saved; empty when nothing does."""
    found = [Problem(field, message) for field, message, wrong in _simple_checks(plan) if wrong]
    found += _check_formulas(plan)
    for rail in plan.guardrails:
        found += _check_guardrail(plan, rail)
    return tuple(found)


def _simple_checks(plan: Plan) -> list[tuple[str, str, bool]]:
    names = [arm.name.strip() for arm in plan.variants]
    return [
        ("name", "Give the test a name.", not plan.name.strip()),
        ("status", f"The status must be one of {', '.join(STATUSES)}.", plan.status not in STATUSES),
        ("direction", "Say whether the metric should increase or decrease.", plan.direction not in DIRECTIONS),
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
    return plan.status == "scheduled" and plan.start_date is None


def _check_formulas(plan: Plan) -> list[Problem]:
    found = []
    for field, build in (("baseline", lambda: plan.metric), ("variants", lambda: plan.design)):
        try:
            build()
        except SizeError as error:
            found.append(Problem(_field_of(plan, field), str(error)))
    if not plan.mde_absolute > 0:
        found.append(Problem("mde_relative", "The minimum detectable effect must be above 0."))
    elif plan.metric_kind == "proportion" and plan.direction in DIRECTIONS and _leaves_range(plan):
        text = f"From {plan.baseline:.1%} there is no room for {100 * plan.effect:+.1f} points; choose less."
        found.append(Problem("mde_relative", text))
    return found


def _leaves_range(plan: Plan) -> bool:
    """Whether the effect, and not already the baseline, is outside 0% to 100%."""
    return 0 <= plan.baseline <= 1 and not 0 <= plan.baseline + plan.effect <= 1


def _field_of(plan: Plan, field: str) -> str:
    """The field behind an impossible design, so that the message stands where the person typed."""
    if field == "baseline":
        return "baseline" if plan.metric_kind in METHODS else "metric_kind"
    if not 0 < plan.alpha < 0.5:
        return "alpha"
    if not 0.5 <= plan.power < 1:
        return "power"
    return "sides" if plan.sides not in (1, 2) else "variants"


def _check_guardrail(plan: Plan, rail: Guardrail) -> list[Problem]:
    if rail.worse not in DIRECTIONS:
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
