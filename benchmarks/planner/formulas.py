"""Our formulas against statsmodels' on random cases of the same formula."""

import warnings

import numpy as np
from statsmodels.stats.power import TTestIndPower, normal_sample_size_one_tail
from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

from dash_app.planning.design import Design, Metric
from dash_app.planning.sample_size import control_size, non_inferiority_size
from grupa_pipeline.vocabulary.enums import MetricKind

CASES = 1000


def compare(seed: int = 1) -> dict[str, float]:
    """Largest relative difference in users of the control arm over 1,000 random cases of each formula."""
    rng = np.random.default_rng(seed)
    worst = dict.fromkeys(("proportion", "mean", "ratio", "non-inferiority"), 0.0)
    for _ in range(CASES):
        design = Design(
            alpha=float(rng.uniform(0.005, 0.15)),
            power=float(rng.uniform(0.6, 0.97)),
            sides=int(rng.integers(1, 3)),
            weights=(1.0, float(np.exp(rng.uniform(-1.4, 1.4)))),
        )
        for kind, (ours, theirs) in _sizes(rng, design).items():
            worst[kind] = max(worst[kind], abs(ours / theirs - 1))
    return worst


def _sizes(rng: np.random.Generator, design: Design) -> dict[str, tuple[float, float]]:
    """Ours and statsmodels' users in the control arm."""
    ratio, tail = design.weights[1], design.alpha / design.sides
    before = float(rng.uniform(0.005, 0.95))
    after = float(np.clip(before + rng.choice([-1, 1]) * rng.uniform(0.003, 0.2), 0.002, 0.998))
    d = float(np.exp(rng.uniform(np.log(0.02), np.log(0.8))))
    sd, margin = float(np.exp(rng.uniform(-3, 5))), float(rng.uniform(0.05, 0.5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        means = TTestIndPower().solve_power(
            d,
            alpha=design.alpha,
            power=design.power,
            ratio=ratio,
            alternative="two-sided" if design.sides == 2 else "larger",
        )
    spread = float(np.sqrt(1 + 1 / ratio))
    return {
        "proportion": (
            control_size(Metric(MetricKind.PROPORTION, before), after - before, design),
            samplesize_proportions_2indep_onetail(
                before - after,
                after,
                design.power,
                ratio=ratio,
                alpha=design.alpha,
                alternative="two-sided" if design.sides == 2 else "smaller",
            ),
        ),
        "mean": (control_size(Metric(MetricKind.MEAN, 3.0, sd), d * sd, design), float(np.squeeze(means))),
        "ratio": (
            control_size(Metric(MetricKind.RATIO, 3.0, sd), -d * sd, design),
            normal_sample_size_one_tail(d, design.power, tail, std_null=spread),
        ),
        "non-inferiority": (
            non_inferiority_size(Metric(MetricKind.MEAN, 3.0, sd), margin * sd, design).control,
            normal_sample_size_one_tail(margin, design.power, design.alpha, std_null=spread),
        ),
    }
