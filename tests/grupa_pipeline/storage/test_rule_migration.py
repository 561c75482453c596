"""Conditions are filled from the text of a rule only where they give the stored F1 on the stored users."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grupa_pipeline.segmentation.rules import describe_clusters
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.repair import repair
from grupa_pipeline.vocabulary.rule_conditions import Comparison, Condition, rule_from_json
from tests.grupa_pipeline.storage.released.schemas import make_file

DAY = date(2025, 6, 1)
CATALOG = pd.DataFrame(
    [
        ("sessions_per_week", "sessions a week (outcomes not counted)", "sessions/week"),
        ("share_a", "a step left unnamed (share 1)", "share"),
        ("share_b", "a step left unnamed (share 2)", "share"),
    ],
    columns=["feature", "description", "unit"],
)


@pytest.fixture
def described() -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    """Features, labels and described clusters: C01 by sessions, C02 by a feature whose words another one has too."""
    rng = np.random.default_rng(0)
    index = pd.Index([f"u{number:03d}" for number in range(300)], name="user_id")
    features = pd.DataFrame(
        {
            "sessions_per_week": np.r_[rng.uniform(5.3, 9, 100), rng.uniform(0, 4.7, 200)],
            "share_a": np.r_[rng.uniform(0, 0.3, 100), rng.uniform(0.4, 1, 100), rng.uniform(0, 0.3, 100)],
            "share_b": rng.uniform(0, 0.1, 300),
        },
        index=index,
    )
    labels = pd.Series(["C01"] * 100 + ["C02"] * 100 + [None] * 100, index=index, dtype=object)
    return features, labels, describe_clusters(features, labels, CATALOG)


@pytest.fixture
def folder(tmp_path: Path, described: tuple[pd.DataFrame, pd.Series, pd.DataFrame]) -> Path:
    """A warehouse of schema version 1 that holds one snapshot with its users."""
    features, labels, clusters = described
    database = tmp_path / "grupa.duckdb"
    make_file(database, "grupa")
    users = features.reset_index().assign(snapshot_date=DAY)
    members = labels.rename("cluster_id").rename_axis("user_id").reset_index()
    members = members.assign(snapshot_date=DAY, probability=1.0, unassigned_reason=None, nearest_cluster_id=None)
    with warehouse.publish(database) as con:
        con.register(
            "described", pa.Table.from_pandas(clusters.drop(columns="rule_conditions").assign(snapshot_date=DAY))
        )
        con.execute("INSERT INTO clusters BY NAME SELECT snapshot_date, cluster_id, rule, rule_f1 FROM described")
        for name, rows in (("user_features", users), ("user_clusters", members), ("feature_catalog", CATALOG)):
            path = tmp_path / "data" / name / str(DAY) / "rows.parquet"
            path.parent.mkdir(parents=True)
            pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), path)
            con.execute(
                "INSERT INTO published_files VALUES (?, ?, 'key', ?, ?, '{}')",
                [name, DAY, str(path.relative_to(tmp_path)), len(rows)],
            )
    return tmp_path


def stored(folder: Path) -> dict[str, str | None]:
    """Conditions by cluster once the file has come forward."""
    repair(Settings(warehouse=folder))
    with warehouse.read(folder / "grupa.duckdb") as con:
        return dict(con.execute("SELECT cluster_id, rule_conditions FROM clusters ORDER BY 1").fetchall())


@pytest.mark.slow
def test_a_text_that_gives_the_stored_f1_becomes_conditions(folder: Path) -> None:
    conditions = stored(folder)["C01"]
    assert conditions is not None
    assert rule_from_json(conditions) == ((Condition("sessions_per_week", Comparison.MORE_THAN, 5.0),),)


@pytest.mark.slow
def test_a_text_that_reads_as_another_feature_stays_null(folder: Path) -> None:
    assert stored(folder)["C02"] is None


@pytest.mark.slow
def test_conditions_stay_null_when_the_users_are_no_longer_stored(folder: Path) -> None:
    with warehouse.publish(folder / "grupa.duckdb") as con:
        con.execute("DELETE FROM published_files WHERE table_name = 'user_features'")
    assert stored(folder) == {"C01": None, "C02": None}


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["sessions a week: about 4", "unknown: more than 4", "", "sessions a week: more than 1 x"]
)
def test_another_text_stays_null(folder: Path, text: str) -> None:
    with warehouse.publish(folder / "grupa.duckdb") as con:
        con.execute("UPDATE clusters SET rule = ?", [text])
    assert stored(folder) == {"C01": None, "C02": None}


@pytest.mark.slow
def test_a_cluster_without_a_short_rule_has_an_empty_one(folder: Path) -> None:
    with warehouse.publish(folder / "grupa.duckdb") as con:
        con.execute("UPDATE clusters SET rule = 'no short rule picks out its users', rule_f1 = 0")
    assert stored(folder) == {"C01": "[]", "C02": "[]"}


@pytest.mark.slow
def test_all_conditions_of_two_alternatives_are_read(folder: Path) -> None:
    values, inside = _sessions(folder)
    matched = (values > 5) & (values <= 8) | (values <= 1)
    f1 = 2 * (matched & inside).sum() / (matched.sum() + inside.sum())
    side = "sessions a week: {} sessions/week"
    text = f"{side.format('more than 5')} and {side.format('at most 8')}; or {side.format('at most 1')}"
    with warehouse.publish(folder / "grupa.duckdb") as con:
        con.execute("UPDATE clusters SET rule = ?, rule_f1 = ? WHERE cluster_id = 'C01'", [text, float(f1)])
    conditions = stored(folder)["C01"]
    assert conditions is not None
    assert [len(alternative) for alternative in rule_from_json(conditions)] == [2, 1]


def _sessions(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Sessions a week of each stored user, and who is in C01."""
    files = [folder / "data" / name / str(DAY) / "rows.parquet" for name in ("user_features", "user_clusters")]
    features, members = (pq.read_table(file) for file in files)
    inside = [cluster_id == "C01" for cluster_id in members["cluster_id"].to_pylist()]
    return features["sessions_per_week"].to_numpy(), np.array(inside)
