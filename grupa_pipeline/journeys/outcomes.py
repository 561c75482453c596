"""Rows of `action_outcomes`: the share of users who reach a goal, of those who did an action before, and of the others.

An association: who does an action may differ in other ways from who does not.
"""

from typing import Any

import ibis

from grupa_pipeline.journeys.intervals import difference_interval
from grupa_pipeline.journeys.user_groups import UserGroups
from grupa_pipeline.vocabulary.enums import Role

MAX_ACTIONS = 30
"""Actions told, the commonest; errors are told besides."""
MAX_GOALS = 4


def action_outcomes(groups: UserGroups) -> list[dict[str, Any]]:
    """A row a group, action and goal, where at least the minimum group did the action and did not."""
    goals = _common_goals(groups)
    if not goals:
        return []
    with_action, reached = _count_with(groups, goals), _count_goals(groups, goals)
    everyone: dict[tuple[str, str], list[int]] = {}
    rows = []
    for (cluster_id, action, goal), (users, hits) in with_action.items():
        total = everyone.setdefault((action, goal), [0, 0])
        total[0], total[1] = total[0] + users, total[1] + hits
        rows.append(_row(groups, cluster_id, action, goal, (users, hits), reached.get((cluster_id, goal), 0)))
    for (action, goal), (users, hits) in everyone.items():
        all_hits = sum(count for (_, of), count in reached.items() if of == goal)
        rows.append(_row(groups, None, action, goal, (users, hits), all_hits))
    return [row for row in rows if row is not None]


def _common_goals(groups: UserGroups) -> list[str]:
    window = groups.window
    names = window.actions_of(Role.GOAL)
    counts = window.counts.filter(window.is_one_of(window.counts, names))
    by_goal = window.engine.fetch(counts.group_by("action_key").agg(users=counts.count())).to_pylist()
    name_of = {key: action for action, key in window.keys.items()}
    ranked = sorted((-row["users"], name_of[row["action_key"]]) for row in by_goal)
    return [name for users, name in ranked if -users >= groups.min_group][:MAX_GOALS]


def _count_goals(groups: UserGroups, goals: list[str]) -> dict[tuple[str, str], int]:
    """Users who reached a goal, by group and goal."""
    window = groups.window
    counts = window.counts.filter(window.is_one_of(window.counts, goals)).inner_join(groups.rows, "user_key")
    rows = window.engine.fetch(counts.group_by("cluster_id", "action_key").agg(users=counts.count())).to_pylist()
    name_of = {key: action for action, key in window.keys.items()}
    return {(row["cluster_id"], name_of[row["action_key"]]): row["users"] for row in rows}


def _count_with(groups: UserGroups, goals: list[str]) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Users who did an action, not after the goal, and how many of them reached it, by group, action and goal."""
    window = groups.window
    counts = window.counts
    common = counts.group_by("action_key").agg(users=counts.count())
    ranked = window.engine.fetch(common).to_pylist()
    name_of = {key: action for action, key in window.keys.items()}
    ranked.sort(key=lambda row: (-row["users"], name_of[row["action_key"]]))
    errors = window.actions_of(Role.ERROR)
    told = {name_of[row["action_key"]] for row in ranked[:MAX_ACTIONS] if row["users"] >= groups.min_group}
    told |= {name_of[row["action_key"]] for row in ranked if name_of[row["action_key"]] in errors}
    done = counts.filter(window.is_one_of(counts, sorted(told))).select("user_key", "action_key", "first_at")
    found: dict[tuple[str, str, str], tuple[int, int]] = {}
    for goal in goals:
        at = counts.filter(window.is_one_of(counts, [goal])).select("user_key", goal_at="first_at")
        joined = done.left_join(at, "user_key").drop("user_key_right").inner_join(groups.rows, "user_key")
        joined = joined.filter(joined.goal_at.isnull() | (joined.first_at <= joined.goal_at))
        grouped = joined.group_by("cluster_id", "action_key").agg(users=joined.count(), hits=ibis._.goal_at.count())
        for row in window.engine.fetch(grouped).to_pylist():
            if name_of[row["action_key"]] != goal:
                found[row["cluster_id"], name_of[row["action_key"]], goal] = (row["users"], row["hits"])
    return dict(sorted(found.items()))


def _row(
    groups: UserGroups, cluster_id: str | None, action: str, goal: str, with_action: tuple[int, int], reached: int
) -> dict[str, Any] | None:
    users, hits = with_action
    without, without_hits = groups.size(cluster_id) - users, reached - hits
    if min(users, without) < groups.min_group:
        return None
    low, high = difference_interval(hits, users, without_hits, without)
    return {
        "cluster_id": cluster_id,
        "action": action,
        "goal": goal,
        "users_with": users,
        "users_without": without,
        "goal_rate_with": hits / users,
        "goal_rate_without": without_hits / without,
        "ci_low": low,
        "ci_high": high,
    }
