"""Simulated tests of the planned size: how often they see the effect, and how often they see one that is not there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dash_app.planning.baseline import measure
from dash_app.planning.design import Design, Metric
from dash_app.planning.sample_size import size
from grupa_pipeline.vocabulary.enums import MetricKind

TESTS = 2000
Arrays = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class PowerCase:
    """A test to simulate: `draw(rng, users, effect)` gives each user's numerator and denominator in one arm."""

    name: str
    metric: Metric
    effect: float
    design: Design
    draw: Callable[[np.random.Generator, int, float], Arrays]


@dataclass(frozen=True)
class PowerResult:
    """What `TESTS` simulated tests showed: the chance to see the effect in a given arm, and of any alarm without one."""

    case: PowerCase
    users: int
    power: float
    false_alarms: float


def simulate(case: PowerCase, seed: int = 2) -> PowerResult:
    """Run the case with its effect in every arm but the control, and without it."""
    rng = np.random.default_rng(seed)
    arms = size(case.metric, case.effect, case.design).arms
    hits, alarms = 0.0, 0.0
    for _ in range(TESTS):
        control = _summary(case, *case.draw(rng, arms[0], 0.0))
        treated = [_summary(case, *case.draw(rng, n, case.effect)) for n in arms[1:]]
        same = [_summary(case, *case.draw(rng, n, 0.0)) for n in arms[1:]]
        hits += _significant(case, control, treated[int(np.argmin(arms[1:]))])
        alarms += any(_significant(case, control, arm) for arm in same)
    return PowerResult(case, sum(arms), hits / TESTS, alarms / TESTS)


def _summary(case: PowerCase, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, int]:
    """Value, variance of one user and users of an arm."""
    if case.metric.kind == MetricKind.RATIO:
        value = x.sum() / y.sum()
        return float(value), float(np.var(x - value * y, ddof=1) / y.mean() ** 2), len(x)
    return float(x.mean()), float(x.var(ddof=1)), len(x)


def _significant(case: PowerCase, control: tuple[float, float, int], arm: tuple[float, float, int]) -> bool:
    """The test that the plan names, on data."""
    (a, var_a, n_a), (b, var_b, n_b) = control, arm
    tail = case.design.alpha_each / case.design.sides
    critical = stats.norm.ppf(1 - tail)
    if case.metric.kind == MetricKind.PROPORTION:
        pooled = (a * n_a + b * n_b) / (n_a + n_b)
        error = np.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    elif case.metric.kind == MetricKind.MEAN:
        pooled = ((n_a - 1) * var_a + (n_b - 1) * var_b) / (n_a + n_b - 2)
        error = np.sqrt(pooled * (1 / n_a + 1 / n_b))
        critical = stats.t.ppf(1 - tail, n_a + n_b - 2)
    else:
        error = np.sqrt(var_a / n_a + var_b / n_b)
    if error == 0:
        return False
    score = (b - a) / error
    return bool(abs(score) > critical if case.design.sides == 2 else np.sign(case.effect) * score > critical)


def cases() -> list[PowerCase]:
    """Proportions, skewed means and ratios; equal and unequal arms, several arms, one and two sides."""
    return [
        _proportion("share 30% +10%", 0.3, 0.03, Design()),
        _proportion("share 3% +30%", 0.03, 0.009, Design()),
        _proportion("share 60% -8%, one-sided, power .9", 0.6, -0.048, Design(power=0.9, sides=1)),
        _proportion("share 12% +25%, arms 3:1", 0.12, 0.03, Design(weights=(3, 1))),
        _proportion("share 20% +20%, 4 arms", 0.2, 0.04, Design(weights=(1, 1, 1, 1))),
        _mean("mean, gamma, +10%", 2.0, 0.1, Design()),
        _mean("mean, gamma, -15%, power .9, arms 1:2", 2.0, -0.15, Design(power=0.9, weights=(1, 2))),
        _mean("mean, heavy tail, +15%, 3 arms", 0.5, 0.15, Design(weights=(2, 1, 1))),
        _ratio("ratio, +8%", 0.08, Design()),
        _ratio("ratio, -10%, one-sided, arms 2:1", -0.10, Design(sides=1, weights=(2, 1))),
        _ratio("ratio, +10%, 3 arms", 0.10, Design(weights=(1, 1, 1))),
        _ratio("ratio, +10%, multiplies (varies more than planned)", 0.10, Design(), multiplies=True),
    ]


def _proportion(name: str, share: float, effect: float, design: Design) -> PowerCase:
    def draw(rng: np.random.Generator, users: int, by: float) -> Arrays:
        return (rng.random(users) < share + by).astype(float), np.ones(users)

    return PowerCase(name, Metric(MetricKind.PROPORTION, share), effect, design, draw)


def _mean(name: str, shape: float, relative: float, design: Design) -> PowerCase:
    """Gamma values with mean 5; the effect shifts them."""

    def draw(rng: np.random.Generator, users: int, by: float) -> Arrays:
        return rng.gamma(shape, 5.0 / shape, users) + by, np.ones(users)

    return PowerCase(name, Metric(MetricKind.MEAN, 5.0, 5.0 / np.sqrt(shape)), 5.0 * relative, design, draw)


def _ratio(name: str, relative: float, design: Design, *, multiplies: bool = False) -> PowerCase:
    """Clicks over views: views differ between users, and so does the taste for clicking.

    The effect adds to each user's taste, or `multiplies` it: then the treated arms vary more than the plan assumed.
    """

    def draw(rng: np.random.Generator, users: int, by: float) -> Arrays:
        views = 1.0 + rng.poisson(rng.gamma(1.5, 4.0, users))
        taste = rng.beta(2.0, 6.0, users)
        taste = taste * (1 + by / 0.25) if multiplies else taste + by
        clicks = rng.binomial(views.astype(int), np.clip(taste, 0, 1))
        return np.asarray(clicks, np.float64), np.asarray(views, np.float64)

    big = measure(MetricKind.RATIO, *draw(np.random.default_rng(0), 400_000, 0.0))
    return PowerCase(name, Metric(MetricKind.RATIO, 0.25, big.sd), 0.25 * relative, design, draw)
