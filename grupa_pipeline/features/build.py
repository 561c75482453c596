"""From a table of events to the features of a snapshot: the way through this room, in order."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from grupa_pipeline.aggregates.day_aggregates import Shelf
from grupa_pipeline.aggregates.engine import DuckDBEngine, Engine
from grupa_pipeline.aggregates.event_window import Log, open_log
from grupa_pipeline.aggregates.sessionization import take_steps
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.action_columns import take_census
from grupa_pipeline.features.action_counts import take_tally
from grupa_pipeline.features.action_mix import mix
from grupa_pipeline.features.activity import rhythm
from grupa_pipeline.features.catalog import (
    Feature,
    Part,
    catalog_table,
    fraction_columns,
    in_columns,
    per_user,
    worth_keeping,
)
from grupa_pipeline.features.column_layout import Layout, read_layout
from grupa_pipeline.features.feature_usage import usage
from grupa_pipeline.features.paths import paths, timed_actions, times_between
from grupa_pipeline.features.proposal_outcomes import deals
from grupa_pipeline.features.proposals import proposals, tell
from grupa_pipeline.vocabulary.action_names import numbered


@dataclass(frozen=True)
class FeatureSet:
    """What one window says of its users.

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
    roles: Roles,
    min_events: int,
    keep_actions: Sequence[str] = (),
    like: pa.Table | None = None,
) -> FeatureSet:
    """Measure every user with an event in `[window_start, window_end)` (naive UTC, whole days).

    Args:
        con: Connection that sees the events; nothing stays behind on it.
        events: Name of a table or view with user_id, timestamp, action, metadata.
        window_start: First instant of the window.
        window_end: End of the window.
        roles: Which actions are outcomes, proposal steps and feature use.
        min_events: Fewest events, outcomes not counted, for a row in `features`; 0 takes users with outcomes alone too.
        keep_actions: Actions behind the `share_` columns of the snapshot before; they stay while still common.
        like: A catalog: then exactly its columns are measured, whatever is common now. What nobody did is 0, or NULL
            where it does not apply.
    """
    with DuckDBEngine(con) as engine:
        return measure(
            engine,
            events,
            window_start=window_start,
            window_end=window_end,
            roles=roles,
            min_events=min_events,
            keep_actions=keep_actions,
            like=like,
        )


def measure(
    engine: Engine,
    events: str,
    *,
    window_start: datetime,
    window_end: datetime,
    roles: Roles,
    min_events: int,
    keep_actions: Sequence[str] = (),
    like: pa.Table | None = None,
    shelf: Shelf | None = None,
) -> FeatureSet:
    """`build_features` on any engine. What a `shelf` holds of the window's days is not computed again."""
    layout = None if like is None else read_layout(like)
    log = open_log(
        engine,
        events,
        window_start=window_start,
        window_end=window_end,
        roles=roles,
        min_events=min_events,
        layout=layout,
        shelf=shelf,
    )
    users = log.count_users()
    total = pc.sum(users["events"]).as_py() or 0
    features: list[Feature] = []
    values = pa.table({"user_id": pa.array([], pa.string())})
    if len(users) and pc.max(users["clustering_events"]).as_py() >= min_events:
        features, values = _values(log, keep_actions)
    if like is not None and layout is not None:
        fractions = in_columns(values, [name for ratio in layout.ratios for name in fraction_columns(ratio)])
        return FeatureSet(users, in_columns(values, layout.columns), like, total, fractions)
    kept = worth_keeping(features, values)
    return FeatureSet(users, values.select(["user_id", *(each.name for each in kept)]), catalog_table(kept), total)


def _values(log: Log, keep_actions: Sequence[str]) -> tuple[list[Feature], pa.Table]:
    """Every feature that the log allows, and its values."""
    census = take_census(log, keep_actions)
    steps = take_steps(log)
    told = tell(log, census)
    tally = take_tally(log, census, timed_actions(census))
    found = [
        rhythm(log, steps),
        proposals(log, told) if told else None,
        deals(log, census, told) if told else None,
        usage(log, census),
        mix(log, census, tally),
        paths(log, census, steps),
        times_between(log, census, tally),
    ]
    parts = told_apart([part for part in found if part is not None], log.layout)
    values = log.engine.fetch_users([per_user(part, log.layout is not None) for part in parts])
    return [feature for part in parts for feature in part.features], values


def told_apart(parts: Sequence[Part], layout: Layout | None) -> list[Part]:
    """`parts` in which no two features share a name; those left without a feature are left out.

    Only the rate of an outcome can be called what another feature is, as when an action is named `sessions`: then it is
    numbered. With a layout it has the names that stand there, and what else would have them is left out.
    """
    others = {feature.name for part in parts for feature in part.features if not feature.rate}
    named = [
        [replace(feature, name=name) for feature in part.features for name in _names(feature, others, layout)]
        for part in parts
    ]
    return [replace(part, features=features) for part, features in zip(parts, named, strict=True) if features]


def _names(feature: Feature, others: Set[str], layout: Layout | None) -> list[str]:
    if layout is None:
        return [numbered(feature.name, others) if feature.rate else feature.name]
    if feature.rate:
        return [name for name, rate in layout.rates.items() if rate == feature.rate]
    return [] if feature.name in layout.rates else [feature.name]
