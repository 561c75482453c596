"""The groups that journeys are counted in: everyone, each cluster, and those in no cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
from ibis.expr import types as ir

from grupa_pipeline.aggregates.event_window import EventWindow
from grupa_pipeline.vocabulary.enums import UNASSIGNED_GROUP


@dataclass(frozen=True)
class UserGroups:
    """The users of a window by group.

    Attributes:
        window: The window.
        rows: user_key, cluster_id (`UNASSIGNED_GROUP` for those in none): a row a user.
        sizes: Users by group.
        members: user_id -> group.
        min_group: Fewest users that are spoken of.
    """

    window: EventWindow
    rows: ir.Table
    sizes: Mapping[str, int]
    members: pd.Series
    min_group: int

    @property
    def total(self) -> int:
        """Users of the window."""
        return sum(self.sizes.values())

    def size(self, cluster_id: str | None) -> int:
        """Users of a group; None is everyone."""
        return self.total if cluster_id is None else self.sizes[cluster_id]


def group_users(window: EventWindow, labels: pd.Series, min_group: int) -> UserGroups:
    """The groups of the users of a window.

    Args:
        window: The window.
        labels: user_id -> cluster_id of every user of the window; None for those in no cluster.
        min_group: Fewest users that are spoken of.
    """
    members = labels.astype(object).where(labels.notna(), UNASSIGNED_GROUP).astype(str).rename("cluster_id")
    table = pa.table({"user_id": pa.array(members.index.astype(str)), "cluster_id": pa.array(members.to_numpy())})
    rows = window.engine.materialize(window.engine.with_keys(window.engine.materialize(table)))
    sizes = {str(name): int(count) for name, count in members.value_counts().sort_index().items()}
    return UserGroups(window, rows, sizes, members, min_group)


def count_paths(groups: UserGroups, rows: ir.Table, columns: list[str]) -> list[dict[str, Any]]:
    """Users by group and value of `columns`, which hold an action_key or NULL; `rows` have a row a user and value at most.

    Returns:
        Rows with cluster_id (None: everyone), path (actions), users, share, rest_share, lift, of at least the minimum group.
    """
    joined = rows.inner_join(groups.rows, "user_key")
    counted = joined.group_by("cluster_id", *columns).agg(users=joined.count())
    total = ibis.window(group_by=columns)
    counted = counted.mutate(total=counted.users.sum().over(total))
    fetched = groups.window.engine.fetch(counted.filter(counted.total >= groups.min_group)).to_pylist()
    name_of = {key: action for action, key in groups.window.keys.items()}
    paths: dict[tuple[str, ...], dict[str | None, int]] = {}
    for row in fetched:
        path = tuple(name_of[row[column]] for column in columns if row[column] is not None)
        own = paths.setdefault(path, {})
        own[row["cluster_id"]] = own.get(row["cluster_id"], 0) + row["users"]
        own[None] = own.get(None, 0) + row["users"]
    return [
        _path_row(groups, cluster_id, path, users, by_group[None])
        for path, by_group in sorted(paths.items())
        for cluster_id, users in by_group.items()
        if users >= groups.min_group
    ]


def _path_row(
    groups: UserGroups, cluster_id: str | None, path: tuple[str, ...], users: int, everyone: int
) -> dict[str, Any]:
    share, others = users / groups.size(cluster_id), groups.total - groups.size(cluster_id)
    rest = (everyone - users) / others if cluster_id is not None and others else None
    return {
        "cluster_id": cluster_id,
        "path": list(path),
        "users": users,
        "share": share,
        "rest_share": rest,
        "lift": share / rest if rest else None,
    }


def strongest(rows: list[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Of each group the `limit` rows of most users, with their rank from 1."""
    ranked = sorted(rows, key=lambda row: (row["cluster_id"] or "", -row["users"], row["path"]))
    seen: dict[str | None, int] = {}
    kept = []
    for row in ranked:
        seen[row["cluster_id"]] = seen.get(row["cluster_id"], 0) + 1
        if seen[row["cluster_id"]] <= limit:
            kept.append(row | {"rank": seen[row["cluster_id"]]})
    return kept
