"""A short rule for each cluster: a shallow decision tree on named features, in the units of the catalog."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

DEPTH = 3
USERS_AT_MOST = 20_000
WORTH = 0.02
SHARE_UNITS = {"share", "proportion"}


@dataclass(frozen=True)
class _Condition:
    feature: str
    above: bool
    threshold: float


def describe_clusters(features: pd.DataFrame, labels: pd.Series, catalog: pd.DataFrame) -> pd.DataFrame:
    """Return cluster_id, rule and rule_f1 for each cluster of `labels` (user_id -> cluster_id or None).

    `features` (index user_id) are the features the rule may name, `catalog` gives their description and unit. The rule
    is the part of a decision tree of depth 3 (CART, Breiman et al. 1984), grown to tell the cluster from everyone else,
    that picks out its users best; `rule_f1` is measured on all users, with thresholds rounded as they are read.
    """
    features = features.reindex(columns=sorted(features.columns)).sort_index()
    labels = labels.reindex(features.index)
    words = catalog.set_index("feature")
    fill = features.median().fillna(0.0)
    rows = []
    for cluster in sorted(labels.dropna().unique()):
        branches = _branches(features, fill, (labels == cluster).to_numpy())
        rows.append(
            (cluster, _sentence(branches, words), _f1(_matches(features, branches), (labels == cluster).to_numpy()))
        )
    return pd.DataFrame(rows, columns=["cluster_id", "rule", "rule_f1"])


def _branches(features: pd.DataFrame, fill: pd.Series, inside: np.ndarray) -> list[list[_Condition]]:
    """The tree's paths that together pick out the cluster best, at most two; a longer one must be worth its words.

    The tree sees `fill`, one value a feature, where a value is missing.
    """
    sample = _sample(inside)
    paths = sorted(_tree_paths(features.iloc[sample].fillna(fill), inside[sample]), key=len)
    chosen: list[list[_Condition]] = []
    best = 0.0
    for _ in range(2):
        found = None
        for path in paths:
            score = _f1(_matches(features, [*chosen, path]), inside)
            if score > best + WORTH:
                found, best = path, score
        if found is None:
            break
        chosen = [*chosen, found]
    return chosen


def _sample(inside: np.ndarray) -> np.ndarray:
    """Every user, or every so-manieth of the cluster and of the rest, when there are more than a rule needs."""
    if len(inside) <= USERS_AT_MOST:
        return np.arange(len(inside))
    half = USERS_AT_MOST // 2
    parts = [np.flatnonzero(inside), np.flatnonzero(~inside)]
    return np.sort(np.concatenate([part[:: max(1, len(part) // half)] for part in parts]))


def _tree_paths(table: pd.DataFrame, inside: np.ndarray) -> list[list[_Condition]]:
    """The conditions of every node below the root, thresholds rounded to what a person reads."""
    from sklearn.tree import DecisionTreeClassifier

    smallest = max(5, int(0.05 * inside.sum()))
    model = DecisionTreeClassifier(
        max_depth=DEPTH, min_samples_leaf=smallest, class_weight="balanced", random_state=0
    ).fit(table.to_numpy(), inside)
    tree, paths = model.tree_, []

    def walk(node: int, path: list[_Condition]) -> None:
        if path:
            paths.append(path)
        if tree.children_left[node] < 0:
            return
        name = table.columns[tree.feature[node]]
        threshold = _rounded(float(tree.threshold[node]), table[name].to_numpy())
        walk(tree.children_left[node], _narrowed(path, _Condition(name, False, threshold)))
        walk(tree.children_right[node], _narrowed(path, _Condition(name, True, threshold)))

    walk(0, [])
    return paths


def _narrowed(path: list[_Condition], new: _Condition) -> list[_Condition]:
    """Add a condition; it replaces an earlier one on the same side of the same feature."""
    return [c for c in path if (c.feature, c.above) != (new.feature, new.above)] + [new]


def _rounded(threshold: float, values: np.ndarray) -> float:
    """The shortest number that splits the values nearly as the threshold does (within half a percent of the users)."""
    cut = (values > threshold).mean()
    for digits in range(1, 8):
        short = float(f"{threshold:.{digits}g}")
        if abs((values > short).mean() - cut) <= 0.005:
            return short
    return threshold


def _matches(features: pd.DataFrame, branches: list[list[_Condition]]) -> np.ndarray:
    """Which users (boolean, (users,)) meet all conditions of one branch; a missing value meets none."""
    found = np.zeros(len(features), dtype=bool)
    for branch in branches:
        met = np.ones(len(features), dtype=bool)
        for condition in branch:
            values = features[condition.feature].to_numpy(dtype=float)
            met &= values > condition.threshold if condition.above else values <= condition.threshold
        found |= met
    return found


def _f1(predicted: np.ndarray, inside: np.ndarray) -> float:
    hits = float((predicted & inside).sum())
    return 2 * hits / max(float(predicted.sum() + inside.sum()), 1.0)


def _sentence(branches: list[list[_Condition]], words: pd.DataFrame) -> str:
    parts = [" and ".join(_phrase(condition, words) for condition in branch) for branch in branches]
    return "; or ".join(parts) if parts else "no short rule picks out its users"


def _phrase(condition: _Condition, words: pd.DataFrame) -> str:
    """One condition in words: the feature's description, a comparison, and the threshold in its unit."""
    known = condition.feature in words.index
    description = str(words.at[condition.feature, "description"]) if known else condition.feature
    description = re.sub(r"\s*\([^()]*\)", "", description)  # asides make a rule too long to read
    unit = str(words.at[condition.feature, "unit"]) if known else ""
    comparison = "more than" if condition.above else "at most"
    if unit in SHARE_UNITS:
        return f"{description}: {comparison} {condition.threshold * 100:.4g}%"
    return f"{description}: {comparison} {condition.threshold:.6g} {unit}".rstrip()
