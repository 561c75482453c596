"""Which actions get columns of their own, and under which slug."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.features.column_layout import ColumnLayout
from grupa_pipeline.vocabulary.action_names import unique_slugs

MAX_ACTIONS = 30
"""Actions with columns of their own."""
ENTER_SHARE = 0.01
"""An action gets columns when at least this share of users did it and it is among the commonest."""
STAY_SHARE = 0.005
STAY_RANK = 45
"""An action keeps its columns while it is above this share and within this rank, so that columns do not come and go."""

_MAX_RANKED = 1000
RARE_SHARE = 0.01
"""A yes-or-no feature that separates fewer than this share of users from the others carries no information."""


@dataclass(frozen=True)
class ActionColumn:
    """An action with columns; users and events are those of users with enough events."""

    name: str
    slug: str
    users: int
    events: int


@dataclass(frozen=True)
class ActionColumns:
    """The actions that get columns.

    Attributes:
        users: Users with enough events.
        common: Common actions, in the order of their slugs.
        outcomes: Outcomes, likewise.
        layout: The columns to measure; None where they are chosen.
    """

    users: int
    common: Sequence[ActionColumn]
    outcomes: Sequence[ActionColumn]
    layout: ColumnLayout | None = None

    def is_informative(self, users: int) -> bool:
        """Whether a yes-or-no feature that holds for `users` gets a column."""
        return self.layout is not None or RARE_SHARE * self.users <= users <= (1 - RARE_SHARE) * self.users


def choose_action_columns(
    window: EventWindow, keep_actions: Sequence[str], layout: ColumnLayout | None
) -> ActionColumns:
    """Count users with enough events and their actions, and choose the actions that get columns; or those of `layout`."""
    users = window.engine.fetch(window.spans.agg(users=window.spans.count()))["users"][0].as_py()
    rows = [row for outcome in (False, True) for row in _commonest(window, outcome)]
    counts = {row["action"]: (row["users"], row["events"]) for row in rows}
    if layout:
        common, outcomes = (_by_slug(actions, counts) for actions in (layout.actions, layout.outcomes))
        return ActionColumns(users, common, outcomes, layout)
    ranked = [(row["action"], row["users"]) for row in rows if not row["outcome"]]
    chosen = choose_actions(ranked, users, keep_actions)
    ended = sorted([row["action"] for row in rows if row["outcome"]][:MAX_ACTIONS])
    slugs = unique_slugs([*chosen, *ended])
    common, outcomes = (_by_slug({slugs[name]: name for name in names}, counts) for names in (chosen, ended))
    return ActionColumns(users, common, outcomes)


def _commonest(window: EventWindow, outcome: bool) -> list[dict[str, Any]]:
    """Actions by their users, the commonest first; limited, as a log may have a million different ones."""
    counts = window.counts.filter(window.counts.outcome == outcome).semi_join(window.spans, "user_key")
    grouped = counts.group_by("action_key").agg(users=counts.count(), events=counts.n.sum().cast("int64"))
    grouped = grouped.inner_join(window.names.select("action", "action_key"), "action_key")
    ranked = grouped.order_by([ibis.desc("users"), ibis.desc("events"), "action"]).limit(_MAX_RANKED)
    return [row | {"outcome": outcome} for row in window.engine.fetch(ranked).to_pylist()]


def _by_slug(names: Mapping[str, str], counts: Mapping[str, tuple[int, int]]) -> list[ActionColumn]:
    return [ActionColumn(name, slug, *counts.get(name, (0, 0))) for slug, name in names.items()]


def choose_actions(ranked: Sequence[tuple[str, int]], users: int, keep: Sequence[str]) -> list[str]:
    """Names of the actions that get columns.

    Those of `keep` that are still common come first, in their order, then new ones by name: so where two actions have the
    same slug, the one that had it before keeps it.

    Args:
        ranked: Name and users of each action, the commonest first.
        users: Users with enough events.
        keep: Actions that had columns before.
    """
    rank = {name: number for number, (name, _) in enumerate(ranked, 1)}
    users_of = dict(ranked)
    stay = [
        name
        for name in dict.fromkeys(keep)
        if rank.get(name, STAY_RANK + 1) <= STAY_RANK and users_of[name] >= STAY_SHARE * users
    ][:MAX_ACTIONS]
    entering = [name for name, count in ranked[:MAX_ACTIONS] if name not in stay and count >= ENTER_SHARE * users]
    return stay + sorted(entering[: MAX_ACTIONS - len(stay)])
