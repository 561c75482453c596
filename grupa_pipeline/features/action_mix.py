"""What a user does: the share of each common action, whether they ever did it, and the outcomes they had.

Shares are behaviour and never count an outcome event; features of outcomes are never used for clustering.
"""

from dataclasses import replace

from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.features.action_columns import ActionColumn, ActionColumns
from grupa_pipeline.features.action_counts import ActionCounts
from grupa_pipeline.features.catalog import FeatureColumn, FeatureGroup, per_week, ratio, share_of_users
from grupa_pipeline.vocabulary.enums import FeatureRole, Role
from grupa_pipeline.vocabulary.feature_families import FeatureFamily, column_name


def action_mix(window: EventWindow, actions: ActionColumns, counts: ActionCounts) -> FeatureGroup:
    """Shares of actions, actions ever done, and outcomes of each user with enough events."""
    rows = counts.rows
    features: list[FeatureColumn] = []
    for action in actions.common:
        count = rows[counts.counts[action.name]]
        # Fewer errors, and less need of help, is better; of plain behaviour neither more nor less is.
        better = False if window.assigned.get(action.name) in (Role.ERROR, Role.HELP) else None
        features.append(replace(_share(rows, count, action), higher_is_better=better))
        if actions.is_informative(action.users):
            features.append(replace(_done(count, action), higher_is_better=better))
    for action in actions.outcomes:
        count, good = rows[counts.counts[action.name]], window.assigned[action.name] is Role.GOAL
        features.append(_had(count, action, good))
        if actions.layout is not None or action.events >= 2 * action.users:
            features.append(_rate(rows, count, action, good))
    return FeatureGroup(rows, features)


def _share(rows: ir.Table, count: ir.Value, action: ActionColumn) -> FeatureColumn:
    return ratio(
        name=column_name(FeatureFamily.ACTION_SHARE, action.slug),
        family=FeatureFamily.ACTION_SHARE,
        subject=action.name,
        source_action=action.name,
        value=count,
        per=rows.n,
        label=f"share of {action.name}",
        description=f"share of a user's events that are {action.name} (outcomes not counted)",
        unit="share",
        role=FeatureRole.CLUSTERING,
        numerator=f"events of {action.name}",
        denominator="events",
    )


def _done(count: ir.Value, action: ActionColumn) -> FeatureColumn:
    return share_of_users(
        name=column_name(FeatureFamily.ACTION_DONE, action.slug),
        family=FeatureFamily.ACTION_DONE,
        subject=action.name,
        source_action=action.name,
        value=(count > 0).cast("int64"),
        label=f"did {action.name}",
        description=f"users who did {action.name} at least once",
        role=FeatureRole.CONTEXT,
        numerator=f"users with {action.name}",
    )


def _had(count: ir.Value, action: ActionColumn, good: bool) -> FeatureColumn:
    return share_of_users(
        name=column_name(FeatureFamily.OUTCOME_HAD, action.slug),
        family=FeatureFamily.OUTCOME_HAD,
        subject=action.name,
        source_action=action.name,
        value=(count > 0).cast("int64"),
        label=f"had {action.name}",
        description=f"users with {action.name}",
        role=FeatureRole.OUTCOME,
        numerator=f"users with {action.name}",
        higher_is_better=good,
    )


def _rate(rows: ir.Table, count: ir.Value, action: ActionColumn, good: bool) -> FeatureColumn:
    return per_week(
        name=f"{action.slug}_per_week",
        family=FeatureFamily.OUTCOME_RATE,
        subject=action.name,
        source_action=action.name,
        value=count,
        per=rows.days / 7,
        label=f"{action.name} a week",
        description=f"{action.name} a week, from the first event to the end of the window",
        unit="events/week",
        role=FeatureRole.OUTCOME,
        numerator=f"events of {action.name}",
        higher_is_better=good,
    )
