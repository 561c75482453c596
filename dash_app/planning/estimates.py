"""What a test showed: the difference of the arms with its interval, and whether the split was the planned one. Pure."""

from collections.abc import Sequence
from datetime import date
from math import sqrt

from scipy.special import chdtrc, ndtr, ndtri, stdtr, stdtrit

from dash_app.planning.plan import Plan, PlanError, Problem
from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.plan_parts import ArmResult, PlanResult, ResultSource

SRM_LEVEL = 0.001
"""A split less likely than this is taken for a broken assignment (Fabijan et al. 2019)."""


def estimate(plan: Plan, arms: Sequence[ArmResult], source: ResultSource, measured_on: date) -> PlanResult:
    """The result of a test from its arms, the control first.

    Shares: the unpooled two-proportion z interval; means: Welch's; ratios: the delta method's deviation. The level is
    the plan's alpha, shared among the comparisons.

    Raises:
        PlanError: The arms are not those of the plan, or hold no usable number.
    """
    _check(plan, arms)
    control, treated = arms[0], arms[1]
    variances = [_variance(plan.metric_kind, arm) / arm.users for arm in (control, treated)]
    error = sqrt(sum(variances))
    effect = treated.value - control.value
    freedom = _welch(variances, (control.users, treated.users)) if plan.metric_kind == MetricKind.MEAN else None
    reach = _quantile(1 - plan.design.alpha_each / 2, freedom) * error
    p_value = 2 * _tail(abs(effect) / error, freedom) if error else float(effect == 0)
    return PlanResult(
        arms=tuple(arms),
        effect=effect,
        low=effect - reach,
        high=effect + reach,
        p_value=p_value,
        srm_p_value=split_chance([arm.users for arm in arms], plan.design.shares),
        source=source,
        measured_on=measured_on,
    )


def split_chance(users: Sequence[int], shares: Sequence[float]) -> float:
    """Chance of a split at least so far from the planned shares: Pearson's chi-squared test."""
    total = sum(users)
    score = sum((n - total * share) ** 2 / (total * share) for n, share in zip(users, shares, strict=True))
    return float(chdtrc(len(users) - 1, score))


def has_mismatch(result: PlanResult) -> bool:
    """Whether the users were not split as planned, so that the result is not to be read."""
    return result.srm_p_value < SRM_LEVEL


def _check(plan: Plan, arms: Sequence[ArmResult]) -> None:
    planned = [arm.name for arm in plan.variants]
    given = [arm.name for arm in arms]
    if given != planned:
        text = f"The plan has the arms {', '.join(planned)}; the result has {', '.join(given) or 'none'}."
        raise PlanError((Problem("result", text),))
    for arm in arms:
        if arm.users < 2:
            raise PlanError((Problem("result", f"{arm.name}: an arm needs at least two users."),))
        if plan.metric_kind == MetricKind.PROPORTION and not 0 <= arm.value <= 1:
            text = f"{arm.name}: a share lies between 0 and 1; {arm.value:g} does not."
            raise PlanError((Problem("result", text),))
        if plan.metric_kind != MetricKind.PROPORTION and not (arm.sd is not None and arm.sd >= 0):
            text = f"{arm.name}: a {plan.metric_kind} needs the standard deviation between users too."
            raise PlanError((Problem("result", text),))


def _variance(kind: MetricKind, arm: ArmResult) -> float:
    if kind == MetricKind.PROPORTION:
        # One more success and failure keep the interval of a share of 0 or 1 from being a point (Agresti & Caffo 2000).
        share = (arm.value * arm.users + 1) / (arm.users + 2)
        return share * (1 - share)
    return (arm.sd or 0.0) ** 2


def _welch(variances: Sequence[float], users: Sequence[int]) -> float | None:
    below = sum(v**2 / (n - 1) for v, n in zip(variances, users, strict=True))
    return sum(variances) ** 2 / below if below else None


def _quantile(level: float, freedom: float | None) -> float:
    return float(ndtri(level) if freedom is None else stdtrit(freedom, level))


def _tail(score: float, freedom: float | None) -> float:
    return float(ndtr(-score) if freedom is None else stdtr(freedom, -score))
