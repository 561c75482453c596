"""What the tests of a roadmap may bring in a quarter, with an interval, beside the naive sum. Pure.

Most changes do nothing, and those that seem to win are flattered by chance. A change is taken to do nothing, or to have an effect
that falls off exponentially (Azevedo, Deng, Montiel Olea, Rao & Weyl 2020); how often and how large is learnt from the roadmap's
own results once there are ten of them, all of them and not only the winners. Before, the chance that a test wins is 12% (Kohavi,
Deng & Vermeer 2022). A plan brings something only where its test shows it, so power and false alarms are in the forecast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri

from dash_app.planning.estimates import has_mismatch
from dash_app.planning.plan import Plan
from grupa_pipeline.vocabulary.enums import Direction, MetricKind
from grupa_pipeline.vocabulary.plan_parts import PlanResult

OWN_RATE_FROM = 10
USUAL_WIN_RATE = 0.12
LEVEL = 0.9
_DRAWS = 20_000
_WORKS = np.linspace(0.0125, 0.9875, 40)
"""Shares of changes that do anything."""
_SIZES = np.geomspace(0.25, 3.0, 12)
"""Mean effects of those that do, over the planned one."""
_FEW_WORK, _MIDDLE_SIZE, _SIZE_SPREAD = (1.0, 3.5), 0.8, 0.5
"""Before there are results: a Beta and a log-normal distribution, under which `USUAL_WIN_RATE` of tests win."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class PastTest:
    """A test with a result: its effect, and the planned one, in standard errors; above 0 is the hoped-for direction."""

    score: float
    planned: float


@dataclass(frozen=True)
class PlannedGain:
    """A test to come: what its planned effect would bring, and that effect in standard errors of its test.

    `critical` is the score above which it wins.
    """

    gain: float
    planned: float
    critical: float


@dataclass(frozen=True)
class GainForecast:
    """What some tests may bring: expected, 90% interval, chance of any gain, and the sum of their planned effects.

    A few tests mostly bring nothing and now and then much, so that what is expected may be above the interval.
    """

    expected: float
    low: float
    high: float
    chance: float
    naive: float


@dataclass(frozen=True)
class RoadmapForecast:
    """The forecast of chosen plans.

    Attributes:
        by_metric: What they may bring, by metric and direction: users who do it of a share, units of a mean, the ratio itself.
        plans: How many plans.
        users: Users that the tests need.
        coming: Different eligible users of their audiences in a quarter.
        win_rate: The share of tests that win.
        results: Tests with a result behind it; the usual rate is taken below `OWN_RATE_FROM`.
    """

    by_metric: Mapping[tuple[str, Direction], GainForecast]
    plans: int
    users: int
    coming: float
    win_rate: float
    results: int


def forecast_roadmap(plans: Sequence[Plan], known: Sequence[Plan], seed: int = 11) -> RoadmapForecast:
    """What `plans`, sized ones, may bring a quarter.

    Args:
        plans: Plans whose tests are still to come.
        known: Plans with a result; the others among them count for nothing.
        seed: Of the draws.
    """
    results = [(plan, plan.result) for plan in known if plan.result is not None and not has_mismatch(plan.result)]
    past = [_past(plan, result) for plan, result in results]
    groups: dict[tuple[str, Direction], list[PlannedGain]] = {}
    for plan in plans:
        groups.setdefault((plan.primary_metric, plan.direction), []).append(_to_come(plan))
    won = sum(test.score > float(ndtri(0.975)) for test in past)
    return RoadmapForecast(
        by_metric={key: forecast_gains(some, past, seed=seed) for key, some in groups.items()},
        plans=len(plans),
        users=sum(plan.n_total or 0 for plan in plans),
        coming=_coming(plans),
        win_rate=won / len(past) if len(past) >= OWN_RATE_FROM else USUAL_WIN_RATE,
        results=len(past),
    )


def forecast_gains(
    tests: Sequence[PlannedGain], past: Sequence[PastTest], *, seed: int = 11, draws: int = _DRAWS
) -> GainForecast:
    """What `tests` may bring together; what is known of `past` tests counts from ten of them on."""
    rng = np.random.default_rng(seed)
    works, sizes = _draw_kind(past if len(past) >= OWN_RATE_FROM else (), rng, draws)
    total = np.zeros(draws)
    for test in tests:
        effects = np.where(rng.random(draws) < works, rng.exponential(sizes), 0.0)
        shown = rng.normal(effects * test.planned) > test.critical
        total += np.where(shown, effects * test.gain, 0.0)
    naive = float(sum(test.gain for test in tests))
    return GainForecast(float(total.mean()), *_interval(total), float((total != 0).mean()), naive)


def usual_kind(rng: np.random.Generator, draws: int) -> tuple[Array, Array]:
    """Shares of changes that do anything, and mean effects of those over the planned one, before there are results."""
    return _draw_kind((), rng, draws)


def _draw_kind(past: Sequence[PastTest], rng: np.random.Generator, draws: int) -> tuple[Array, Array]:
    """Draws from what is known of how often changes work and how large their effects are."""
    a, b = _FEW_WORK
    log_weight = ((a - 1) * np.log(_WORKS) + (b - 1) * np.log1p(-_WORKS))[:, None] + np.zeros(len(_SIZES))
    log_weight = log_weight - (np.log(_SIZES / _MIDDLE_SIZE) / _SIZE_SPREAD) ** 2 / 2
    for test in past:
        nothing = np.exp(-(test.score**2) / 2) / sqrt(2 * np.pi)
        rate = 1 / (_SIZES * test.planned)
        something = rate * np.exp(rate**2 / 2 - rate * test.score + log_ndtr(test.score - rate))
        log_weight += np.log((1 - _WORKS)[:, None] * nothing + _WORKS[:, None] * something)
    weight = np.exp(log_weight - log_weight.max()).ravel()
    chosen = rng.choice(len(weight), draws, p=weight / weight.sum())
    step, ratio = _WORKS[1] - _WORKS[0], np.log(_SIZES[1] / _SIZES[0])
    works = _WORKS[chosen // len(_SIZES)] + step * rng.uniform(-0.5, 0.5, draws)
    return works, _SIZES[chosen % len(_SIZES)] * np.exp(ratio * rng.uniform(-0.5, 0.5, draws))


def _interval(total: Array) -> tuple[float, float]:
    """The middle nine tenths; from 0 on where more than a twentieth of the draws bring nothing."""
    tail = (1 - LEVEL) / 2
    if (total == 0).mean() > tail:
        return 0.0, float(np.quantile(total, LEVEL))
    low, high = np.quantile(total, (tail, 1 - tail))
    return float(low), float(high)


def _past(plan: Plan, result: PlanResult) -> PastTest:
    reach = float(ndtri(1 - plan.design.alpha_each / 2))
    error = (result.high - result.low) / (2 * reach) or abs(plan.effect)
    return PastTest(plan.direction.sign * result.effect / error, plan.mde_absolute / error)


def _to_come(plan: Plan) -> PlannedGain:
    critical = float(ndtri(1 - plan.design.alpha_each / plan.sides))
    units = 1.0 if plan.metric_kind is MetricKind.RATIO else plan.rice_reach or 0.0
    return PlannedGain(plan.mde_absolute * units, critical + float(ndtri(plan.power)), critical)


def _coming(plans: Sequence[Plan]) -> float:
    """Different eligible users of all audiences: those that have users in common count once, with the largest."""
    groups: list[list[Plan]] = []
    for plan in plans:
        meeting = [group for group in groups if any(plan.taking_part.meets(each.taking_part) for each in group)]
        groups = [group for group in groups if group not in meeting]
        groups.append([plan, *(each for group in meeting for each in group)])
    return sum(max(each.rice_reach or 0.0 for each in group) for group in groups)
