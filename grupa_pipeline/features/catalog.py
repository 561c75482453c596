"""A feature column: a value per user and its row of `feature_catalog`; and which columns are informative enough to keep."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from ibis.expr import types as ir

from grupa_pipeline.tables import FEATURE_CATALOG
from grupa_pipeline.vocabulary.enums import FeatureRole, Measure, MetricKind
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

MAX_NULL_SHARE = 0.2
"""Share of users for whom a clustering column may be NULL; above it the column becomes context."""


@dataclass(frozen=True, kw_only=True)
class FeatureColumn:
    """One column of the feature table.

    Attributes:
        value: An expression over the rows of its `FeatureGroup`.
        per: What `value` is divided by (NULL for 0); None divides by nothing.
        label: Short name for a screen.
        description: What is measured, formula included, in words that fit into a sentence.

    The other attributes are the columns of `feature_catalog`.
    """

    name: str
    family: FeatureFamily
    value: ir.Value
    label: str
    description: str
    unit: str
    role: FeatureRole
    metric_kind: MetricKind
    measure: Measure
    subject: str | None = None
    numerator: str | None = None
    denominator: str | None = None
    higher_is_better: bool | None = None
    source_action: str | None = None
    per: ir.Value | None = None

    @property
    def may_be_renamed(self) -> bool:
        """Whether the name starts with that of the log's own action, so that another feature may have the same one."""
        return self.family in RENAMED_FAMILIES

    @property
    def column(self) -> ir.Value:
        """The feature as it is stored: float64, NULL where it does not apply."""
        value = self.value.cast("float64")
        return value if self.per is None else value / self.per.cast("float64").nullif(0)

    @property
    def fraction(self) -> dict[str, ir.Value]:
        """Numerator and denominator of a ratio, 0 or more, as float64 columns; nothing for other kinds."""
        if self.metric_kind is not MetricKind.RATIO or self.per is None:
            return {}
        names = fraction_columns(self.name)
        return {name: part.cast("float64") for name, part in zip(names, (self.value, self.per), strict=True)}


RENAMED_FAMILIES = (FeatureFamily.OUTCOME_RATE, FeatureFamily.OUTCOME_PER_PROPOSAL)

share_of_users = partial(
    FeatureColumn, unit="share", metric_kind=MetricKind.PROPORTION, measure=Measure.PROPORTION, denominator="users"
)
"""A column that is 0 or 1 for each user."""
per_week = partial(FeatureColumn, metric_kind=MetricKind.MEAN, measure=Measure.COUNT, denominator="weeks")
"""A column that counts something a week; takes `per`, the observed weeks."""
mean_count = partial(FeatureColumn, metric_kind=MetricKind.MEAN, measure=Measure.COUNT)
"""A column with one number for each user."""
mean_duration = partial(FeatureColumn, metric_kind=MetricKind.MEAN, measure=Measure.DURATION)
"""A column with one time for each user."""
ratio = partial(FeatureColumn, metric_kind=MetricKind.RATIO, measure=Measure.COUNT)
"""A column whose value over many users is the quotient of two sums; takes `per`."""


def fraction_columns(feature: str) -> tuple[str, str]:
    """Names of the columns that hold a ratio's numerator and denominator."""
    return f"{feature}/numerator", f"{feature}/denominator"


@dataclass(frozen=True)
class FeatureGroup:
    """Features computed from the same rows, one row a user with enough events, with a column user_key."""

    rows: ir.Table
    features: Sequence[FeatureColumn]

    def columns(self, fractions: bool = False) -> ir.Table:
        """The features as float64 columns beside user_key; with `fractions` also the parts of ratios."""
        columns = {feature.name: feature.column for feature in self.features}
        for feature in self.features if fractions else ():
            columns |= feature.fraction
        return self.rows.select("user_key", **columns)


def select_informative(features: Sequence[FeatureColumn], values: pa.Table) -> list[FeatureColumn]:
    """Drop columns that are empty or, outcomes apart, the same for everyone.

    A clustering column becomes context when it is sparse, or equal to an earlier one, which would count twice.
    """
    selected = []
    seen: set[bytes] = set()
    for feature in features:
        column = values[feature.name]
        lowest_highest = pc.min_max(column)
        constant = len(column) > 1 and lowest_highest["min"] == lowest_highest["max"] and not column.null_count
        if column.null_count == len(column) or (constant and feature.role is not FeatureRole.OUTCOME):
            continue
        digest = hashlib.sha256(column.to_numpy().tobytes()).digest()
        demoted = column.null_count > MAX_NULL_SHARE * len(column) or digest in seen
        if feature.role is FeatureRole.CLUSTERING:
            feature = replace(feature, role=FeatureRole.CONTEXT) if demoted else feature  # noqa: PLW2901
            seen.add(digest)
        selected.append(feature)
    return selected


def select_columns(values: pa.Table, names: Sequence[str]) -> pa.Table:
    """user_id and the columns `names` of `values`; one that could not be measured is NULL."""
    empty = pa.nulls(len(values), pa.float64())
    columns = [values[name] if name in values.column_names else empty for name in names]
    return pa.table([values["user_id"], *columns], names=["user_id", *names])


def catalog_table(features: Sequence[FeatureColumn]) -> pa.Table:
    """`features` as rows of `feature_catalog`, in their order."""
    types = {"BOOLEAN": pa.bool_(), "VARCHAR": pa.string()}
    schema = pa.schema([(column.name, types[column.type]) for column in FEATURE_CATALOG.columns])
    rows = [
        {name: getattr(feature, "name" if name == "feature" else name) for name in schema.names} for feature in features
    ]
    return pa.Table.from_pylist(rows, schema=schema)
