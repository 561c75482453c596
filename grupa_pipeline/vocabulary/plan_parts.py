"""Parts of a plan that its table keeps as JSON: who takes part, how it is read, and what came of it."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class AudienceKind(StrEnum):
    """Whose users take part in a test, from the closest to the recommendation to the widest."""

    CLUSTER = "cluster"
    SIBLINGS = "siblings"
    """The cluster and those that share its pain."""
    EVERYONE = "everyone"
    """All users; the cluster is a stratum that is read on its own too."""
    SEGMENT = "segment"
    """Users of a saved segment, as it is when they are counted."""


@dataclass(frozen=True)
class Audience:
    """Who takes part: users of `clusters`, of the one saved segment named there, or everyone where there are none."""

    kind: AudienceKind
    clusters: tuple[str, ...] = ()

    @classmethod
    def of_cluster(cls, cluster_id: str) -> "Audience":
        """The users of one cluster."""
        return cls(AudienceKind.CLUSTER, (cluster_id,))

    def meets(self, other: "Audience") -> bool:
        """Whether a user may be in both."""
        if self != other and {AudienceKind.EVERYONE, AudienceKind.SEGMENT} & {self.kind, other.kind}:
            return True
        return bool(set(self.clusters) & set(other.clusters))


@dataclass(frozen=True)
class Cuped:
    """What a metric of the days before takes off the variance (Deng, Xu, Kohavi & Walker 2013).

    Attributes:
        covariate: The metric of the days before, in `feature_catalog`.
        correlation: Between the two, on users that did not choose the covariate.
        variance_ratio: Variance left over variance without it; 1 where nothing is claimed.
        ratio_low: Lower end of its 95% interval.
        ratio_high: Upper end.
        days_saved: Days by which the test is shorter; None where either never ends.
    """

    covariate: str
    correlation: float
    variance_ratio: float
    ratio_low: float
    ratio_high: float
    days_saved: int | None = None


class Spending(StrEnum):
    """How a group-sequential test spends its alpha over the looks (Lan & DeMets 1983)."""

    OBRIEN_FLEMING = "obrien_fleming"
    POCOCK = "pocock"


@dataclass(frozen=True)
class Looks:
    """A group-sequential plan.

    Attributes:
        number: Looks, two to five, after equal shares of the users.
        spending: How alpha is spent.
        futility: Whether the test may stop early because the effect is not there (non-binding).
        boundaries: |z| at each look beyond which the test stops for the effect.
        futility_boundaries: z at each look below which it may stop without; empty without `futility`.
        inflation: Largest sample over that of a test with one look.
        expected: Users expected over that of a test with one look, where the effect is there.
    """

    number: int
    spending: Spending
    futility: bool
    boundaries: tuple[float, ...]
    futility_boundaries: tuple[float, ...]
    inflation: float
    expected: float


@dataclass(frozen=True)
class Replay:
    """What the test would have shown on the audience's own past, split many times.

    Attributes:
        splits: Random splits.
        users: Users of each.
        false_alarms: Share of splits without an effect that were significant.
        power: Share of splits with the effect that were.
        formula_power: What the formula gives for so many users.
        heavy_tail: Whether a few users hold so much of the metric that the formula cannot be relied on.
    """

    splits: int
    users: int
    false_alarms: float
    power: float
    formula_power: float
    heavy_tail: bool


@dataclass(frozen=True)
class ArmResult:
    """What one arm showed: its users, the metric's value and, for means and ratios, the deviation between users."""

    name: str
    users: int
    value: float
    sd: float | None = None


class ResultSource(StrEnum):
    """Where a result was read from."""

    TYPED = "typed"
    COUNTS = "counts"
    GROWTHBOOK = "growthbook"
    POSTHOG = "posthog"
    STATSIG = "statsig"


@dataclass(frozen=True)
class PlanResult:
    """What a test showed: the arms, and the first other arm against the control.

    Attributes:
        arms: The control first.
        effect: Difference to the control in the metric's unit, of the arm that was planned for (the first other one).
        low: Lower end of its interval, at the plan's alpha shared among the arms.
        high: Upper end.
        p_value: Two-sided.
        srm_p_value: Chance of a split so far from the planned one; small ones mean that the assignment is broken.
        source: Where it was read from.
        measured_on: The day of the reading.
    """

    arms: tuple[ArmResult, ...]
    effect: float
    low: float
    high: float
    p_value: float
    srm_p_value: float
    source: ResultSource
    measured_on: date


class Decision(StrEnum):
    """What was decided on a result."""

    SHIP = "ship"
    STOP = "stop"
    ITERATE = "iterate"


class TrackingVerdict(StrEnum):
    """Whether a shipped change still shows in later snapshots."""

    HOLDS = "holds"
    FADED = "faded"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class TrackedValue:
    """The plan's metric among its users in a later snapshot, and what the result foretold for it."""

    snapshot_date: date
    value: float
    low: float
    high: float
    users: int


@dataclass(frozen=True)
class Tracking:
    """What became of a shipped change: `forecast_low` to `forecast_high` is what the result foretold."""

    verdict: TrackingVerdict
    forecast: float
    forecast_low: float
    forecast_high: float
    values: tuple[TrackedValue, ...] = ()
