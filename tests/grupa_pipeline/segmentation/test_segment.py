import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from benchmarks.segmentation import planted
from benchmarks.segmentation.measures import result_hash
from grupa_pipeline import tables
from grupa_pipeline.segmentation.config import SegmentationConfig
from grupa_pipeline.segmentation.few_events import EventCounts
from grupa_pipeline.segmentation.replicates import MeasuredHalves
from grupa_pipeline.segmentation.results import EarlierSnapshot, Segmentation
from grupa_pipeline.segmentation.segment import IDENTITY_COLUMNS, segment
from grupa_pipeline.vocabulary.enums import FeatureView
from tests import ROOT

pytestmark = pytest.mark.slow

DAY = date(2026, 5, 4)
SMALL = SegmentationConfig(landmarks=900, subsamples=4, cells=32, workers=1)


@cache
def _log(kind: str) -> planted.Planted:
    return {"kinds": planted.separable(5, users=1000), "none": planted.factors(5, users=400)}[kind]


@cache
def _result(kind: str) -> Segmentation:
    return segment(_log(kind).features, seed=1, snapshot_date=DAY, config=SMALL)


def _snapshot(result: Segmentation, day: date) -> EarlierSnapshot:
    known = result.identities[["cluster_id", "first_seen", "color_slot"]]
    return EarlierSnapshot(day, result.users["cluster_id"], result.embedding, known)


def test_planted_kinds_are_found_with_more_users_than_landmarks() -> None:
    result, truth = _result("kinds"), _log("kinds").truth
    labels = result.users["cluster_id"]
    assigned = labels.notna()
    assert result.status == "ok"
    assert result.reason is None
    assert result.parameters["landmarks"] == 900 < len(labels)
    assert result.cluster_count == 6 == len(result.identities)
    assert result.null_p_value is not None
    assert result.null_p_value < 0.01
    assert assigned.mean() > 0.9
    assert adjusted_rand_score(truth[labels.index][assigned], labels[assigned]) > 0.95
    assert result.identities["stability"].min() >= 0.6


def test_the_tables_match_their_contract() -> None:
    result = _result("kinds")
    users = result.users
    assert list(result.candidates.columns) == [
        c for c in tables.SEGMENTATION_CANDIDATES.column_names if c != "snapshot_date"
    ]
    assert list(result.transitions.columns) == list(tables.CLUSTER_TRANSITIONS.column_names)
    assert list(users.columns) == [
        "cluster_id",
        "probability",
        "unassigned_reason",
        "nearest_cluster_id",
        "membership",
        "nearest_probability",
    ]
    assert list(result.identities.columns) == IDENTITY_COLUMNS
    assert users.index.equals(result.embedding.index)
    assert users.index.is_monotonic_increasing
    assert (users["cluster_id"].isna() == users["unassigned_reason"].notna()).all()
    assert (users.loc[users["cluster_id"].isna(), "probability"] == 0).all()
    assert users["probability"].between(0, 1).all()
    assert (users["nearest_cluster_id"] != users["cluster_id"]).all()
    assert np.isfinite(result.embedding.to_numpy()).all()
    assert result.candidates["chosen"].sum() == 1


def test_membership_follows_from_the_chance() -> None:
    users = _result("kinds").users
    assigned = users["cluster_id"].notna()
    chance, membership = users.loc[assigned, "probability"], users.loc[assigned, "membership"]
    assert (membership[chance >= 0.9] == "core").all()
    assert (membership[(chance < 0.9) & (chance >= 0.7)] == "likely").all()
    assert (membership[chance < 0.7] == "between").all()
    assert users.loc[~assigned, "membership"].isna().all()


def test_users_have_a_nearest_cluster_and_its_chance_the_unassigned_too() -> None:
    users = _result("kinds").users
    assert users["nearest_cluster_id"].notna().all()
    assert users["nearest_probability"].between(0, 1).all()
    assigned = users[users["cluster_id"].notna()]
    assert (assigned["probability"] >= assigned["nearest_probability"]).all()
    assert (assigned["probability"] + assigned["nearest_probability"] <= 1 + 1e-9).all()


def test_users_who_differ_by_degree_are_weak_structure_and_parts_are_shown() -> None:
    result = _result("none")
    assert result.status == "weak_structure"
    assert "regions of a continuum" in (result.reason or "")
    assert result.cluster_count >= 2
    assert result.users["cluster_id"].notna().all()
    assert (result.null_p_value, result.candidates["verdict"].unique().tolist()) == (1, ["too_few_clusters"])


def test_users_of_one_kind_are_weak_structure() -> None:
    result = segment(planted.one_kind(5, users=400).features, seed=1, snapshot_date=DAY, config=SMALL)
    assert result.status == "weak_structure"


def test_a_large_kind_and_small_ones_are_told_apart_with_fewer_landmarks_than_users() -> None:
    log = planted.separable(3, users=8000)
    few = log.truth[log.truth > 0].groupby(log.truth).head(160).index
    few = few[log.truth[few] <= 2]  # 320 of two kinds beside 1280 of one
    features = log.features.loc[[*log.truth[log.truth == 0].index[:1280], *few]]
    result = segment(features, seed=1, snapshot_date=DAY, config=replace(SMALL, landmarks=1400))
    labels = result.users["cluster_id"]
    assert (result.status, result.reason) == ("ok", None)
    assert labels.value_counts().max() / len(labels) == pytest.approx(0.8, abs=0.03)
    assigned = labels.notna()
    assert adjusted_rand_score(log.truth[labels.index][assigned], labels[assigned]) > 0.95


def test_users_with_equal_behaviour_count_as_users_and_as_one_way_to_behave() -> None:
    features = _log("kinds").features
    same = features.iloc[:1].loc[features.index[[0] * 1500]].set_axis([f"w{i}" for i in range(1500)])
    result = segment(pd.concat([features, same]), seed=1, snapshot_date=DAY, config=SMALL)
    assert result.cluster_count == 6
    assert result.parameters["distinct_users"] == 1000
    assert result.users.loc[[features.index[0], *same.index], "cluster_id"].nunique(dropna=False) == 1
    assert result.candidates.loc[result.candidates["chosen"], "largest_share"].item() > 0.6


class _Halves:
    """Users measured twice: kinds by the features of a second draw, or of another user where `shuffled`."""

    def __init__(self, features: pd.DataFrame, shuffled: bool) -> None:
        self.features, self.shuffled = features, shuffled

    def halves(self, users: Sequence[str]) -> MeasuredHalves:
        first = self.features.loc[list(users)]
        other = first.sample(frac=1, random_state=1).set_axis(first.index) if self.shuffled else first
        return MeasuredHalves(first, other, pd.Series(3, index=first.index))

    def views(self, users: Sequence[str]) -> Mapping[FeatureView, pd.DataFrame]:
        rng = np.random.default_rng(2)
        own = np.array([int(user[1:]) % 2 for user in users])
        rows = [
            pd.DataFrame({"user_id": list(users), "half": half, "key": 4 * own + rng.integers(0, 3, len(own)), "n": 9})
            for half in (0, 1)
        ]
        return {FeatureView.HOUR: pd.concat(rows)}

    def beginnings(self, lengths: Mapping[str, int]) -> pd.DataFrame:
        return self.features.loc[list(lengths)]


def test_users_with_few_events_are_likely_at_most_and_the_others_stay() -> None:
    features = _log("kinds").features
    replicates = _Halves(features, shuffled=False)
    replicates.views = lambda users: {}  # type: ignore[method-assign]
    counts = pd.Series(np.where(np.arange(len(features)) % 10, 9, 3), features.index)
    strange = features.index[0]
    changed = features.copy()
    changed.loc[strange] = features.max()
    shares = [name for name in features if name.startswith("share_")]
    result = segment(
        changed,
        seed=1,
        snapshot_date=DAY,
        counts=EventCounts(counts, shares),
        replicates=replicates,
        config=SMALL,
    )
    few = result.users[counts.loc[result.users.index] == 3]
    assert (result.status, result.cluster_count) == ("ok", 6)
    assert set(few["membership"].dropna()) == {"likely"}
    assert few["cluster_id"].notna().mean() > 0.8
    assert set(few.loc[few["cluster_id"].isna(), "unassigned_reason"]) == {"too_few_events"}
    assert few.loc[strange, "unassigned_reason"] == "too_few_events"
    assert "core" in set(result.users["membership"])


def test_kinds_that_are_others_in_other_sessions_are_weak_structure() -> None:
    log = _log("kinds")
    replicates = _Halves(log.features, shuffled=True)
    replicates.views = lambda users: {}  # type: ignore[method-assign]
    result = segment(log.features, seed=1, snapshot_date=DAY, replicates=replicates, config=SMALL)
    assert result.status == "weak_structure"
    assert "regions of a continuum" in (result.reason or "")


def test_a_view_that_repeats_takes_part_and_names_what_it_tells_apart() -> None:
    """Users of one kind, half of whom act in the morning and half in the evening."""
    features = planted.one_kind(5, users=400).features
    result = segment(features, seed=1, snapshot_date=DAY, replicates=_Halves(features, shuffled=False), config=SMALL)
    assert list(result.parameters["views"]) == ["hour"]
    assert result.parameters["replicated"]
    labels = result.users["cluster_id"]
    assigned = labels.notna()
    evening = pd.Series([int(user[1:]) % 2 for user in labels.index], labels.index)
    assert (result.status, result.cluster_count) == ("weak_structure", 2), "it takes three to rely on a grouping"
    assert "Only 2 groups have a gap around them" in (result.reason or "")
    assert adjusted_rand_score(evening[assigned], labels[assigned]) > 0.95
    assert all(names[0] == "hour" for names in result.identities["found_by"])
    assert result.identities["replication"].min() > 0.9


def test_order_of_users_and_columns_and_a_new_process_change_nothing() -> None:
    code = (
        "import sys; from datetime import date\n"
        "from benchmarks.segmentation import planted\n"
        "from benchmarks.segmentation.measures import result_hash\n"
        "from tests.grupa_pipeline.segmentation.test_segment import SMALL, DAY\n"
        "from grupa_pipeline.segmentation.segment import segment\n"
        "from dataclasses import replace\n"
        "if __name__ == '__main__':\n"
        "    table = planted.separable(5, users=1000).features.sample(frac=1, random_state=3)\n"
        "    table = table[sorted(table, reverse=True)]\n"
        "    print(result_hash(segment(table, seed=1, snapshot_date=DAY, config=replace(SMALL, workers=2))))\n"
    )
    root = ROOT
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == result_hash(_result("kinds"))


def test_clusters_colours_and_map_are_the_same_on_the_next_day() -> None:
    first, table = _result("kinds"), _log("kinds").features
    reused = table.iloc[: len(table) * 9 // 10]
    second = segment(
        reused * 1.01,
        seed=1,
        snapshot_date=DAY + timedelta(days=1),
        history=[_snapshot(first, DAY)],
        issued_ids=set(first.identities["cluster_id"]),
        config=SMALL,
    )
    both = pd.concat([first.users["cluster_id"], second.users["cluster_id"]], axis=1, keys=["then", "now"]).dropna()
    assert (both["then"] == both["now"]).mean() > 0.97
    assert second.identities.set_index("cluster_id")["color_slot"].to_dict() == (
        first.identities.set_index("cluster_id")["color_slot"].to_dict()
    )
    assert set(second.identities["first_seen"]) == {DAY}
    assert set(second.transitions["kind"].dropna()) == {"continue"}
    shared = second.embedding.index
    spread = first.embedding.std().to_numpy()
    assert (np.abs(second.embedding - first.embedding.loc[shared]).median().to_numpy() < spread / 3).all()


def test_many_equal_users_are_no_cluster_of_their_own() -> None:
    table = _log("none").features
    crowd = pd.concat([table.iloc[[0]]] * 300).set_axis([f"copy{i}" for i in range(300)])
    result = segment(pd.concat([table, crowd]), seed=1, snapshot_date=DAY, config=SMALL)
    assert result.parameters["distinct_users"] == len(table)
    assert result.status == "weak_structure"
    assert result.users.loc[[*crowd.index, table.index[0]], "cluster_id"].nunique(dropna=False) == 1


@pytest.mark.parametrize("users", [0, 1, 49])
def test_below_fifty_users_there_are_no_clusters(users: int) -> None:
    result = segment(_log("kinds").features.iloc[:users], seed=1, snapshot_date=DAY, config=SMALL)
    assert result.status == "too_few_users"
    assert str(users) in (result.reason or "")
    assert len(result.users) == len(result.embedding) == users
    assert result.users["cluster_id"].isna().all()
    assert (result.users["unassigned_reason"] == "too_few_users").all()
    assert result.cluster_count == len(result.identities) == 0


def test_without_clusters_users_with_few_events_are_told_so() -> None:
    features = _log("kinds").features.iloc[:10]
    counts = EventCounts(pd.Series([2, 9] * 5, features.index), ())
    reasons = segment(features, seed=1, snapshot_date=DAY, counts=counts, config=SMALL).users["unassigned_reason"]
    assert reasons[features.index].tolist() == ["too_few_events", "too_few_users"] * 5


def test_many_users_with_few_ways_to_behave_are_weak_structure() -> None:
    table = pd.DataFrame(
        {"a": [0.0, 1.0] * 100, "b": [0.0, 0.0, 1.0, 1.0] * 50}, index=[f"u{i:03d}" for i in range(200)]
    )
    result = segment(table, seed=1, snapshot_date=DAY, config=SMALL)
    assert result.status == "weak_structure"
    assert "4 different ways" in (result.reason or "")
    assert (result.users["unassigned_reason"] == "noise").all()


def test_fifty_users_are_enough_to_try() -> None:
    result = segment(_log("none").features.iloc[:50], seed=1, snapshot_date=DAY, config=SMALL)
    assert result.status == "weak_structure"


def test_wrong_input_is_refused() -> None:
    table = _log("kinds").features
    with pytest.raises(ValueError, match="earlier snapshots only"):
        segment(table, seed=1, snapshot_date=DAY, history=[_snapshot(_result("kinds"), DAY)], config=SMALL)
    with pytest.raises(ValueError, match="twice"):
        segment(pd.concat([table, table]), seed=1, snapshot_date=DAY, config=SMALL)
