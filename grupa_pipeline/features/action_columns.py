"""Which actions get columns of their own, and under which short name. Small tables and plain Python only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis

from grupa_pipeline.aggregates.event_window import Log
from grupa_pipeline.features.column_layout import Layout
from grupa_pipeline.vocabulary.action_names import unique_slugs

MOST_ACTIONS = 30
"""Actions with columns of their own."""
ENTER_SHARE = 0.01
"""An action comes in when at least this share of users did it and it is among the commonest."""
STAY_SHARE = 0.005
STAY_RANK = 45
"""An action that was in stays while it is above this share and within this rank, so that columns do not come and go."""

_MOST_RANKED = 1000
RARE = 0.01
"""A yes-or-no feature that tells fewer than this share of users from the others tells nothing."""


@dataclass(frozen=True)
class Action:
    """An action among users with enough events."""

    name: str
    slug: str
    users: int
    events: int


@dataclass(frozen=True)
class Census:
    """What users with enough events do: `common` actions in the order of their slugs, `outcomes` likewise.

    `layout` holds the columns of an earlier catalog where those are to be measured; None where they are chosen.
    """

    users: int
    common: Sequence[Action]
    outcomes: Sequence[Action]
    layout: Layout | None = None

    def tells(self, users: int) -> bool:
        """Whether a yes-or-no feature that holds for `users` is worth a column."""
        return self.layout is not None or RARE * self.users <= users <= (1 - RARE) * self.users


def take_census(log: Log, keep_actions: Sequence[str]) -> Census:
    """Count users with enough events and their actions, and choose those that get columns."""
    users = log.engine.fetch(log.spans.agg(users=log.spans.count()))["users"][0].as_py()
    rows = [row for outcome in (False, True) for row in _commonest(log, outcome)]
    counted = {row["action"]: (row["users"], row["events"]) for row in rows}
    if log.layout:
        common, outcomes = (_by_slug(actions, counted) for actions in (log.layout.actions, log.layout.outcomes))
        return Census(users, common, outcomes, log.layout)
    ranked = [(row["action"], row["users"]) for row in rows if not row["outcome"]]
    chosen = choose_actions(ranked, users, keep_actions)
    ended = sorted([row["action"] for row in rows if row["outcome"]][:MOST_ACTIONS])
    slugs = unique_slugs([*chosen, *ended])
    common, outcomes = (_by_slug({slugs[name]: name for name in names}, counted) for names in (chosen, ended))
    return Census(users, common, outcomes)


def _commonest(log: Log, outcome: bool) -> list[dict[str, Any]]:
    """Actions by their users, the commonest first; as many as can matter, for a log may have a million."""
    seen = log.counts.filter(log.counts.outcome == outcome).semi_join(log.spans, "user_key")
    grouped = seen.group_by("action_key").agg(users=seen.count(), events=seen.n.sum().cast("int64"))
    grouped = grouped.inner_join(log.names.select("action", "action_key"), "action_key")
    ranked = grouped.order_by([ibis.desc("users"), ibis.desc("events"), "action"]).limit(_MOST_RANKED)
    return [row | {"outcome": outcome} for row in log.engine.fetch(ranked).to_pylist()]


def _by_slug(names: Mapping[str, str], counted: Mapping[str, tuple[int, int]]) -> list[Action]:
    return [Action(name, slug, *counted.get(name, (0, 0))) for slug, name in names.items()]


def choose_actions(ranked: Sequence[tuple[str, int]], users: int, keep: Sequence[str]) -> list[str]:
    """Names that get columns: of `ranked` (name, users), commonest first, those that stay and then those that come in.

    Kept ones come first in their own order, new ones follow by name: so a slug shared by two actions stays with the
    one that had it.
    """
    rank = {name: number for number, (name, _) in enumerate(ranked, 1)}
    done_by = dict(ranked)
    stay = [
        name
        for name in dict.fromkeys(keep)
        if rank.get(name, STAY_RANK + 1) <= STAY_RANK and done_by[name] >= STAY_SHARE * users
    ][:MOST_ACTIONS]
    entering = [name for name, count in ranked[:MOST_ACTIONS] if name not in stay and count >= ENTER_SHARE * users]
    return stay + sorted(entering[: MOST_ACTIONS - len(stay)])
