from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from grupa_pipeline.storage import staging
from grupa_pipeline.storage.staging import TableState
from grupa_pipeline.tables import CLUSTER_IDENTITIES, LLM_CALLS, SNAPSHOT_TABLES, USER_EMBEDDINGS, USER_FEATURES

DAY = date(2025, 6, 29)


def embeddings(*users: str) -> pa.Table:
    return pa.table(
        {"snapshot_date": [DAY] * len(users), "user_id": list(users), "x": [1] * len(users), "y": [2.5] * len(users)}
    )


def agreeing() -> dict[str, TableState]:
    return {
        table.name: TableState(
            f"key of {table.name}",
            {name: "events key" if name == "events" else f"key of {name}" for name in table.made_from},
            1,
        )
        for table in SNAPSHOT_TABLES
    }


def test_conform_orders_types_and_sorts() -> None:
    rows = staging.conform(USER_EMBEDDINGS, embeddings("b", "a").select(["y", "user_id", "x", "snapshot_date"]))
    assert rows.column_names == ["snapshot_date", "user_id", "x", "y"]
    assert rows["user_id"].to_pylist() == ["a", "b"]
    assert rows.schema.field("x").type == pa.float64()


def test_conform_refuses_rows_without_the_columns_of_the_table() -> None:
    with pytest.raises(staging.WrongTableError, match="lacks y"):
        staging.conform(USER_EMBEDDINGS, embeddings("a").drop_columns("y"))
    with pytest.raises(staging.WrongTableError, match="no column z"):
        staging.conform(USER_EMBEDDINGS, embeddings("a").append_column("z", [[1.0]]))
    with pytest.raises(staging.WrongTableError, match="is not DOUBLE"):
        staging.conform(USER_EMBEDDINGS, embeddings("a").set_column(2, "x", [["far"]]))


def test_an_open_ended_table_may_have_further_columns() -> None:
    rows = pa.table({"snapshot_date": [DAY], "user_id": ["a"], "share_login": [1]})
    assert staging.conform(USER_FEATURES, rows).schema.field("share_login").type == pa.float64()


def test_content_key_ignores_the_volatile_columns_only() -> None:
    def call(created: datetime, latency: int, prompt: str) -> pa.Table:
        row = dict.fromkeys(LLM_CALLS.column_names) | {"call_id": str(latency), "snapshot_date": DAY, "prompt": prompt}
        return staging.conform(LLM_CALLS, pa.Table.from_pylist([row | {"created_at": created, "latency_ms": latency}]))

    early, late = call(datetime(2025, 1, 1), 1, "a"), call(datetime(2026, 1, 1), 2, "a")
    assert staging.content_key(early) == staging.content_key(late)
    assert staging.content_key(early) != staging.content_key(call(datetime(2025, 1, 1), 1, "b"))


def test_content_key_counts_a_feature_whatever_its_name() -> None:
    rows = pa.table({"snapshot_date": [DAY], "user_id": ["a"], "share_looked_at": [0.5]})
    other = rows.set_column(2, "share_looked_at", pa.array([0.25]))
    assert staging.content_key(rows) != staging.content_key(other)


def test_staged_rows_come_back_with_their_lineage(tmp_path: Path) -> None:
    state = staging.stage(tmp_path, USER_EMBEDDINGS, DAY, embeddings("b", "a"), {"user_features": "k"})
    found = staging.staged(tmp_path, DAY)
    assert found == {"user_embeddings": state}
    assert found["user_embeddings"].rows == 2
    staging.discard(tmp_path, DAY)
    assert staging.staged(tmp_path, DAY) == {}
    assert not (tmp_path / "staging" / DAY.isoformat()).exists()


def test_tables_agree_only_when_each_was_computed_from_the_others() -> None:
    assert staging.disagreements(agreeing()) == []
    states = agreeing()
    del states[CLUSTER_IDENTITIES.name]
    assert "cluster_identities has not been computed" in staging.disagreements(states)
    states = agreeing() | {"user_features": TableState("another", {"events": "events key"}, 1)}
    assert "user_clusters was computed from another user_features" in staging.disagreements(states)
    states = agreeing() | {"feature_catalog": TableState("key of feature_catalog", {"events": "later events"}, 1)}
    assert staging.disagreements(states) == ["its tables come from different events"]
