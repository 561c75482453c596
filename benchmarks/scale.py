"""Features and assignment on DuckDB and on a Spark cluster of two workers on this machine: time, CPU, equality.

Run as `python -m benchmarks.scale LOG.csv`; needs Java. docs/scale.md relates the figures to a real cluster.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np

from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.feature_set import FeatureSet, build_features, measure_features
from grupa_pipeline.segmentation.assignment import GroupModel, assign_users
from grupa_pipeline.segmentation.discriminant import fit_discriminant
from grupa_pipeline.snapshots import spark_session
from tests.grupa_pipeline.spark_cluster import spark_cluster

LANDMARKS = 3_000
CLUSTERS = 8
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path, help="a .csv with user_id, timestamp, action, metadata")
    parser.add_argument("--memory", default="2g", help="of each of the two executors (default: 2g)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        events = Path(name) / "events.parquet"
        rows, last = _to_parquet(arguments.log, events)
        print(f"{arguments.log.name}: {rows:,} events")
        end = last + timedelta(days=1)
        window = {"window_start": end - timedelta(days=180), "window_end": end, "roles": Roles(), "min_events": 5}
        on_duckdb = _timed("features, DuckDB", rows, lambda: _on_duckdb(events, window))
        with spark_cluster(Path(name), memory=arguments.memory, settings="spark.driver.memory 2g") as address:
            _on_spark(address, events, window, on_duckdb, rows)


def _on_spark(address: str, events: Path, window: dict[str, Any], on_duckdb: FeatureSet, rows: int) -> None:
    from grupa_pipeline.aggregates.spark_engine import SparkEngine

    def features() -> FeatureSet:
        with SparkEngine(session) as engine:
            engine.show_events("events", [events])
            return measure_features(engine, "events", **window)

    with spark_session.session(address) as session:
        on_spark = _timed("features, Spark, first", rows, features)
        _timed("features, Spark, again", rows, features)
        difference = _difference(on_duckdb, on_spark)
        print(f"catalogs equal: {on_spark.catalog.equals(on_duckdb.catalog)}; largest difference {difference:.1e}")
        matrix = np.nan_to_num(np.column_stack([column.to_numpy() for column in on_duckdb.features.columns[1:]]))
        matrix = np.tile((matrix - matrix.mean(axis=0)) / (matrix.std(axis=0) + 1e-12), (10, 1))
        rng = np.random.default_rng(0)
        landmarks = np.sort(rng.choice(len(matrix), LANDMARKS, replace=False))
        labels = rng.integers(CLUSTERS, size=LANDMARKS)
        model = GroupModel(fit_discriminant(matrix[landmarks], labels, CLUSTERS), np.full(CLUSTERS, np.inf), 1.0)
        arguments: dict[str, Any] = {"model": model, "xy": matrix[landmarks, :2], "neighbors": 15}
        one = _timed("assignment, this process", len(matrix), lambda: assign_users(matrix, landmarks, **arguments))
        other = _timed(
            "assignment, Spark",
            len(matrix),
            lambda: spark_session.assign_on_spark(address, matrix, landmarks, **arguments),
        )
        print(f"labels equal: {np.array_equal(one.labels, other.labels)}")
    spark_session.stop()


def _to_parquet(log: Path, events: Path) -> tuple[int, date]:
    with duckdb.connect() as con:
        con.execute(
            f"""COPY (SELECT user_id, timestamp::TIMESTAMP AS timestamp, action, metadata, NULL::BIGINT AS sequence
                      FROM read_csv('{log}', all_varchar = true) ORDER BY timestamp)
                TO '{events}' (FORMAT parquet, COMPRESSION zstd)"""
        )
        result = con.execute(f"SELECT count(*), max(timestamp)::DATE::TIMESTAMP FROM '{events}'").fetchall()
    return result[0]


def _on_duckdb(events: Path, window: dict[str, Any]) -> FeatureSet:
    with duckdb.connect() as con:
        con.execute(
            f"CREATE VIEW events AS SELECT * REPLACE (metadata::JSON AS metadata) FROM read_parquet('{events}')"
        )
        return build_features(con, "events", **window)


def _timed(label: str, rows: int, step: Callable[[], T]) -> T:
    began, spent = time.perf_counter(), _cpu_seconds()
    result = step()
    took, spent = time.perf_counter() - began, _cpu_seconds() - spent
    print(f"{label}: {took:.1f} s, {spent:.1f} s of CPU, {rows / spent:,.0f} rows a CPU second", flush=True)
    return result


def _cpu_seconds() -> float:
    """CPU time of this process and its running descendants, Spark's included; Linux only."""
    ticks: dict[int, int] = {}
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # the process has just ended
        process = int(stat.parent.name)
        parents[process], ticks[process] = int(fields[1]), int(fields[11]) + int(fields[12])
    total, pending = 0, [os.getpid()]
    while pending:
        process = pending.pop()
        total += ticks.get(process, 0)
        pending += [child for child, parent in parents.items() if parent == process]
    return total / os.sysconf("SC_CLK_TCK")


def _difference(first: FeatureSet, second: FeatureSet) -> float:
    names = first.features.column_names[1:]
    pairs = [(first.features[name].to_numpy(), second.features[name].to_numpy()) for name in names]
    return max(float(np.nanmax(np.abs(one - other), initial=0)) for one, other in pairs)


if __name__ == "__main__":
    main()
