"""How many users a test needs, what effect a number of users can show, and with what power.

Formulas only. Each is named in `design.METHODS` and described with its source in `docs/planner.md`. Effects are signed and
in the metric's own unit (0.02 is two points of a share); sample sizes are users.
"""

from math import ceil, inf, isfinite, isnan, sqrt

from scipy.optimize import brentq
from scipy.special import nctdtr, ndtr, ndtri, stdtrit

from dash_app.planning.design import Design, Metric, Size, SizeError
from grupa_pipeline.vocabulary.enums import MetricKind

_NORMAL_FROM = 1e5  # degrees of freedom; t and normal then differ by less than a user in 10,000
MOST_USERS = 1e11
"""A larger arm than this is refused: more users than there are people."""


def control_size(metric: Metric, effect: float, design: Design) -> float:
    """Users in the control, before rounding, for the comparison that needs most.

    Proportions: Fleiss, Levin & Paik (2003) eq. 4.14 without continuity correction, which for equal arms is R's
    `power.prop.test`. Means: the non-central t distribution, as R's `power.t.test`. Ratios: Deng, Knoblich & Lu (2018).

    Raises:
        SizeError: There is no effect, it leads out of the metric's range, or no number of users would do.
    """
    _check_effect(metric, effect)
    ratio, tail = design.smallest_ratio, _tail(design)
    z_alpha, z_power = -float(ndtri(tail)), float(ndtri(design.power))
    null, alternative = _deviations(metric, effect, ratio)
    root = (z_alpha * null + z_power * alternative) / effect
    normal = root * root
    _check_number(normal)
    if metric.kind != MetricKind.MEAN:
        return normal
    return _solve_t(abs(effect) / sqrt(metric.variance), ratio, design, start=normal)


def size(metric: Metric, effect: float, design: Design) -> Size:
    """Users in each arm, so that every comparison with the control has the planned power.

    Example:
        >>> size(Metric(MetricKind.PROPORTION, 0.01), 0.001, Design()).arms
        (163095, 163095)
    """
    return _arms(control_size(metric, effect, design), design)


def non_inferiority_size(metric: Metric, margin: float, design: Design) -> Size:
    """Users in each arm to show that a guardrail is worse by less than `margin`, when it has not moved.

    One-sided at the design's alpha (shared among the arms); Chow, Shao, Wang & Lokhnygina (2018), sections 3.2.2 and
    4.2.2.

    Raises:
        SizeError: The margin is not above 0.
    """
    if not (isfinite(margin) and margin > 0):
        raise SizeError("A guardrail's margin must be above 0: how much worse would still be acceptable?")
    z = float(ndtri(1 - design.alpha_each) + ndtri(design.power))
    root = z / margin
    control = root * root * metric.variance * (1 + 1 / design.smallest_ratio)
    _check_number(control)
    return _arms(control, design)


def achieved_power(metric: Metric, effect: float, control: float, design: Design) -> float:
    """Chance that the comparison with fewest users sees `effect`, given `control` users in the control arm."""
    ratio, tail = design.smallest_ratio, _tail(design)
    if metric.kind == MetricKind.MEAN:
        return _power_t(abs(effect) / sqrt(metric.variance), control, ratio, design)
    null, alternative = _deviations(metric, effect, ratio)
    if alternative == 0:
        return 1.0
    return float(ndtr((abs(effect) * sqrt(control) + ndtri(tail) * null) / alternative))


def detectable_effect(metric: Metric, direction: int, control: float, design: Design) -> float | None:
    """Smallest effect (signed, in the metric's unit) seen with the planned power by `control` users in the control.

    `direction` is 1 or -1. None when even the largest possible effect would be missed.
    """
    if control < 2 or control * design.smallest_ratio < 2:
        return None

    def missing(effect: float) -> float:
        return achieved_power(metric, direction * effect, control, design) - design.power

    if metric.kind == MetricKind.PROPORTION:
        largest = (1 - metric.baseline if direction > 0 else metric.baseline) * (1 - 1e-9)
        if largest <= 0 or missing(largest) < 0:
            return None
    else:
        spread = metric.variance * (1 + 1 / design.smallest_ratio) / control
        largest = (ndtri(design.power) - ndtri(_tail(design))) * sqrt(spread)
        while missing(largest) < 0:
            largest *= 1.2
    smallest = largest * 1e-9
    return direction * float(brentq(missing, smallest, largest * (1 + 1e-9), xtol=smallest))


def smallest_expected_cell(metric: Metric, effect: float, arms: tuple[int, ...]) -> float:
    """Fewest users expected on either side of a proportion in any arm; infinite for other kinds."""
    if metric.kind != MetricKind.PROPORTION:
        return inf
    rates = [metric.baseline, *[metric.baseline + effect] * (len(arms) - 1)]
    return min(n * side for n, rate in zip(arms, rates, strict=True) for side in (rate, 1 - rate))


def _check_effect(metric: Metric, effect: float) -> None:
    if not isfinite(effect) or effect == 0:
        raise SizeError("Give an effect to look for; it must not be 0.")
    if metric.kind == MetricKind.PROPORTION and not 0 <= metric.baseline + effect <= 1:
        raise SizeError(
            f"From {metric.baseline:.1%}, a change of {effect * 100:+.1f} points would leave the range of 0% to 100%; "
            "choose a smaller effect."
        )


def _check_number(control: float) -> None:
    if not control < MOST_USERS:
        raise SizeError(
            "No number of users could show so small an effect; choose a larger one, or less extreme settings."
        )


def _tail(design: Design) -> float:
    return design.alpha_each / design.sides


def _deviations(metric: Metric, effect: float, ratio: float) -> tuple[float, float]:
    """Deviations of the difference, times the root of the control's users: without and with the effect."""
    if metric.kind != MetricKind.PROPORTION:
        same = sqrt(metric.variance * (1 + 1 / ratio))
        return same, same
    p1, p2 = metric.baseline, min(max(metric.baseline + effect, 0.0), 1.0)
    pooled = (p1 + ratio * p2) / (1 + ratio)
    return sqrt(pooled * (1 - pooled) * (1 + 1 / ratio)), sqrt(p1 * (1 - p1) + p2 * (1 - p2) / ratio)


def _power_t(standardized: float, control: float, ratio: float, design: Design) -> float:
    freedom = control * (1 + ratio) - 2
    shift = standardized * sqrt(control * ratio / (1 + ratio))
    if freedom > _NORMAL_FROM:
        return float(ndtr(shift + ndtri(_tail(design))))
    critical = stdtrit(freedom, 1 - _tail(design))
    near = nctdtr(freedom, shift, critical)
    power = ndtr(shift - critical) if isnan(near) else 1 - near
    # Beyond a shift of 6 a significant result in the wrong direction has a chance below 1e-9; SciPy gives NaN out there.
    far = nctdtr(freedom, shift, -critical) if design.sides == 2 and shift < 6 else 0.0
    return float(power if isnan(far) else power + far)


def _solve_t(standardized: float, ratio: float, design: Design, start: float) -> float:
    def missing(control: float) -> float:
        return _power_t(standardized, control, ratio, design) - design.power

    fewest = 3 / (1 + ratio)  # one degree of freedom
    if missing(fewest) >= 0:
        return fewest
    # The t-test needs a little more than the normal approximation: about z^2/4 users an arm.
    high = max(start, fewest) + 1
    while missing(high) < 0:
        high = 1.1 * high + 1
    return float(brentq(missing, fewest, high, rtol=1e-9))


def _arms(control: float, design: Design) -> Size:
    arms = tuple(max(2, ceil(control * weight / design.weights[0] - 1e-9)) for weight in design.weights)
    return Size(control, arms)
