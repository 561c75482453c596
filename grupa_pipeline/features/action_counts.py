"""How often, and when first, each user did the actions that have columns: read once, for `action_mix` and `paths`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.features.action_columns import ActionColumn, ActionColumns


@dataclass(frozen=True)
class ActionCounts:
    """Counts of actions, one row a user with enough events.

    Attributes:
        rows: The columns of `EventWindow.spans`, and those named below.
        counts: Column with the number of events of each action with columns, by its name; 0 for none.
        firsts: Column with the time of the first event of each timed action, by its name; NULL for none.
    """

    rows: ir.Table
    counts: Mapping[str, str]
    firsts: Mapping[str, str]


def count_actions(window: EventWindow, actions: ActionColumns, timed: Sequence[ActionColumn]) -> ActionCounts:
    """Count the `actions`, and find the first times of `timed`."""
    rows = window.counts.semi_join(window.spans, "user_key")
    counts = {action.name: f"n{number}" for number, action in enumerate([*actions.common, *actions.outcomes])}
    firsts = {action.name: f"a{number}" for number, action in enumerate(timed)}
    by_user = rows.group_by("user_key").agg(
        events=rows.n.sum().cast("int64"),  # so that no user is left out where no action has a column
        **{
            column: rows.n.sum(where=window.is_one_of(rows, [name])).fill_null(0).cast("int64")
            for name, column in counts.items()
        },
        **{column: rows.first_at.min(where=window.is_one_of(rows, [name])) for name, column in firsts.items()},
    )
    return ActionCounts(window.engine.materialize(window.spans.inner_join(by_user, "user_key")), counts, firsts)
