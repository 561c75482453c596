from datetime import datetime

import duckdb
import ibis
import pyarrow as pa
import pytest

from grupa_pipeline.aggregates.engine import DuckDBEngine


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(
        """CREATE TABLE events AS SELECT * FROM (VALUES
        ('ann', TIMESTAMP '1969-12-31 23:59:59.999999', 'a', '{"k": "text", "a.b": 7, "say \\"hi\\"": true}'::JSON),
        ('bob', TIMESTAMP '2026-01-01 00:00:00.000001', 'b', '{"k": null}'::JSON),
        ('cat', TIMESTAMP '2026-01-01 00:00:00', 'c', '[1]'::JSON),
        ('dan', TIMESTAMP '2026-01-01 00:00:00', 'd', NULL)) AS t (user_id, timestamp, action, metadata)"""
    )
    return con


def test_moments_are_whole_microseconds(con: duckdb.DuckDBPyConnection) -> None:
    with DuckDBEngine(con) as engine:
        events = engine.events("events")
        result = engine.fetch(events.select("user_id", at=engine.microseconds(events.timestamp)).order_by("user_id"))
    day = (datetime(2026, 1, 1) - datetime(1970, 1, 1)).days * 86_400_000_000
    assert result["at"].to_pylist() == [-1, day + 1, day, day]


@pytest.mark.parametrize(("key", "text"), [("k", "text"), ("a.b", "7"), ('say "hi"', "true"), ("none", None)])
def test_a_key_is_read_as_text_whatever_it_holds(con: duckdb.DuckDBPyConnection, key: str, text: str | None) -> None:
    with DuckDBEngine(con) as engine:
        events = engine.events("events")
        result = engine.fetch(events.select("user_id", text=engine.json_text(events.metadata, key)).order_by("user_id"))
    assert result["text"].to_pylist() == [text, None, None, None]


def test_materialised_tables_are_computed_once_and_dropped_at_the_end(con: duckdb.DuckDBPyConnection) -> None:
    with DuckDBEngine(con) as engine:
        table = engine.materialize(engine.events("events").select("user_id"))
        small = engine.materialize(pa.table({"n": [1, 2]}))
        con.execute("DELETE FROM events")
        assert len(engine.fetch(table)) == 4
        assert engine.fetch(small)["n"].to_pylist() == [1, 2]
    assert [row[2] for row in con.execute("SHOW ALL TABLES").fetchall()] == ["events"]


def test_a_step_that_does_not_fit_gets_more_memory_while_there_is_more():
    wide = "SELECT i // 1000 AS user_id, median(i) AS n, list(i) AS held FROM range(3_000_000) AS t (i) GROUP BY ALL"
    with duckdb.connect(config={"memory_limit": "20MB", "temp_directory": ""}) as con:
        con.execute(f"CREATE VIEW wide AS {wide}")
        with pytest.raises(duckdb.OutOfMemoryException), DuckDBEngine(con) as engine:
            engine.materialize(engine.events("wide"))
        with DuckDBEngine(con, ["21MB", "1GB", "2GB"]) as engine:
            assert engine.materialize(engine.events("wide")).count().execute() == 3_000
            assert con.sql("SELECT current_setting('memory_limit')").fetchall() == [("953.6 MiB",)]


def test_users_and_actions_keep_their_numbers(con: duckdb.DuckDBPyConnection) -> None:
    with DuckDBEngine(con) as engine:
        events = engine.events("events")
        engine.assign_keys(events.filter(events.user_id.isin(["bob", "dan"])))
        few = engine.fetch(engine.with_keys(events.select("user_id", "action")).order_by("user_key"))
        engine.assign_keys(events)
        keyed = engine.with_keys(events.select("user_id", "action"))
        assert few["user_key"].to_pylist() == [1, 2]
        assert engine.fetch(keyed.order_by("user_key"))["user_key"].to_pylist() == [1, 2, 3, 4]
        named = engine.fetch(engine.with_actions(keyed).order_by("user_key"))
        assert named["action"].to_pylist() == ["b", "d", "a", "c"]


def test_parts_are_joined_in_the_order_of_the_users(con: duckdb.DuckDBPyConnection) -> None:
    with DuckDBEngine(con) as engine:
        events = engine.events("events")
        engine.assign_keys(events.filter(events.user_id != "ann"))
        engine.assign_keys(events)
        first = engine.with_keys(events.filter(events.user_id != "cat").select("user_id", one=events.action))
        second = engine.with_keys(events.filter(events.user_id != "cat").select("user_id", other=events.action.upper()))
        result = engine.fetch_users([first.order_by("one"), second.order_by(ibis.desc("other"))])
    assert result.to_pydict() == {"user_id": ["ann", "bob", "dan"], "one": ["a", "b", "d"], "other": ["A", "B", "D"]}


def test_scratch_is_dropped_at_the_end_of_its_block(con: duckdb.DuckDBPyConnection) -> None:
    with DuckDBEngine(con) as engine:
        table = engine.materialize(pa.table({"n": [1]}))
        with engine.scratch():
            passing = engine.materialize(pa.table({"n": [2]})).get_name()
        after = engine.materialize(pa.table({"n": [3]}))
        tables = {row[2] for row in con.execute("SHOW ALL TABLES").fetchall()}
        assert passing not in tables
        assert {table.get_name(), after.get_name()} <= tables
