"""What a user does: the share of each common action, whether they ever did it, and the outcomes they had.

Shares are behaviour and never count an outcome event; `had_` features are outcomes and never cluster.
"""

from ibis.expr import types as ir

from grupa_pipeline.features.catalog import Feature, Part
from grupa_pipeline.features.census import Action, Census
from grupa_pipeline.features.log import Log


def mix(log: Log, census: Census) -> Part:
    """Shares of actions, actions ever done, and outcomes of each user with enough events."""
    seen = log.counts.semi_join(log.spans, "user_id")
    actions = {f"n{number}": action for number, action in enumerate([*census.common, *census.outcomes])}
    per_user = seen.group_by("user_id").agg(
        seen=seen.n.sum().cast("int64"),
        **{
            column: seen.n.sum(where=seen.action == action.name).fill_null(0).cast("int64")
            for column, action in actions.items()
        },
    )
    rows = log.spans.inner_join(per_user, "user_id")
    features: list[Feature] = []
    for column, action in actions.items():
        if action in census.outcomes:
            repeats = census.layout is not None or action.events >= 2 * action.users
            features += _outcome(rows, rows[column], action, log.assigned[action.name] == "good", repeats)
        else:
            features.append(_share(rows, rows[column], action))
            if census.tells(action.users):
                features.append(_did(rows[column], action))
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
