"""What a user does: the share of each common action, whether they ever did it, and the outcomes they had.

Shares are behaviour and never count an outcome event; `had_` features are outcomes and never cluster.
"""

from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import Log
from grupa_pipeline.features.action_columns import Action, Census
from grupa_pipeline.features.action_counts import Tally
from grupa_pipeline.features.catalog import Feature, Part


def mix(log: Log, census: Census, tally: Tally) -> Part:
    """Shares of actions, actions ever done, and outcomes of each user with enough events."""
    rows = tally.rows
    features: list[Feature] = []
    for action in census.common:
        count = rows[tally.counts[action.name]]
        features.append(_share(rows, count, action))
        if census.tells(action.users):
            features.append(_did(count, action))
    for action in census.outcomes:
        repeats = census.layout is not None or action.events >= 2 * action.users
        good = log.assigned[action.name] == "good"
        features += _outcome(rows, rows[tally.counts[action.name]], action, good, repeats)
    return Part(rows, features)


def _share(rows: ir.Table, count: ir.Value, action: Action) -> Feature:
    return Feature(
        f"share_{action.slug}",
        count,
        f"share of {action.name}",
        f"share of a user's events that are {action.name} (outcomes not counted)",
        "share",
        "clustering",
        "ratio",
        "count",
        f"events of {action.name}",
        "events",
        source_action=action.name,
        per=rows.n,
    )


def _did(count: ir.Value, action: Action) -> Feature:
    return Feature(
        f"did_{action.slug}",
        (count > 0).cast("int64"),
        f"did {action.name}",
        f"users who did {action.name} at least once",
        "share",
        "context",
        "proportion",
        "proportion",
        f"users with {action.name}",
        "users",
        source_action=action.name,
    )


def _outcome(rows: ir.Table, count: ir.Value, action: Action, good: bool, repeats: bool) -> list[Feature]:
    had = Feature(
        f"had_{action.slug}",
        (count > 0).cast("int64"),
        f"had {action.name}",
        f"users with {action.name}",
        "share",
        "outcome",
        "proportion",
        "proportion",
        f"users with {action.name}",
        "users",
        good,
        action.name,
    )
    if not repeats:
        return [had]
    weekly = Feature(
        f"{action.slug}_per_week",
        count,
        f"{action.name} a week",
        f"{action.name} a week, from the first event to the end of the window",
        "events/week",
        "outcome",
        "mean",
        "count",
        f"events of {action.name}",
        "weeks",
        good,
        action.name,
        per=rows.days / 7,
    )
    return [had, weekly]
