"""All tables of the journeys of one window."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.aggregates.funnels import Funnel, find_funnels
from grupa_pipeline.journeys.funnel_rates import journey_steps
from grupa_pipeline.journeys.ordered_events import order_events
from grupa_pipeline.journeys.outcomes import action_outcomes
from grupa_pipeline.journeys.path_counts import journey_paths
from grupa_pipeline.journeys.trends import cluster_trends
from grupa_pipeline.journeys.typical import typical_journeys
from grupa_pipeline.journeys.user_groups import group_users

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Journeys:
    """Rows of `journey_steps`, `journey_paths`, `action_outcomes` and `cluster_trends`, without snapshot_date."""

    steps: Rows
    paths: Rows
    outcomes: Rows
    trends: Rows


def measure_journeys(
    window: EventWindow, labels: pd.Series, *, min_group: int, funnels: Sequence[Funnel] | None = None
) -> Journeys:
    """What the users of each group went through; the window's events are read once.

    Args:
        window: The window.
        labels: user_id -> cluster_id of every user of the window; None for those in no cluster.
        min_group: Fewest users that are spoken of.
        funnels: The funnels to measure; None finds them.
    """
    groups = group_users(window, labels, min_group)
    ordered = order_events(groups)
    return Journeys(
        steps=journey_steps(groups, find_funnels(window) if funnels is None else funnels),
        paths=[*journey_paths(groups, ordered), *typical_journeys(groups, ordered)],
        outcomes=action_outcomes(groups),
        trends=cluster_trends(groups, ordered),
    )
