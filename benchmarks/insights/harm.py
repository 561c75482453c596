"""Counts harm in the insights of a warehouse, from its tables, not from prose: `python -m benchmarks.insights.harm WAREHOUSE ...`.

A recommendation must not offer an error, a bad end or a system's decision, nor skip the step at which users are lost for a goal
further on; a pain point must not call a cluster behind where it is ahead, nor rest on a gap between visits of users who came once.
"""

import re
import sys
from collections import Counter
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from grupa_pipeline.insights.cluster_facts import comes_once
from grupa_pipeline.insights.event_roles import add_event_roles
from grupa_pipeline.insights.true_names import ClusterUsers, true_names
from grupa_pipeline.insights.wording import Wording
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.vocabulary.enums import DecidedBy, Direction, InsightKind, Measure, Role
from grupa_pipeline.vocabulary.feature_families import FeatureFamily

_UNWANTED = (Role.ERROR, Role.BAD_END)
_PAUSES = ("median_gap_days", "days_since_last_event")
_FAR = (FeatureFamily.OUTCOME_HAD, FeatureFamily.OUTCOME_RATE)


class StoredSnapshot:
    """The newest snapshot of a warehouse, read from its tables."""

    def __init__(self, folder: Path) -> None:
        self._publication = Publication(folder)
        self.day: date = self._rows("SELECT max(snapshot_date) AS day FROM segmentations", dated=False)[0]["day"]
        self.insights = self._rows("SELECT * FROM cluster_insights WHERE snapshot_date = ?")
        self.clusters = self._rows("SELECT * FROM clusters WHERE snapshot_date = ?")
        self.evidence = {
            row["evidence_id"]: row for row in self._rows("SELECT * FROM cluster_evidence WHERE snapshot_date = ?")
        }
        catalog = pd.DataFrame(self._rows("SELECT * FROM feature_catalog", dated=False))
        self.catalog = add_event_roles(
            catalog, pd.DataFrame(self._rows("SELECT * FROM event_catalog", dated=False))
        ).astype(object)
        self.entries = {str(row["feature"]): row for row in self.catalog.to_dict("records")}
        features = pd.DataFrame(self._rows("SELECT * FROM user_features WHERE snapshot_date = ?"))
        self.features = features.set_index("user_id") if len(features) else features
        labels = self._rows("SELECT user_id, cluster_id FROM user_clusters WHERE snapshot_date = ?")
        self.labels = pd.Series({row["user_id"]: row["cluster_id"] for row in labels}, dtype=object).reindex(
            self.features.index
        )

    def _rows(self, sql: str, *, dated: bool = True) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._publication.query(sql, [self.day] if dated else []).to_pylist()
        return rows


def count_harm(stored: StoredSnapshot) -> Counter[str]:
    """How often each harm is done."""
    counts: Counter[str] = Counter({"pain points": 0, "recommendations": 0})
    once = {
        row["cluster_id"]: comes_once(stored.features[(stored.labels == row["cluster_id"]).to_numpy(dtype=bool)])
        for row in stored.clusters
    }
    for row in stored.insights:
        cited = [stored.evidence[each] for each in row["evidence_ids"] if each in stored.evidence]
        if row["kind"] == InsightKind.PAIN_POINT and cited:
            counts["pain points"] += 1
            counts["behind where it is ahead"] += _says_behind_where_ahead(row, cited[0], stored)
            counts["a pause of users of one visit"] += cited[0]["metric"] in _PAUSES and once[row["cluster_id"]]
        elif row["kind"] == InsightKind.RECOMMENDATION:
            counts["recommendations"] += 1
            counts["offers what nobody should be led to"] += _offers_unwanted(row, stored)
            counts["skips steps to a far goal"] += _skips_steps(row, cited, stored)
    return counts


def _says_behind_where_ahead(pain: dict[str, Any], first: dict[str, Any], stored: StoredSnapshot) -> bool:
    """A pain with a severity, or one not about a step, whose first evidence is on the better side."""
    better = stored.entries[first["metric"]]["higher_is_better"]
    if better is None or pd.isna(
        better
    ):  # what is neither better nor worse is no pain, but for errors and calls for help
        role = stored.entries[first["metric"]]["event_role"]
        return role not in (Role.ERROR, Role.HELP) or first["effect_size"] <= 0
    is_ahead = (first["effect_size"] > 0) == bool(better)
    return is_ahead and not (first["measure"] == Measure.STEP and pd.isna(pain["severity"]))


def _offers_unwanted(recommendation: dict[str, Any], stored: StoredSnapshot) -> bool:
    """More of an error or a bad end is aimed at, or of a decision that is not the users' although no step before it is told."""
    entry = stored.entries.get(str(recommendation["target_metric"]))
    if entry is None or recommendation["direction"] != Direction.INCREASE:
        return False
    if entry["event_role"] in _UNWANTED:
        return True
    return entry["decided_by"] == DecidedBy.SYSTEM and entry["family"] in _FAR


def _skips_steps(recommendation: dict[str, Any], cited: list[dict[str, Any]], stored: StoredSnapshot) -> bool:
    """The goal itself is aimed at for a pain, although the cluster is clearly lost at an earlier step towards it."""
    entry = stored.entries.get(str(recommendation["target_metric"]))
    kinds = {row["insight_id"]: row["kind"] for row in stored.insights}
    is_for_pain = any(kinds.get(each) == InsightKind.PAIN_POINT for each in recommendation["addresses"])
    if entry is None or entry["family"] not in _FAR or not is_for_pain:
        return False
    is_about_goal = any(stored.entries[row["metric"]]["family"] in _FAR for row in cited[:1])
    lost = [
        row
        for row in stored.evidence.values()
        if row["cluster_id"] == recommendation["cluster_id"]
        and row["measure"] == Measure.STEP
        and row["ci_high"] < 0
        and stored.entries[row["metric"]]["subject"] == entry["subject"]
    ]
    return is_about_goal and bool(lost)


def sentences_of(stored: StoredSnapshot) -> set[str]:
    """The sentences of pain points, strengths and recommendations, without numbers."""
    texts = [row[name] for row in stored.insights for name in ("title", "body", "change", "hypothesis") if row[name]]
    return {re.sub(r"\d[\d.,]*", "#", each.strip()) for text in texts for each in re.split(r"(?<=[.?!])\s", text)}


def count_true_names(stored: StoredSnapshot) -> tuple[int, int]:
    """Number of clusters whose name is true of enough of its users and of few of any other, and of all clusters."""
    columns = {name: name for name in stored.entries if name in stored.features.columns}
    users = ClusterUsers(stored.features, stored.labels, columns)
    ids = [str(row["cluster_id"]) for row in stored.clusters]
    checked = true_names(users, ids, Wording(stored.catalog)) if ids else {}
    named = {str(row["cluster_id"]): row["name"] for row in stored.clusters}
    return sum(name in checked and checked[name].name == named[name] for name in ids), len(ids)


def main() -> None:
    """Print one row a warehouse, then the sentences that two of them share."""
    stored = {Path(folder).name: StoredSnapshot(Path(folder)) for folder in sys.argv[1:]}
    table = pd.DataFrame({name: count_harm(each) for name, each in stored.items()}).T.fillna(0).astype(int)
    table.loc["all"] = table.sum()
    print(table.to_string())
    true, names = (sum(column) for column in zip(*(count_true_names(each) for each in stored.values()), strict=True))
    print(f"names true of their cluster and of few of any other: {true} of {names}")
    for (one, own), (other, theirs) in combinations(((name, sentences_of(each)) for name, each in stored.items()), 2):
        if own and theirs:
            print(f"sentences of {one} that {other} has too: {len(own & theirs)} of {len(own)}")


if __name__ == "__main__":
    main()
