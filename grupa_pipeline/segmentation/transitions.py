"""Moves of users between the clusters of two snapshots, and what they mean for the clusters."""

from datetime import date

import numpy as np
import pandas as pd

from grupa_pipeline.vocabulary.enums import TransitionKind

COLUMNS = ["from_snapshot", "to_snapshot", "from_cluster_id", "to_cluster_id", "users", "kind"]
MAJORITY = 0.5


def transitions_between(before: pd.Series, now: pd.Series, from_snapshot: date, to_snapshot: date) -> pd.DataFrame:
    """Count moves between two labellings (user_id -> cluster_id or None) and name the links of clusters that changed.

    After MONIC (Spiliopoulou et al. 2006): a cluster whose id lives on is a `continue`; a new one that took more than
    half of its known users from one old cluster is its `split`; an old one that gave more than half of its remaining
    users to one cluster is its `merge`; any other new or vanished cluster is a `birth` from or a `death` into NULL.
    Known and remaining users are those in both snapshots, unassigned ones too. Other links are mere moves (kind NULL).
    NULL as a cluster is unassigned or absent; users absent from both are not counted.
    """
    counts = _counts(before, now, before.index.union(now.index))
    in_both = _counts(before, now, before.index.intersection(now.index))
    old_ids, new_ids = _ids(before), _ids(now)
    kinds: dict[tuple[str | None, str | None], TransitionKind] = {
        (name, name): TransitionKind.CONTINUE for name in old_ids & new_ids
    }
    for born in sorted(new_ids - old_ids):
        parent = _majority({old: n for (old, new), n in in_both.items() if new == born})
        kinds[(parent, born)] = TransitionKind.SPLIT if parent else TransitionKind.BIRTH
    for gone in sorted(old_ids - new_ids):
        heir = _majority({new: n for (old, new), n in in_both.items() if old == gone})
        kinds.setdefault((gone, heir), TransitionKind.MERGE if heir else TransitionKind.DEATH)
    links = sorted({*counts, *kinds}, key=lambda link: (link[0] or "", link[1] or ""))
    rows = [(from_snapshot, to_snapshot, *link, counts.get(link, 0), kinds.get(link)) for link in links]
    return pd.DataFrame(rows, columns=COLUMNS)


def no_transitions() -> pd.DataFrame:
    """The table when there is no earlier snapshot."""
    return pd.DataFrame(columns=COLUMNS)


def _counts(before: pd.Series, now: pd.Series, users: pd.Index) -> dict[tuple[str | None, str | None], int]:
    """How many of `users` went from which cluster to which; None is unassigned or absent."""
    pairs = pd.DataFrame({"from": before.reindex(users), "to": now.reindex(users)}).astype(object)
    pairs = pairs.where(pairs.notna(), None)
    return {(_name(old), _name(new)): int(size) for (old, new), size in pairs.value_counts(dropna=False).items()}


def _name(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _ids(labels: pd.Series) -> set[str]:
    return {value for value in np.asarray(labels, dtype=object) if isinstance(value, str)}


def _majority(counts: dict[str | None, int]) -> str | None:
    """The cluster that holds more than half of those counted, if one does; None stands for none."""
    total = sum(counts.values())
    return next((name for name, n in counts.items() if n > MAJORITY * total), None)
