import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from grupa_pipeline.aggregates.engine import DuckDBEngine
from grupa_pipeline.storage import key_dictionary
from grupa_pipeline.storage.key_dictionary import NAME, ParquetKeyDictionary


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE monday AS SELECT * FROM (VALUES ('dan', 'b'), ('bob', 'c')) AS t (user_id, action)")
        con.execute("CREATE TABLE tuesday AS SELECT * FROM (VALUES ('ann', 'a'), ('bob', 'b')) AS t (user_id, action)")
        yield con


def keys(con: duckdb.DuckDBPyConnection, folder: Path, day: str) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """Keys of the users and actions of a day, and the generations of the dictionary, after a run that reads this day."""
    dictionary = ParquetKeyDictionary(folder)
    with DuckDBEngine(con, key_dictionary=dictionary) as engine:
        events = engine.events(day)
        engine.assign_keys(events)
        keyed = engine.fetch(engine.with_keys(events.mutate(who=events.user_id, what=events.action))).to_pylist()
    users, actions = (
        {row[name]: row[key] for row in keyed} for name, key in (("who", "user_key"), ("what", "action_key"))
    )
    return users, actions, dictionary.generations


def test_keys_stay_and_new_ones_are_appended(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    users, actions, first = keys(con, tmp_path, "monday")
    assert (users, actions) == ({"bob": 1, "dan": 2}, {"b": 1, "c": 2})
    users, actions, second = keys(con, tmp_path, "tuesday")
    assert (users, actions) == ({"bob": 1, "ann": 3}, {"b": 1, "a": 3})
    assert (len(first), second[:1]) == (1, first)
    assert len(second) == 2
    assert keys(con, tmp_path, "tuesday")[2] == second


def test_a_lost_or_damaged_dictionary_starts_anew_as_another_generation(
    con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    generations = keys(con, tmp_path, "monday")[2]
    path = tmp_path / NAME
    whole = path.read_bytes()
    for damaged in (None, b"", whole[:50], b"PAR1" + bytes(len(whole) // 3) + whole[4 + len(whole) // 3 :]):
        path.unlink() if damaged is None else path.write_bytes(damaged)
        users, _, anew = keys(con, tmp_path, "tuesday")
        assert users == {"ann": 1, "bob": 2}
        assert len(anew) == 1
        assert anew != generations


def test_an_older_copy_does_not_list_later_generations(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    keys(con, tmp_path, "monday")
    shutil.copy(tmp_path / NAME, tmp_path / "copy")
    later = keys(con, tmp_path, "tuesday")[2]
    shutil.move(tmp_path / "copy", tmp_path / NAME)
    assert later[-1] not in ParquetKeyDictionary(tmp_path).generations
    assert later[-1] not in keys(con, tmp_path, "tuesday")[2]


def test_keys_are_assigned_anew_after_keep_days(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generations = keys(con, tmp_path, "monday")[2]
    now = time.time()
    monkeypatch.setattr(key_dictionary.time, "time", lambda: now + key_dictionary.KEEP_DAYS * 86_400 + 60)
    users, _, anew = keys(con, tmp_path, "tuesday")
    assert users == {"ann": 1, "bob": 2}
    assert not set(anew) & set(generations)
