"""A short rule for each cluster: a shallow decision tree on named features, in the units of the catalog."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from grupa_pipeline.vocabulary.rule_conditions import (
    Comparison,
    Condition,
    Rule,
    matching_users,
    rule_to_json,
    short_description,
)

DEPTH = 3
USERS_AT_MOST = 20_000
WORTH = 0.02
SHARE_UNITS = {"share", "proportion"}


def describe_clusters(features: pd.DataFrame, labels: pd.Series, catalog: pd.DataFrame) -> pd.DataFrame:
    """Return cluster_id, rule, rule_conditions (JSON) and rule_f1 for each cluster of `labels` (user_id -> cluster_id or None).

    `features` (index user_id) are the features the rule may name, `catalog` gives their description and unit. The rule
    is the part of a decision tree of depth 3 (CART, Breiman et al. 1984), grown to separate the cluster from all other users,
    that picks out its users best. Thresholds are rounded; `rule_f1` is measured on all users with the rounded ones, which
    are those that `rule_conditions` holds.
    """
    words = catalog.set_index("feature")
    rows = [
        (cluster, _sentence(rule, words), rule_to_json(rule), _f1(matched, inside))
        for cluster, rule, matched, inside in find_rules(features, labels)
    ]
    return pd.DataFrame(rows, columns=["cluster_id", "rule", "rule_conditions", "rule_f1"])


def find_rules(
    features: pd.DataFrame, labels: pd.Series
) -> Iterator[tuple[str, Rule, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield each cluster's id, its rule, which users (sorted by id) match the rule, and which are its members."""
    features = features.reindex(columns=sorted(features.columns)).sort_index()
    labels = labels.reindex(features.index)
    fill = features.median().fillna(0.0)
    columns = {str(name): features[name].to_numpy(dtype=float) for name in features.columns}
    for cluster in sorted(labels.dropna().unique()):
        inside = (labels == cluster).to_numpy()
        rule = _best_rule(features, columns, fill, inside)
        yield cluster, rule, matching_users(rule, columns, len(inside)), inside


def _best_rule(
    features: pd.DataFrame,
    columns: Mapping[str, NDArray[np.float64]],
    fill: pd.Series,
    inside: NDArray[np.bool_],
) -> Rule:
    """The tree's paths that together pick out the cluster best, at most two; a longer one must be worth its words.

    The tree sees `fill`, one value a feature, where a value is missing.
    """
    sample = _sample(inside)
    paths = sorted(_tree_paths(features.iloc[sample].fillna(fill), inside[sample]), key=len)
    rule: Rule = ()
    best = 0.0
    for _ in range(2):
        better = None
        for path in paths:
            score = _f1(matching_users((*rule, path), columns, len(inside)), inside)
            if score > best + WORTH:
                better, best = path, score
        if better is None:
            break
        rule = (*rule, better)
    return rule


def _sample(inside: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Indices of every user, or of every n-th of the cluster and of the rest when there are more than a rule needs."""
    if len(inside) <= USERS_AT_MOST:
        return np.arange(len(inside))
    half = USERS_AT_MOST // 2
    parts = [np.flatnonzero(inside), np.flatnonzero(~inside)]
    return np.sort(np.concatenate([part[:: max(1, len(part) // half)] for part in parts]))


def _tree_paths(table: pd.DataFrame, inside: NDArray[np.bool_]) -> list[tuple[Condition, ...]]:
    """The conditions of every node below the root, thresholds rounded to what a person reads."""
    from sklearn.tree import DecisionTreeClassifier

    smallest = max(5, int(0.05 * inside.sum()))
    model = DecisionTreeClassifier(
        max_depth=DEPTH, min_samples_leaf=smallest, class_weight="balanced", random_state=0
    ).fit(table.to_numpy(), inside)
    tree = model.tree_
    paths: list[tuple[Condition, ...]] = []

    def walk(node: int, path: tuple[Condition, ...]) -> None:
        if path:
            paths.append(path)
        if tree.children_left[node] < 0:
            return
        name = str(table.columns[tree.feature[node]])
        threshold = _rounded(float(tree.threshold[node]), table[name].to_numpy())
        walk(tree.children_left[node], _narrowed(path, Condition(name, Comparison.AT_MOST, threshold)))
        walk(tree.children_right[node], _narrowed(path, Condition(name, Comparison.MORE_THAN, threshold)))

    walk(0, ())
    return paths


def _narrowed(path: Sequence[Condition], new: Condition) -> tuple[Condition, ...]:
    """Add a condition; it replaces an earlier one on the same side of the same feature."""
    kept = (each for each in path if (each.feature, each.comparison) != (new.feature, new.comparison))
    return (*kept, new)


def _rounded(threshold: float, values: NDArray[np.float64]) -> float:
    """The shortest number that splits the values nearly as the threshold does (within half a percent of the users)."""
    cut = (values > threshold).mean()
    for digits in range(1, 8):
        short = float(f"{threshold:.{digits}g}")
        if abs((values > short).mean() - cut) <= 0.005:
            return short
    return threshold


def _f1(predicted: NDArray[np.bool_], inside: NDArray[np.bool_]) -> float:
    hits = float((predicted & inside).sum())
    return 2 * hits / max(float(predicted.sum() + inside.sum()), 1.0)


def _sentence(rule: Rule, words: pd.DataFrame) -> str:
    parts = [" and ".join(_phrase(condition, words) for condition in alternative) for alternative in rule]
    return "; or ".join(parts) if parts else "no short rule picks out its users"


def _phrase(condition: Condition, words: pd.DataFrame) -> str:
    """One condition in words: the feature's description, a comparison, and the threshold in its unit."""
    known = condition.feature in words.index
    description = str(words.at[condition.feature, "description"]) if known else condition.feature
    unit = str(words.at[condition.feature, "unit"]) if known else ""
    comparison = "more than" if condition.comparison is Comparison.MORE_THAN else "at most"
    text = f"{short_description(description)}: {comparison}"
    if unit in SHARE_UNITS:
        return f"{text} {condition.threshold * 100:.4g}%"
    return f"{text} {condition.threshold:.6g} {unit}".rstrip()
