"""Groups of metrics as a planner lists them: goals and step rates first, stand-ins last. Pure."""

from enum import StrEnum

from grupa_pipeline.vocabulary.enums import MetricKind
from grupa_pipeline.vocabulary.feature_families import FeatureFamily


class MetricGroup(StrEnum):
    """What kind of thing a metric measures, in the order in which a test should be decided by it."""

    GOAL = "Goals"
    STEP = "Steps towards a goal"
    COUNT = "Counts of outcomes"
    TIME = "Times"
    STAND_IN = "Stand-ins: behaviour, not outcomes"

    @property
    def is_rate(self) -> bool:
        """Whether it is the rate of a goal or of a step towards one."""
        return self in (MetricGroup.GOAL, MetricGroup.STEP)


_TIMES = (FeatureFamily.FUNNEL_HOURS, FeatureFamily.TIME_BETWEEN)
_TIME_UNITS = ("hours", "minutes", "days")


def metric_group(family: str | None, kind: str, role: str, unit: str) -> MetricGroup:
    """The group of a metric.

    Args:
        family: Its `FeatureFamily`; None where an earlier release did not record it.
        kind: Its `MetricKind`.
        role: `clustering`, `outcome` or `context`.
        unit: Unit of its values.
    """
    if family == FeatureFamily.OUTCOME_HAD or (family is None and role == "outcome" and kind == MetricKind.PROPORTION):
        return MetricGroup.GOAL
    if family == FeatureFamily.FUNNEL_STEP:
        return MetricGroup.STEP
    if family in _TIMES or unit in _TIME_UNITS:
        return MetricGroup.TIME
    return MetricGroup.COUNT if role == "outcome" else MetricGroup.STAND_IN
