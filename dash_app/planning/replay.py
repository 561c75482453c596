"""Replays a test on the audience's own past: how often it would be wrong, and how often it would see the effect. Pure.

The users are split at random many times. Without an effect the share of significant splits is the rate of false alarms on this very
metric, tails included; with the planned effect put into one arm it is the power at so many users.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from dash_app.planning.design import Design, Metric
from dash_app.planning.sample_size import achieved_power
from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.plan_parts import Replay

SPLITS = 1000
FEWEST = 100
"""Fewer users are not split: the answer would be the users' and not the metric's."""
SKEW_USERS = 355
"""Users an arm needs for each unit of squared skewness before its mean is close to normal (Kohavi et al. 2014, rule 7)."""
Values = NDArray[np.float64]


def replay(
    metric: Metric, values: Values, effect: float, design: Design, *, arm_users: int | None = None, seed: int = 3
) -> Replay | None:
    """Split the users `SPLITS` times; None where there are fewer than `FEWEST`.

    Args:
        metric: The plan's metric.
        values: One number a user (n,): 0 or 1 of a proportion, of a ratio its delta-method terms plus its value.
        effect: The planned effect, signed, in the metric's unit.
        design: Alpha, power and sides; two equal arms are split.
        arm_users: Users that an arm of the plan will have, for the check of the tail; those of a split where None.
        seed: Of the splits.
    """
    known = values[np.isfinite(values)]
    if len(known) < FEWEST or known.std() == 0:
        return None
    rng = np.random.default_rng(seed)
    equal = Design(design.alpha_each, design.power, design.sides)
    half = len(known) // 2
    same, moved = np.empty(SPLITS), np.empty(SPLITS)
    for at in range(SPLITS):
        order = rng.permutation(len(known))
        control, treated = known[order[:half]], known[order[half : 2 * half]]
        same[at] = _score(metric.kind, control, treated)
        moved[at] = _score(metric.kind, control, _with_effect(metric, treated, effect, rng))
    critical = _critical(metric.kind, equal, half)
    return Replay(
        splits=SPLITS,
        users=2 * half,
        false_alarms=float(_beyond(same, critical, equal, effect).mean()),
        power=float(_beyond(moved, critical, equal, effect).mean()),
        formula_power=achieved_power(metric, effect, half, equal),
        heavy_tail=_is_heavy(known, arm_users or half) if metric.kind != MetricKind.PROPORTION else False,
    )


def delta_terms(numerators: Values, denominators: Values) -> Values:
    """Each user's share in a ratio of sums, so that their mean is the ratio and their deviation the delta method's."""
    known = np.isfinite(numerators) & np.isfinite(denominators)
    x, y = numerators[known], denominators[known]
    ratio = x.sum() / y.sum()
    terms = np.full(len(numerators), np.nan)
    terms[known] = ratio + (x - ratio * y) / y.mean()
    return terms


def _with_effect(metric: Metric, values: Values, effect: float, rng: np.random.Generator) -> Values:
    """The values as a change would leave them: of a proportion some users turn, of the rest all values scale."""
    if metric.kind == MetricKind.PROPORTION:
        share = values.mean()
        room = 1 - share if effect > 0 else share
        turns = rng.random(len(values)) < (min(abs(effect) / room, 1.0) if room else 0.0)
        return np.where(turns, 1.0 if effect > 0 else 0.0, values)
    if metric.kind == MetricKind.RATIO or not metric.baseline:
        return values + effect
    return values * (1 + effect / metric.baseline)


def _score(kind: MetricKind, control: Values, treated: Values) -> float:
    n = len(control)
    if kind == MetricKind.PROPORTION:
        pooled = (control.mean() + treated.mean()) / 2
        error = sqrt(2 * pooled * (1 - pooled) / n)
    else:
        error = sqrt((control.var(ddof=1) + treated.var(ddof=1)) / n)
    return float((treated.mean() - control.mean()) / error) if error else 0.0


def _critical(kind: MetricKind, design: Design, n: int) -> float:
    tail = 1 - design.alpha_each / design.sides
    return float(stdtrit(2 * n - 2, tail) if kind == MetricKind.MEAN else ndtri(tail))


def _beyond(scores: Values, critical: float, design: Design, effect: float) -> NDArray[np.bool_]:
    return np.asarray(np.abs(scores) > critical if design.sides == 2 else np.sign(effect) * scores > critical)


def _is_heavy(values: Values, arm_users: int) -> bool:
    away = values - values.mean()
    skew = float((away**3).mean() / values.std() ** 3)
    return bool(arm_users < SKEW_USERS * skew**2)
