"""Drafts a plan from a recommendation, with every field filled in.

Chooses which metrics to measure; `dash_app/data/baselines.py` and `baseline.measure` measure them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dash_app.formatting import day as day_text
from dash_app.planning.baseline import Baseline, BaselineWindow
from dash_app.planning.plan import Plan, with_margin
from dash_app.planning.refusals import LARGEST_MARGIN
from dash_app.planning.rice import default_confidence
from grupa_pipeline.vocabulary.enums import BaselineUsers, Direction
from grupa_pipeline.vocabulary.plan_fields import Arm, Guardrail
from grupa_pipeline.vocabulary.plan_parts import Audience

DEFAULT_EFFECT = 0.1
"""Over the baseline: +10% or -10%."""

LARGEST_DEFAULT = 0.25
"""No larger effect or margin, over its baseline, is put into a draft to make it feasible."""

DEFAULT_MARGIN = 0.1
DEFAULT_MARGIN_SD = 0.1
"""A guardrail's margin: a tenth of its baseline, or a tenth of its deviation between users if that is more.

Half of what Cohen (1988) calls a small effect; so a guardrail left as it is never asks for more than about 1,240 users
an arm at alpha .05 and power .8. It is at most half of the baseline, as more would guard nothing.
"""

OLD_LOG_DAYS = 28
"""Days since a log's end after which what its users do now is taken as unknown."""

_ROLE_ORDER = {"outcome": 0, "context": 1, "clustering": 2}
_NAME_LENGTH = 120


@dataclass(frozen=True)
class RecommendationFacts:
    """What a plan starts from: a row of `cluster_insights` and, of its cluster, the rule and stability."""

    snapshot_date: date
    cluster_id: str
    insight_id: str
    title: str
    change: str
    hypothesis: str
    evidence_ids: tuple[str, ...]
    target_metric: str
    direction: Direction
    population: str
    stability: float | None = None


def guardrail_candidates(catalog: Sequence[Mapping[str, Any]], primary_metric: str) -> list[str]:
    """Metrics fit to be guardrails of a test on `primary_metric`, best first.

    Those with a good direction, outcomes before the rest and harm (fewer is better) before benefit; without any, all
    other metrics, so that a plan always has one to start with.

    Args:
        catalog: Rows of `feature_catalog`.
        primary_metric: The plan's own metric, never among them.
    """
    others = [row for row in catalog if row["feature"] != primary_metric]
    directed = [row for row in others if row["higher_is_better"] is not None]
    ordered = sorted(directed or others, key=lambda row: (_ROLE_ORDER[row["role"]], bool(row["higher_is_better"])))
    return [str(row["feature"]) for row in ordered]


def default_guardrail(metric: str, baseline: Baseline, higher_is_better: bool | None) -> Guardrail:
    """A guardrail on `metric` with a margin to start from; one without a good direction must not fall."""
    rail = Guardrail(
        metric=metric,
        metric_kind=baseline.kind,
        worse=Direction.INCREASE if higher_is_better is False else Direction.DECREASE,
        baseline=baseline.value,
        baseline_sd=baseline.sd,
        baseline_n=baseline.n,
        margin_absolute=1.0,
    )
    margin = max(DEFAULT_MARGIN * abs(baseline.value), DEFAULT_MARGIN_SD * baseline.sd)
    return with_margin(rail, absolute=min(margin, LARGEST_MARGIN * abs(baseline.value)) or margin)


def draft_plan(
    recommendation: RecommendationFacts,
    baseline: Baseline,
    window: BaselineWindow,
    guardrails: Sequence[Guardrail],
    *,
    baseline_users: BaselineUsers,
    plan_id: str,
    owner: str,
    first_day: date,
    audience: Audience | None = None,
) -> Plan:
    """A plan with every field filled in but the sizes, which `sizing.size_plan` adds.

    Args:
        recommendation: What to test.
        baseline: Its target metric, measured on `window`.
        window: The baseline's days.
        guardrails: At least one, see `default_guardrail`.
        baseline_users: From which users it was taken.
        plan_id: A new id.
        owner: The person who plans.
        first_day: The first day of the test.
        audience: Whose users take part; the cluster's where it is None.
    """
    plan = Plan(
        plan_id=plan_id,
        snapshot_date=recommendation.snapshot_date,
        cluster_id=recommendation.cluster_id,
        recommendation_id=recommendation.insight_id,
        evidence_ids=recommendation.evidence_ids,
        name=recommendation.title.strip()[:_NAME_LENGTH],
        owner=owner,
        hypothesis=recommendation.hypothesis,
        population=recommendation.population,
        variants=(Arm("control", description="As it is now."), Arm("treatment", description=recommendation.change)),
        primary_metric=recommendation.target_metric,
        direction=recommendation.direction,
        **baseline_fields(baseline, window, baseline_users),
        mde_absolute=1.0,
        guardrails=tuple(guardrails),
        start_date=first_day,
        audience=audience,
        rice_confidence=default_confidence(recommendation.stability, window.unseen),
    )
    return plan.with_effect(absolute=default_effect(baseline, recommendation.direction))


def propose_first_day(today: date, log_end: date) -> tuple[date, str | None]:
    """The Monday after today; for a log that ended long ago the Monday after its end, and a sentence that says so."""
    if (today - log_end).days <= OLD_LOG_DAYS:
        return next_monday(today), None
    first = next_monday(log_end)
    return first, (
        f"The log ends on {day_text(log_end)}, {(today - log_end).days:,} days ago. The first day proposed, {day_text(first)}, is"
        " the first Monday after it: what these users do now is not known. Ingest newer events before you set the real day."
    )


def next_monday(day: date) -> date:
    """The first Monday after `day`."""
    return day + timedelta(days=7 - day.weekday())


def baseline_fields(baseline: Baseline, window: BaselineWindow, users: BaselineUsers) -> dict[str, Any]:
    """The fields of a plan that describe its baseline."""
    return {
        "metric_kind": baseline.kind,
        "baseline": baseline.value,
        "baseline_sd": baseline.sd,
        "baseline_n": baseline.n,
        "baseline_from": window.start,
        "baseline_to": window.end,
        "baseline_unseen": window.unseen,
        "baseline_users": users,
        "exposure_days": window.exposure_days,
    }


def default_effect(baseline: Baseline, direction: Direction) -> float:
    """The initial effect in the metric's unit: a tenth of the baseline, limited to half of what a share can still change.

    For a baseline of 0, where a relative effect is undefined: five points of a share, else a fifth of a standard deviation.
    """
    if baseline.is_share:
        headroom = 1 - baseline.value if direction is Direction.INCREASE else baseline.value
        wanted = DEFAULT_EFFECT * baseline.value or 0.05
        return min(wanted, headroom / 2) or wanted
    return DEFAULT_EFFECT * abs(baseline.value) or 0.2 * baseline.sd or 1.0


def is_modest(before: Plan, after: Plan) -> bool:
    """Whether `after` asks for an effect, and allows margins, that a draft may start from where `before` takes too long."""
    pairs = [(before.mde_relative, after.mde_relative)]
    pairs += [
        (old.margin_relative, new.margin_relative) for old, new in zip(before.guardrails, after.guardrails, strict=True)
    ]
    return all(new is not None and (new == old or new <= LARGEST_DEFAULT) for old, new in pairs)
