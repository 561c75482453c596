"""What a sample size follows from: a metric, the design of the test, and the names of the formulas.

Effects are signed and in the metric's own unit (0.02 is two points of a share); sample sizes are users.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from grupa_pipeline.vocabulary.enums import MetricKind


class Method(StrEnum):
    """Names of the tests that a plan is sized for, as `test_roadmap.method` stores them."""

    TWO_PROPORTIONS = "pooled two-proportion z-test"
    TWO_MEANS = "two-sample t-test"
    DELTA_METHOD = "two-sample z-test, delta method"
    NON_INFERIORITY = "non-inferiority z-test"


METHODS = {
    MetricKind.PROPORTION: Method.TWO_PROPORTIONS,
    MetricKind.MEAN: Method.TWO_MEANS,
    MetricKind.RATIO: Method.DELTA_METHOD,
}
SMALLEST_SHARE = 0.001
"""No arm gets a smaller share of the users."""


class SizeError(ValueError):
    """A test that cannot be sized; the message says which number is wrong and what to do."""


@dataclass(frozen=True)
class Metric:
    """What is known of a metric before the test.

    Attributes:
        kind: `proportion`, `mean` or `ratio`.
        baseline: Its value now.
        sd: Standard deviation between users; for a ratio that of the delta method (see `baseline.measure`). Not used
            for a proportion, whose spread follows from its value.
    """

    kind: MetricKind
    baseline: float
    sd: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in METHODS:
            raise SizeError(f"A metric is a proportion, a mean or a ratio, not {self.kind!r}.")
        if not isfinite(self.baseline):
            raise SizeError("The baseline is not a number.")
        if self.kind == MetricKind.PROPORTION and not 0 <= self.baseline <= 1:
            raise SizeError("A share must lie between 0% and 100%; check the baseline.")
        if self.kind != MetricKind.PROPORTION and not (self.sd is not None and 1e-100 < self.sd < 1e100):
            raise SizeError("The metric does not vary between users, so no test can be sized; choose another metric.")

    @property
    def variance(self) -> float:
        """Variance between users at the baseline."""
        if self.kind == MetricKind.PROPORTION:
            return self.baseline * (1 - self.baseline)
        return (self.sd or 0.0) ** 2


@dataclass(frozen=True)
class Design:
    """How a test is run and read.

    Attributes:
        alpha: Chance of any false alarm among the comparisons with the control.
        power: Chance to see the effect in an arm that has it.
        sides: 1 (only the hoped-for direction counts) or 2.
        weights: Each arm's share of the users, the control first, in any unit.
    """

    alpha: float = 0.05
    power: float = 0.8
    sides: int = 2
    weights: tuple[float, ...] = (1.0, 1.0)

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise SizeError("Alpha must lie between 0 and 0.5; 0.05 is usual.")
        if not 0.5 <= self.power < 1:
            raise SizeError("Power must be at least 0.5 and below 1; 0.8 is usual.")
        if self.sides not in (1, 2):
            raise SizeError("A test has 1 or 2 sides.")
        if len(self.weights) < 2 or not all(weight > 0 and isfinite(weight) for weight in self.weights):
            raise SizeError("A test needs a control and at least one other arm, each with a weight above 0.")
        if min(self.shares) < SMALLEST_SHARE:
            raise SizeError(f"Every arm needs at least {SMALLEST_SHARE:.1%} of the users.")

    @property
    def comparisons(self) -> int:
        """Arms compared with the control."""
        return len(self.weights) - 1

    @property
    def alpha_each(self) -> float:
        """Significance level of one comparison (Bonferroni)."""
        return self.alpha / self.comparisons

    @property
    def shares(self) -> tuple[float, ...]:
        """Each arm's share of the users, the control first; they add up to 1."""
        return tuple(weight / sum(self.weights) for weight in self.weights)

    @property
    def smallest_ratio(self) -> float:
        """Users of the smallest other arm for each user of the control: the comparison that needs most."""
        return min(self.weights[1:]) / self.weights[0]


@dataclass(frozen=True)
class Size:
    """Users a test needs: `arms` whole users each, the control first; `control` before rounding."""

    control: float
    arms: tuple[int, ...]

    @property
    def total(self) -> int:
        """Users in all arms."""
        return sum(self.arms)
