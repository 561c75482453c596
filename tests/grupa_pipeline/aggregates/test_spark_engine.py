"""The features on a real Spark cluster are those of DuckDB."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grupa_pipeline.aggregates.engine import DuckDBEngine
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.features.feature_set import FeatureSet, build_features, measure_features
from grupa_pipeline.snapshots import spark_session
from tests.grupa_pipeline.features.logs import END, START

DOCUMENTS = (
    None,
    "null",
    "12",
    '"text"',
    "[1]",
    '{"k": "text", "a.b": 7, "say \\"hi\\"": true, "it\'s": 1, "back\\\\slash": 2, "é": "ü", "[0]": 3, " k ": 4}',
    '{"k": null}',
    '{"k": ""}',
    '{"k": "null"}',
    '{"k": 1.50}',
    '{"k": 1e3}',
    '{"k": -0}',
    '{"k": 12345678901234567890123}',
    '{"k": 0.1000000000000000055511151231257827}',
    '{"k": {"b": [1, 2.0],  "c": null}}',
    '{"k": [1, "x"]}',
    '{"k": "first", "k": "second"}',
    '{"K": "another key"}',
    '{"x": {"k": "inner"}}',
    ' {"k" : "\\u00e9\\n\\t\\"q\\" \\ud83d\\ude00"} ',
)
KEYS = ("k", "a.b", 'say "hi"', "it's", "back\\slash", "é", "[0]", " k ", "none")
ACTIONS = (
    "login",
    "it's",
    'say "hi"',
    "back\\slash",
    "tab\tline\n",
    "100%_$x",
    "Ünïcode 😀",
    "LOGIN",
    "a\\'b",
    " ",
    "",
)
STEPS = ("proposal_create", "proposal_submit", "proposal_revise", "proposal_withdraw", "feature_use")
OUTCOMES = ("deal_complete", "drop_off")


@pytest.fixture(scope="module")
def session(spark_address: str) -> Iterator[Any]:
    with spark_session.session(spark_address) as result:
        yield result
    spark_session.stop()


def odd_events() -> pa.Table:
    """60 users who do all that is hard to get alike on two engines: odd names, instants that meet, edges of window and day."""
    rng = np.random.default_rng(7)
    edges = [START, END - timedelta(microseconds=1), END, START - timedelta(microseconds=1), START + timedelta(days=1)]
    rows = [("outcomes only", START + timedelta(hours=hour), OUTCOMES[hour % 2], None) for hour in range(6)]
    rows += [
        ("at\\the 'edge'", moment, action, None) for moment in edges for action in ("login", "it's", "feature_use")
    ]
    for number in range(60):
        moment = START + timedelta(seconds=float(rng.integers(0, 20 * 86_400)))
        for _ in range(int(rng.integers(1, 40))):
            moment += timedelta(microseconds=int(rng.choice([0, 1, 999_999, 1_800_000_000, 1_800_000_001, 9e10])))
            action = str(rng.choice([*ACTIONS, *STEPS, *STEPS, *OUTCOMES]))
            named = {"proposal_id": f"p{rng.integers(3)}", "feature": str(rng.choice(["x", "Y", "y's", "\\", ""]))}
            document = json.dumps(named) if rng.random() < 0.7 else rng.choice([*DOCUMENTS])
            rows.append((f"user {number}", moment, action, document))
    columns = list(zip(*rows, strict=True))
    types = (pa.string(), pa.timestamp("us"), pa.string(), pa.json_())
    names = ("user_id", "timestamp", "action", "metadata")
    return pa.table({name: pa.array(column, kind) for name, column, kind in zip(names, columns, types, strict=True)})


def on_both(session: Any, events: Path, **options: Any) -> tuple[FeatureSet, FeatureSet]:
    from grupa_pipeline.aggregates.spark_engine import SparkEngine

    options = {"window_start": START, "window_end": END, "roles": Roles(), "min_events": 5} | options
    with duckdb.connect() as con:
        con.execute(f"CREATE VIEW events AS SELECT *, NULL::BIGINT AS sequence FROM read_parquet('{events}')")
        here = build_features(con, "events", **options)
    with SparkEngine(session) as engine:
        engine.show_events("events", [events])
        return here, measure_features(engine, "events", **options)


def assert_equal(here: FeatureSet, there: FeatureSet) -> None:
    assert len(here.features) > 20
    assert there.events == here.events
    assert there.users.equals(here.users)
    assert there.catalog.equals(here.catalog)
    assert there.features.schema.equals(here.features.schema)
    assert there.features["user_id"].equals(here.features["user_id"])
    for name in here.features.column_names[1:]:
        expected, result = (side.features[name].to_numpy() for side in (here, there))
        np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-9, equal_nan=True, err_msg=name)


def test_an_odd_log_measures_the_same(session: Any, tmp_path: Path) -> None:
    pq.write_table(odd_events(), tmp_path / "events.parquet")
    here, there = on_both(session, tmp_path / "events.parquet")
    assert {"hours_to_submit", "feature_concentration", "median_gap_days"} <= set(here.features.column_names)
    assert_equal(here, there)


def test_keys_and_moments_are_read_alike(session: Any, tmp_path: Path) -> None:
    from grupa_pipeline.aggregates.spark_engine import SparkEngine

    moments = [START - timedelta(days=30_000, microseconds=1 + number) for number in range(len(DOCUMENTS))]
    rows = {
        "user_id": [f"{number:03}" for number in range(len(DOCUMENTS))],
        "timestamp": pa.array(moments, pa.timestamp("us")),
        "metadata": pa.array(DOCUMENTS, pa.json_()),
    }
    pq.write_table(pa.table(rows), tmp_path / "events.parquet")
    with duckdb.connect() as con, DuckDBEngine(con) as here, SparkEngine(session) as there:
        con.execute(
            f"CREATE VIEW events AS SELECT *, NULL::BIGINT AS sequence FROM read_parquet('{tmp_path / 'events.parquet'}')"
        )
        there.show_events("events", [tmp_path / "events.parquet"])
        answers = []
        for engine in (here, there):
            events = engine.events("events")
            texts = {f"key{number}": engine.json_text(events.metadata, key) for number, key in enumerate(KEYS)}
            result = events.select("user_id", at=engine.microseconds(events.timestamp), **texts).order_by("user_id")
            answers.append(engine.fetch(result).to_pylist())
    assert sum(row["key0"] is not None for row in answers[0]) == 12
    assert answers[1] == answers[0]


def test_a_window_without_events_has_no_users(session: Any) -> None:
    from grupa_pipeline.aggregates.spark_engine import SparkEngine

    with SparkEngine(session) as engine:
        engine.show_events("events", [])
        result = measure_features(engine, "events", window_start=START, window_end=END, roles=Roles(), min_events=5)
    assert (len(result.users), len(result.features), result.events) == (0, 0, 0)


def test_materialised_tables_are_dropped_afterwards(session: Any) -> None:
    from grupa_pipeline.aggregates.spark_engine import SparkEngine

    with SparkEngine(session) as engine:
        engine.show_events("events", [])
        table = engine.materialize(pa.table({"n": [1, 2]}))
        assert engine.fetch(table)["n"].to_pylist() == [1, 2]
    assert session.catalog.listTables() == []
