"""Which actions get columns of their own, and under which short name. Small tables and plain Python only."""

from collections.abc import Sequence
from dataclasses import dataclass

from grupa_pipeline.features.log import Log
from grupa_pipeline.features.names import unique_slugs

MOST_ACTIONS = 30
"""Actions with columns of their own."""
ENTER_SHARE = 0.01
"""An action comes in when at least this share of users did it and it is among the commonest."""
STAY_SHARE = 0.005
STAY_RANK = 45
"""An action that was in stays while it is above this share and within this rank, so that columns do not come and go."""


@dataclass(frozen=True)
class Action:
    """An action among users with enough events."""

    name: str
    slug: str
    users: int
    events: int


@dataclass(frozen=True)
class Census:
    """What users with enough events do: `common` actions in the order of their slugs, `outcomes` likewise."""

    users: int
    common: Sequence[Action]
    outcomes: Sequence[Action]


def take_census(log: Log, keep_actions: Sequence[str]) -> Census:
    """Count users with enough events and their actions, and choose those that get columns."""
    users = log.engine.fetch(log.spans.agg(users=log.spans.count()))["users"][0].as_py()
    seen = log.counts.semi_join(log.spans, "user_id")
    rows = log.engine.fetch(
        seen.group_by("action", "outcome").agg(users=seen.count(), events=seen.n.sum().cast("int64"))
    ).to_pylist()
    rows.sort(key=lambda row: (-row["users"], -row["events"], row["action"]))
    behaviour = {row["action"]: row for row in rows if not row["outcome"]}
    outcomes = {row["action"]: row for row in [row for row in rows if row["outcome"]][:MOST_ACTIONS]}
    common = choose_actions([(name, row["users"]) for name, row in behaviour.items()], users, keep_actions)
    slugs = unique_slugs([*common, *sorted(outcomes)])
    return Census(
        users,
        [Action(name, slugs[name], behaviour[name]["users"], behaviour[name]["events"]) for name in common],
        [Action(name, slugs[name], outcomes[name]["users"], outcomes[name]["events"]) for name in sorted(outcomes)],
    )


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
