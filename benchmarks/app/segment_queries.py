"""How long the app takes for a segment of a million users by three conditions: `python -m benchmarks.app.segment_queries`.

Makes users, ten events each by day in Parquet files as a warehouse has them, and sixty features, from a fixed seed. Times whole
answers to questions that were not asked before: the list of users, and all that the panel shows of them.
"""

import argparse
import tempfile
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter

import duckdb
import numpy as np

from dash_app.data.segment_facts import describe_segment, load_averages
from grupa_pipeline.exports.segments import Segment, selected_segment
from grupa_pipeline.sql import open_duckdb
from grupa_pipeline.vocabulary.segment_rules import SegmentCondition, SegmentConditionKind, SegmentRule

DAY = date(2026, 3, 31)
_DAYS, _EVENTS, _FEATURES = 90, 10, 60


def main() -> None:
    """Print the times of each kind of segment: median and 95th percentile."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--users", type=int, default=1_000_000)
    arguments.add_argument("--repeats", type=int, default=8)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_duckdb() as con:
        write(con, Path(folder), options.users)
        print(f"{options.users:,} users, {options.users * _EVENTS:,} events, {_FEATURES} features")
        everyone = load_averages(con, DAY)
        for name, rules in questions(options.repeats).items():
            lists: list[float] = []
            panels: list[float] = []
            users = 0
            for rule in rules:
                users = _timed(con, selected_segment(rule), lists)
                start = perf_counter()
                describe_segment(con, DAY, selected_segment(rule), everyone, "f0")
                panels.append(perf_counter() - start)
            told = ", ".join(
                f"{what} {np.median(each):.2f} s (p95 {np.quantile(each, 0.95):.2f})"
                for what, each in (("list", lists), ("panel", panels))
            )
            print(f"{name}: {users:,} users; {told}")


def questions(repeats: int) -> dict[str, list[SegmentRule]]:
    """Rules of three conditions, each repeated on other days."""
    kind = SegmentConditionKind
    days = [DAY - timedelta(days=60 - number) for number in range(repeats)]
    return {
        "did, did not, first seen": [
            SegmentRule(
                (
                    SegmentCondition(kind.DID, ("action 3",)),
                    SegmentCondition(kind.DID_NOT, ("action 7",)),
                    SegmentCondition(kind.FIRST_SEEN, first_day=day),
                )
            )
            for day in days
        ],
        "did between days, metadata, cluster": [
            SegmentRule(
                (
                    SegmentCondition(kind.DID, ("action 2",), first_day=day),
                    SegmentCondition(kind.METADATA, ("plan",), "pro", first_day=day),
                    SegmentCondition(kind.CLUSTER, ("C01", "C02")),
                )
            )
            for day in days
        ],
        "never came back, metadata, active": [
            SegmentRule(
                (
                    SegmentCondition(kind.NEVER_CAME_BACK, ("action 5",)),
                    SegmentCondition(kind.METADATA, ("plan",), "free"),
                    SegmentCondition(kind.ACTIVE, last_day=day),
                )
            )
            for day in days
        ],
    }


def write(con: duckdb.DuckDBPyConnection, folder: Path, users: int) -> None:
    """Tables and views under the names of a warehouse."""
    con.execute("SELECT setseed(0.5)")
    start = DAY - timedelta(days=_DAYS - 1)
    con.execute(
        f"""
        CREATE TABLE made AS SELECT 'user-' || lpad((range % {users})::VARCHAR, 7, '0') AS user_id,
            TIMESTAMP '{start}' + INTERVAL (floor(pow(random(), 1.5) * {_DAYS * 86_400})::BIGINT) SECOND AS timestamp,
            'action ' || floor(pow(random(), 2) * 12)::INT AS action,
            ('{{"plan": "' || CASE WHEN random() < .2 THEN 'pro' ELSE 'free' END || '", "page": ' || floor(random() * 99)::INT
             || ', "device": "desktop"}}')::JSON AS metadata
        FROM range({users * _EVENTS})"""
    )
    for number in range(_DAYS):
        day = start + timedelta(days=number)
        con.execute(
            f"COPY (FROM made WHERE timestamp::DATE = DATE '{day}' ORDER BY user_id, timestamp)"
            f" TO '{folder}/{day}.parquet' (COMPRESSION zstd)"
        )
    con.execute("DROP TABLE made")
    con.execute(f"CREATE VIEW events AS FROM read_parquet('{folder}/*.parquet')")
    con.execute(
        f"CREATE TABLE segmentations AS SELECT DATE '{DAY}' AS snapshot_date, TIMESTAMP '{start}' AS window_start,"
        f" TIMESTAMP '{DAY + timedelta(days=1)}' AS window_end"
    )
    con.execute("CREATE TABLE event_catalog AS SELECT 'action 11' AS action, 'system' AS decided_by")
    con.execute(
        "CREATE TABLE feature_catalog (feature VARCHAR, family VARCHAR, subject VARCHAR, source_action VARCHAR)"
    )
    identity = f"DATE '{DAY}' AS snapshot_date, 'user-' || lpad(range::VARCHAR, 7, '0') AS user_id"
    clusters = (
        f"SELECT {identity}, CASE WHEN random() < .9 THEN 'C0' || (1 + floor(random() * 7)::INT) END AS cluster_id,"
        " .9 AS probability, 'core' AS membership, NULL AS unassigned_reason, NULL AS nearest_cluster_id,"
        " NULL AS nearest_probability"
    )
    features = f"SELECT {identity}, " + ", ".join(f"random() AS f{number}" for number in range(_FEATURES))
    for name, query in (("user_clusters", clusters), ("user_features", features)):
        path = folder / name
        path.mkdir()
        con.execute(f"COPY ({query} FROM range({users})) TO '{path}/all.parquet' (COMPRESSION zstd)")
        con.execute(f"CREATE VIEW {name} AS FROM read_parquet('{path}/all.parquet')")


def _timed(con: duckdb.DuckDBPyConnection, segment: Segment, seconds: list[float]) -> int:
    start = perf_counter()
    rows = con.sql(segment.ids, params=segment.values | {"day": DAY}).to_arrow_table()
    seconds.append(perf_counter() - start)
    return int(rows.num_rows)


if __name__ == "__main__":
    main()
