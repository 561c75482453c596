"""Families of features: what a column of `user_features` measures.

The name of a column about an action or product feature starts with its family's prefix. Code never infers the family from
the name: it reads `feature_catalog.family`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from grupa_pipeline.vocabulary.enums import Measure


class FeatureFamily(StrEnum):
    """What a feature measures; `feature_catalog.subject` names the action or product feature it is about."""

    ACTION_DONE = "action_done"
    """Whether a user ever did an action (the subject)."""
    ACTION_SHARE = "action_share"
    """Share of a user's events that are an action (the subject)."""
    ACTIVITY = "activity"
    """Sessions, active days, gaps, totals."""
    ERROR_MET = "error_met"
    """Whether a user met an error (the subject), of those who did what usually precedes it; `source_action` names both."""
    FEATURE_SHARE = "feature_share"
    """Share of a user's feature uses that are of one feature of the product (the subject)."""
    FEATURE_USAGE = "feature_usage"
    """How much, how many and how evenly features of the product are used."""
    FEATURE_USED = "feature_used"
    """Whether a user ever used a feature of the product (the subject)."""
    FUNNEL_STEP = "funnel_step"
    """Whether a user got to a step towards a goal (the subject), of those who got to the step before; `source_action` names
    both, or the first step alone."""
    FUNNEL_HOURS = "funnel_hours"
    """Time from one step towards a goal (the subject) to the next; `source_action` names both."""
    LOOP = "loop"
    """Whether a user goes back and forth between two actions, of those who did both; `source_action` names both."""
    OUTCOME_HAD = "outcome_had"
    """Whether a user ever had an outcome (the subject)."""
    OUTCOME_PER_PROPOSAL = "outcome_per_proposal"
    """Good outcomes (the subject) per proposal submitted."""
    OUTCOME_RATE = "outcome_rate"
    """Outcomes (the subject) a week."""
    PATH = "path"
    """Whether a user ever went directly from one action to another; `source_action` names both."""
    PROPOSALS = "proposals"
    """Proposals created, submitted, revised, withdrawn or abandoned."""
    RETRY = "retry"
    """Whether a user does an action (the subject) again and again, of those who did it."""
    STOPPED_AT = "stopped_at"
    """Whether an action (the subject) was a user's last one and no goal was reached."""
    TIME_BETWEEN = "time_between"
    """Time from one action to another; `source_action` names both."""


COLUMN_PREFIX: Mapping[FeatureFamily, str] = MappingProxyType(
    {
        FeatureFamily.ACTION_DONE: "did_",
        FeatureFamily.ACTION_SHARE: "share_",
        FeatureFamily.ERROR_MET: "met_",
        FeatureFamily.FEATURE_SHARE: "feature_share_",
        FeatureFamily.FEATURE_USED: "used_",
        FeatureFamily.FUNNEL_STEP: "step_",
        FeatureFamily.FUNNEL_HOURS: "step_hours_",
        FeatureFamily.LOOP: "loop_",
        FeatureFamily.OUTCOME_HAD: "had_",
        FeatureFamily.PATH: "path_",
        FeatureFamily.RETRY: "retry_",
        FeatureFamily.STOPPED_AT: "stopped_",
        FeatureFamily.TIME_BETWEEN: "hours_",
    }
)
"""Prefix of a family's column names; the slugs of the subjects follow, joined by `__`."""


JOURNEY_MEASURES: Mapping[FeatureFamily, Measure] = MappingProxyType(
    {
        FeatureFamily.ERROR_MET: Measure.ERROR,
        FeatureFamily.FUNNEL_HOURS: Measure.DURATION,
        FeatureFamily.FUNNEL_STEP: Measure.STEP,
        FeatureFamily.LOOP: Measure.LOOP,
        FeatureFamily.RETRY: Measure.LOOP,
        FeatureFamily.STOPPED_AT: Measure.LAST_ACTION,
    }
)
"""How evidence compares the families about a place on users' way: a value is NULL for users who were never there."""


def column_name(family: FeatureFamily, *slugs: str) -> str:
    """Name of the column of `family` about `slugs`: `column_name(FeatureFamily.PATH, "search", "open")`."""
    return COLUMN_PREFIX[family] + "__".join(slugs)


def slugs_of(family: FeatureFamily, column: str) -> tuple[str, ...]:
    """The slugs in the name of a column of `family`; a slug itself has no double underscore."""
    return tuple(column.removeprefix(COLUMN_PREFIX[family]).split("__"))
