"""Features of a snapshot from a table of events: calls the other modules of this package in order."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from grupa_pipeline.aggregates.day_aggregates import AggregateCache
from grupa_pipeline.aggregates.engine import DuckDBEngine, Engine
from grupa_pipeline.aggregates.event_window import ActionRoles, EventWindow, open_window
from grupa_pipeline.aggregates.sessionization import sessionize
from grupa_pipeline.features.action_columns import choose_action_columns
from grupa_pipeline.features.action_counts import count_actions
from grupa_pipeline.features.action_mix import action_mix
from grupa_pipeline.features.activity import activity
from grupa_pipeline.features.catalog import (
    FeatureColumn,
    FeatureGroup,
    catalog_table,
    fraction_columns,
    select_columns,
    select_informative,
)
from grupa_pipeline.features.column_layout import ColumnLayout, read_layout
from grupa_pipeline.features.feature_usage import feature_usage
from grupa_pipeline.features.funnel_steps import funnel_steps
from grupa_pipeline.features.obstacles import obstacles
from grupa_pipeline.features.paths import paths, timed_actions, times_between
from grupa_pipeline.features.proposal_outcomes import proposal_outcomes
from grupa_pipeline.features.proposals import count_proposal_steps, proposals
from grupa_pipeline.vocabulary.action_names import numbered


@dataclass(frozen=True)
class FeatureSet:
    """Features of the users of one window.

    Attributes:
        users: user_id, events, clustering_events (outcomes not counted): every user with an event in the window.
        features: user_id, then one float64 column a feature, for users with enough events; sorted by user_id.
        catalog: One row a column of `features`, in their order; columns of `tables.FEATURE_CATALOG`.
        events: Events in the window.
        fractions: With a layout: user_id, then numerator and denominator of every ratio (see `fraction_columns`), for the
            users of `features`. A ratio over all users is the quotient of their sums.
    """

    users: pa.Table
    features: pa.Table
    catalog: pa.Table
    events: int
    fractions: pa.Table | None = None


def build_features(
    con: duckdb.DuckDBPyConnection,
    events: str,
    *,
    window_start: datetime,
    window_end: datetime,
    roles: ActionRoles,
    min_events: int,
    keep_actions: Sequence[str] = (),
    like: pa.Table | None = None,
) -> FeatureSet:
    """Measure every user with an event in `[window_start, window_end)` on DuckDB.

    Args:
        con: Connection that sees the events; nothing is left on it.
        events: Name of a table or view with user_id, timestamp, action, metadata.
        window_start: First instant of the window (naive UTC, at midnight).
        window_end: End of the window.
        roles: Which actions are outcomes, proposal steps and feature use.
        min_events: Fewest events, outcomes not counted, for a row in `features`; 0 includes users with outcomes alone.
        keep_actions: Actions with a share in the snapshot before; they keep their columns while still common.
        like: A catalog: exactly its columns are measured, whatever is common now. What nobody did is 0, or NULL where
            it does not apply.

    Example:
        >>> build_features(con, "events", window_start=datetime(2026, 1, 1), window_end=datetime(2026, 4, 1),
        ...     roles=Roles(), min_events=5).features.column_names[:2]
        ['user_id', 'sessions_per_week']
    """
    with DuckDBEngine(con) as engine:
        return measure_features(
            engine,
            events,
            window_start=window_start,
            window_end=window_end,
            roles=roles,
            min_events=min_events,
            keep_actions=keep_actions,
            like=like,
        )


def measure_features(
    engine: Engine,
    events: str,
    *,
    window_start: datetime,
    window_end: datetime,
    roles: ActionRoles,
    min_events: int,
    keep_actions: Sequence[str] = (),
    like: pa.Table | None = None,
    cache: AggregateCache | None = None,
) -> FeatureSet:
    """`build_features` on any engine; aggregates that are in `cache` are not computed again."""
    layout = None if like is None else read_layout(like)
    window = open_window(
        engine,
        events,
        window_start=window_start,
        window_end=window_end,
        roles=roles,
        min_events=min_events,
        extra_actions=layout.sources if layout else (),
        cache=cache,
    )
    users = window.count_users()
    total = pc.sum(users["events"]).as_py() or 0
    features: list[FeatureColumn] = []
    values = pa.table({"user_id": pa.array([], pa.string())})
    if len(users) and pc.max(users["clustering_events"]).as_py() >= min_events:
        features, values = _compute(window, keep_actions, layout)
    if like is not None and layout is not None:
        fractions = select_columns(values, [name for ratio in layout.ratios for name in fraction_columns(ratio)])
        return FeatureSet(users, select_columns(values, layout.columns), like, total, fractions)
    features = select_informative(features, values)
    columns = values.select(["user_id", *(feature.name for feature in features)])
    return FeatureSet(users, columns, catalog_table(features), total)


def _compute(
    window: EventWindow, keep_actions: Sequence[str], layout: ColumnLayout | None
) -> tuple[list[FeatureColumn], pa.Table]:
    """Every feature that the log allows, and its values."""
    actions = choose_action_columns(window, keep_actions, layout)
    sessions = sessionize(window)
    steps = count_proposal_steps(window, actions)
    counts = count_actions(window, actions, timed_actions(actions))
    groups = [
        activity(window, sessions),
        proposals(window, steps) if steps else None,
        proposal_outcomes(window, actions, steps) if steps else None,
        feature_usage(window, actions),
        action_mix(window, actions, counts),
        paths(window, actions, sessions),
        times_between(window, actions, counts),
        funnel_steps(window, layout),
        obstacles(window, actions, sessions),
    ]
    named = resolve_names([group for group in groups if group is not None], layout)
    values = window.engine.fetch_users([group.columns(fractions=layout is not None) for group in named])
    return [feature for group in named for feature in group.features], values


def resolve_names(groups: Sequence[FeatureGroup], layout: ColumnLayout | None) -> list[FeatureGroup]:
    """`groups` in which no two features have the same name; those left without a feature are dropped.

    Only the rate of an outcome can have another feature's name, as when an action is named `sessions`: then it is
    numbered. With a layout it gets its name there, and a feature that would have that name is dropped.
    """
    others = {feature.name for group in groups for feature in group.features if not feature.may_be_renamed}
    named = [
        [replace(feature, name=name) for feature in group.features for name in _names(feature, others, layout)]
        for group in groups
    ]
    return [replace(group, features=features) for group, features in zip(groups, named, strict=True) if features]


def _names(feature: FeatureColumn, others: Set[str], layout: ColumnLayout | None) -> list[str]:
    if layout is None:
        return [numbered(feature.name, others) if feature.may_be_renamed else feature.name]
    if feature.may_be_renamed:
        return [name for name, rate in layout.rates.items() if rate == (feature.family, feature.subject)]
    return [] if feature.name in layout.rates else [feature.name]
