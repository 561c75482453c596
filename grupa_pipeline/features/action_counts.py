"""How often, and when first, each user did the actions that have columns: one reading of the counts, for `mix` and `paths`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import Log
from grupa_pipeline.features.action_columns import Action, Census


@dataclass(frozen=True)
class Tally:
    """A row a user with enough events: what `Log.spans` has, and columns by action.

    Attributes:
        rows: The rows.
        counts: Column with the number of events of each action with columns, by its name; 0 for none.
        firsts: Column with the time of the first of them, for the actions asked for; NULL for none.
    """

    rows: ir.Table
    counts: Mapping[str, str]
    firsts: Mapping[str, str]


def take_tally(log: Log, census: Census, timed: Sequence[Action]) -> Tally:
    """Count the actions of `census`, and tell the first times of `timed`."""
    seen = log.counts.semi_join(log.spans, "user_key")
    counts = {action.name: f"n{number}" for number, action in enumerate([*census.common, *census.outcomes])}
    firsts = {action.name: f"a{number}" for number, action in enumerate(timed)}
    done = seen.group_by("user_key").agg(
        seen=seen.n.sum().cast("int64"),  # so that nobody is left out where no action has a column
        **{
            column: seen.n.sum(where=log.is_one_of(seen, [name])).fill_null(0).cast("int64")
            for name, column in counts.items()
        },
        **{column: seen.first_at.min(where=log.is_one_of(seen, [name])) for name, column in firsts.items()},
    )
    return Tally(log.engine.keep(log.spans.inner_join(done, "user_key")), counts, firsts)
