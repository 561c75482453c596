"""Thirty snapshots of one cluster whose users come and go."""

from collections.abc import Iterator
from datetime import date, timedelta

import duckdb
import numpy as np
import pytest

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(30)]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Each day users move between two clusters and none, some of them are gone, and C02 is born on the tenth day."""
    rng = np.random.default_rng(5)
    with duckdb.connect() as opened:
        opened.execute("CREATE TABLE clusters (snapshot_date DATE, cluster_id VARCHAR, name VARCHAR, size BIGINT)")
        opened.execute(
            "CREATE TABLE user_clusters (snapshot_date DATE, user_id VARCHAR, cluster_id VARCHAR, probability DOUBLE,"
            " membership VARCHAR, unassigned_reason VARCHAR, nearest_cluster_id VARCHAR, nearest_probability DOUBLE)"
        )
        opened.execute("CREATE TABLE user_features (snapshot_date DATE, user_id VARCHAR, visits DOUBLE)")
        for day in DAYS:
            clusters = ["C01", "C02", None] if day >= DAYS[10] else ["C01", None]
            present = [f"u{number}" for number in range(60) if rng.random() > 0.2]
            rows = [(day, user, clusters[rng.integers(len(clusters))]) for user in present]
            opened.executemany("INSERT INTO user_clusters (snapshot_date, user_id, cluster_id) VALUES (?, ?, ?)", rows)
            visits = [(day, user, float(rng.choice([1.0, 5.0, float("nan")]))) for user in present[5:]]
            opened.executemany("INSERT INTO user_features VALUES (?, ?, ?)", visits)
            opened.executemany(
                "INSERT INTO clusters VALUES (?, ?, ?, 1)", [(day, each, f"Group {each}") for each in clusters if each]
            )
        yield opened
