"""Replays a test on the audience's own past: how often it would be wrong, and how often it would see the effect. Pure.

The users are split at random many times. Without an effect the share of significant splits is the rate of false alarms on this very
metric, tails included; with the planned effect put into one arm it is the power at so many users.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from dash_app.planning.design import Design, Metric
from dash_app.planning.sample_size import achieved_power
from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.plan_parts import Replay

SPLITS = 5000
"""So many that a rate of 5% has a standard error of .3%, and a power of 80% one of .6%."""
_SWAPS = 50
"""Splits of one pairing: users are paired at random, and a split takes one of each pair at random into either arm."""
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
    if metric.kind == MetricKind.PROPORTION:
        same, moved = _share_scores(known, effect, half, rng)
    else:
        same, moved = _mean_scores(metric, known, effect, half, rng)
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


def _share_scores(values: Values, effect: float, half: int, rng: np.random.Generator) -> tuple[Values, Values]:
    """Scores of the splits of zeros and ones, without and with the effect, for which some users turn: counts are enough."""
    ones, users = int(values.sum()), len(values)
    treated = rng.hypergeometric(ones, users - ones, half, SPLITS)
    control = rng.hypergeometric(ones - treated, users - half - (ones - treated), half)
    room = (users - ones if effect > 0 else ones) / users
    turning = half - treated if effect > 0 else treated
    turned = rng.binomial(turning, min(abs(effect) / room, 1.0)) if room else 0
    changed = treated + (turned if effect > 0 else -turned)
    return _share_score(control / half, treated / half, half), _share_score(control / half, changed / half, half)


def _share_score(control: Values, treated: Values, half: int) -> Values:
    pooled = (control + treated) / 2
    return _divided(treated - control, np.sqrt(2 * pooled * (1 - pooled) / half))


def _mean_scores(
    metric: Metric, values: Values, effect: float, half: int, rng: np.random.Generator
) -> tuple[Values, Values]:
    """Scores of the splits of any numbers; the effect scales all values of a mean and is added to a ratio's terms."""
    scales = metric.kind == MetricKind.MEAN and bool(metric.baseline)
    factor, shift = (1 + effect / metric.baseline, 0.0) if scales else (1.0, effect)
    centre = values.mean()
    same, moved = [], []
    for _ in range(0, SPLITS, _SWAPS):
        paired = rng.permutation(values - centre)[: 2 * half].reshape(half, 2)
        powers = [np.column_stack([each, each**2]) for each in paired.T]
        bits = np.unpackbits(rng.integers(0, 256, (_SWAPS, half // 8 + 1), np.uint8), axis=1, count=half)
        swapped = bits.astype(float) @ (powers[1] - powers[0])
        arms = [(powers[0].sum(axis=0) + swapped) / half, (powers[1].sum(axis=0) - swapped) / half]
        means = [each[:, 0] for each in arms]
        errors = [(each[:, 1] - each[:, 0] ** 2) / (half - 1) for each in arms]
        same.append(_divided(means[1] - means[0], np.sqrt(errors[0] + errors[1])))
        raised = (means[1] + centre) * factor + shift - centre
        moved.append(_divided(raised - means[0], np.sqrt(errors[0] + factor**2 * errors[1])))
    return np.concatenate(same), np.concatenate(moved)


def _divided(differences: Values, errors: Values) -> Values:
    return np.divide(differences, errors, out=np.zeros_like(differences), where=errors > 0)


def _critical(kind: MetricKind, design: Design, n: int) -> float:
    tail = 1 - design.alpha_each / design.sides
    return float(stdtrit(2 * n - 2, tail) if kind == MetricKind.MEAN else ndtri(tail))


def _beyond(scores: Values, critical: float, design: Design, effect: float) -> NDArray[np.bool_]:
    return np.asarray(np.abs(scores) > critical if design.sides == 2 else np.sign(effect) * scores > critical)


def _is_heavy(values: Values, arm_users: int) -> bool:
    away = values - values.mean()
    skew = float((away**3).mean() / values.std() ** 3)
    return bool(arm_users < SKEW_USERS * skew**2)
