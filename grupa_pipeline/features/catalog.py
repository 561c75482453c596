"""What a feature is: a value a user and everything a reader must know of it; and which columns are worth keeping.

The features themselves are defined in `rhythm`, `mix`, `paths`, `proposals` and `usage`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from ibis.expr import types as ir

from grupa_pipeline.tables import FEATURE_CATALOG

MOST_NULL = 0.2
"""Share of users for whom a clustering column may be empty; above it the column is context."""


@dataclass(frozen=True)
class Feature:
    """One column of the feature table.

    `value` is an expression over the rows of its `Part`, divided by `per` where there is one (NULL for 0). `label` is a
    short name for a screen, `description` says what is measured in words that fit a sentence, formula included. The
    others are the columns of `feature_catalog`; actions in `source_action` stand one a line.
    """

    name: str
    value: ir.Value
    label: str
    description: str
    unit: str
    role: Literal["clustering", "outcome", "context"]
    metric_kind: Literal["proportion", "mean", "ratio"]
    measure: Literal["proportion", "count", "path", "duration"]
    numerator: str | None = None
    denominator: str | None = None
    higher_is_better: bool | None = None
    source_action: str | None = None
    per: ir.Value | None = None

    @property
    def rate(self) -> tuple[str, str | None] | None:
        """For the rate of an outcome what it is a rate of (see `rate_of`); None for other features."""
        return rate_of(self.role, self.metric_kind, self.source_action)

    @property
    def column(self) -> ir.Value:
        """The feature as it is stored: float64, NULL where it does not apply."""
        value = self.value.cast("float64")
        return value if self.per is None else value / self.per.cast("float64").nullif(0)

    @property
    def fraction(self) -> dict[str, ir.Value]:
        """A ratio's two sums, 0 or more, as float64 columns; nothing for other kinds."""
        if self.metric_kind != "ratio" or self.per is None:
            return {}
        names = fraction_columns(self.name)
        return {name: each.cast("float64") for name, each in zip(names, (self.value, self.per), strict=True)}


def rate_of(role: str, metric_kind: str, source_action: str | None) -> tuple[str, str | None] | None:
    """Kind and action of a feature that is the rate of an outcome; None for other features.

    The name of a rate begins with its action's, so that it may be, or begin like, any other feature's name.
    """
    return (metric_kind, source_action) if role == "outcome" and metric_kind != "proportion" else None


def fraction_columns(feature: str) -> tuple[str, str]:
    """Names of the columns that hold a ratio's numerator and denominator."""
    return f"{feature}/numerator", f"{feature}/denominator"


@dataclass(frozen=True)
class Part:
    """Features that come from the same rows, one row a user with enough events, with a column user_key."""

    rows: ir.Table
    features: Sequence[Feature]


def per_user(part: Part, fractions: bool = False) -> ir.Table:
    """The part's features as float64 columns beside user_key; with `fractions` also what its ratios are made of."""
    columns = {feature.name: feature.column for feature in part.features}
    for feature in part.features if fractions else ():
        columns |= feature.fraction
    return part.rows.select("user_key", **columns)


def worth_keeping(features: Sequence[Feature], values: pa.Table) -> list[Feature]:
    """Leave out columns that tell nothing, and make context of those that should not make clusters.

    A column tells nothing when it is empty or, outcomes apart, the same for everyone. A clustering column becomes
    context when it is sparse, or equal to an earlier one: what is said twice would weigh double.
    """
    kept = []
    said: set[bytes] = set()
    for feature in features:
        column = values[feature.name]
        lowest_highest = pc.min_max(column)
        constant = len(column) > 1 and lowest_highest["min"] == lowest_highest["max"] and not column.null_count
        if column.null_count == len(column) or (constant and feature.role != "outcome"):
            continue
        fingerprint = hashlib.sha256(column.to_numpy().tobytes()).digest()
        demoted = column.null_count > MOST_NULL * len(column) or fingerprint in said
        if feature.role == "clustering":
            feature = replace(feature, role="context") if demoted else feature  # noqa: PLW2901
            said.add(fingerprint)
        kept.append(feature)
    return kept


def in_columns(values: pa.Table, names: Sequence[str]) -> pa.Table:
    """`values` in the columns that an earlier catalog asks for; one that could not be measured at all is empty."""
    empty = pa.nulls(len(values), pa.float64())
    columns = [values[name] if name in values.column_names else empty for name in names]
    return pa.table([values["user_id"], *columns], names=["user_id", *names])


def catalog_table(features: Sequence[Feature]) -> pa.Table:
    """`features` as rows of `feature_catalog`, in their order."""
    types = {"BOOLEAN": pa.bool_(), "VARCHAR": pa.string()}
    schema = pa.schema([(column.name, types[column.type]) for column in FEATURE_CATALOG.columns])
    rows = [
        {name: getattr(feature, "name" if name == "feature" else name) for name in schema.names} for feature in features
    ]
    return pa.Table.from_pylist(rows, schema=schema)
