import os
import random
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from grupa_pipeline.aggregates import day_aggregates
from grupa_pipeline.aggregates.day_aggregates import DayRange
from grupa_pipeline.aggregates.engine import DuckDBEngine
from grupa_pipeline.event_catalog.action_meanings import EventCatalog
from grupa_pipeline.event_catalog.roles import Roles
from grupa_pipeline.maintenance.erasure import forget
from grupa_pipeline.maintenance.withdrawal import withdraw
from grupa_pipeline.settings import Settings
from grupa_pipeline.snapshots import build
from grupa_pipeline.snapshots.context import SnapshotContext
from grupa_pipeline.storage import aggregate_cache
from grupa_pipeline.storage.aggregate_cache import ParquetAggregateCache
from grupa_pipeline.storage.inbox import ingest_logs
from grupa_pipeline.storage.key_dictionary import NAME, ParquetKeyDictionary
from tests.grupa_pipeline.ingested_logs import NOW, log

HEADER = "user_id,timestamp,action,metadata"
FIRST = datetime(2025, 3, 1)
ACTIONS = (
    "login",
    "search",
    "feature_use",
    "proposal_create",
    "proposal_submit",
    "proposal_revise",
    "deal_complete",
    "deal_lost",
)


def events(days: range, seed: int) -> Iterator[str]:
    """Sessions that often last past midnight, with many events at the same instant; a few users have few events."""
    rng = random.Random(seed)
    for day in days:
        for user in rng.sample(range(14), 9):
            at = FIRST + timedelta(days=day, minutes=rng.choice([-40, 5, 600, 1430]))
            for _ in range(rng.randint(1, 2 if user > 11 else 9)):
                at += timedelta(minutes=rng.choice([0, 0, 3, 20, 31, 45]))
                action = rng.choice(ACTIONS)
                metadata = f'"{{""proposal_id"": ""p{rng.randint(1, 3)}"", ""feature"": ""f{rng.randint(1, 4)}""}}"'
                yield f"u{user},{at.isoformat()},{action},{metadata if rng.random() < 0.8 else ''}"


def ingest(warehouse: SnapshotContext, path: Path, days: range, seed: int) -> None:
    rows = list(dict.fromkeys(events(days, seed)))
    ingest_logs(warehouse.publication, [log(path, *rows, header=HEADER)], None, NOW)


def features(warehouse: SnapshotContext, day: int) -> pa.Table:
    return build.window_features(warehouse, (FIRST + timedelta(days=day)).date(), EventCatalog(Roles(), {})).features


@pytest.fixture
def warehouse(tmp_path: Path) -> SnapshotContext:
    warehouse = SnapshotContext(Settings(warehouse=tmp_path / "warehouse", window_days=40))
    ingest(warehouse, tmp_path / "first.csv", range(45), 1)
    return warehouse


@pytest.mark.slow
def test_features_from_cached_aggregates_equal_those_computed_at_once(
    warehouse: SnapshotContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[int]] = []
    original = day_aggregates.DayAggregates._events_of
    monkeypatch.setattr(
        day_aggregates.DayAggregates,
        "_events_of",
        lambda aggregates, numbers: read.append(numbers) or original(aggregates, numbers),
    )
    features(warehouse, 42)
    read.clear()
    pieced = features(warehouse, 43)  # the window loses a day at its start and wins one at its end
    assert read
    assert all(len(numbers) < 10 for numbers in read)
    monkeypatch.setattr(build, "aggregate_cache", lambda *_: None)
    whole = features(warehouse, 43)
    assert len(whole) > 10
    assert {"median_gap_days", "hours_to_submit", "feature_concentration"} <= set(whole.column_names)
    assert any(name.startswith("path_") for name in whole.column_names)
    assert pieced.equals(whole)


@pytest.mark.slow
def test_an_aggregate_does_not_depend_on_the_window_it_was_first_computed_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first window has creations and deals; only later ones have submissions, with which deals are then compared."""
    warehouse = SnapshotContext(Settings(warehouse=tmp_path / "warehouse", window_days=40))
    rows = [
        f'u{user},{FIRST + timedelta(days=day, hours=user)},{action},"{{""proposal_id"": ""p{day % 3}""}}"'
        for user in range(12)
        for day in range(30)
        for action in ("login", "proposal_create", "deal_complete", *(["proposal_submit"] if day > 22 else []))
    ]
    ingest_logs(warehouse.publication, [log(tmp_path / "log.csv", *rows, header=HEADER)], None, NOW)
    features(warehouse, 22)
    pieced = features(warehouse, 29)
    monkeypatch.setattr(build, "aggregate_cache", lambda *_: None)
    assert "deal_complete_per_proposal" in pieced.column_names
    assert pieced.equals(features(warehouse, 29))


@pytest.mark.slow
def test_a_damaged_aggregate_is_computed_again(warehouse: SnapshotContext) -> None:
    before = features(warehouse, 42)
    for path in aggregate_cache.cache_folder(warehouse.publication.folder).iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert features(warehouse, 42).equals(before)


@pytest.mark.slow
def test_aggregates_are_not_used_with_another_key_dictionary(
    warehouse: SnapshotContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dictionary is lost, or replaced by an older copy, while aggregates with its keys are cached."""
    path = aggregate_cache.cache_folder(warehouse.publication.folder) / NAME
    features(warehouse, 42)
    older = path.read_bytes()
    ingest(warehouse, tmp_path / "more.csv", range(42, 44), 5)  # with the same users
    more = [f"a{user},{FIRST + timedelta(days=43, hours=n)},login," for user in range(30) for n in range(6)]
    ingest_logs(warehouse.publication, [log(tmp_path / "new.csv", *more, header=HEADER)], None, NOW)
    features(warehouse, 43)
    other = [f"b{user},{FIRST + timedelta(days=44, hours=n)},login," for user in range(30) for n in range(6)]
    ingest_logs(warehouse.publication, [log(tmp_path / "other.csv", *other, header=HEADER)], None, NOW)
    path.write_bytes(older)
    after_older = features(warehouse, 44)
    path.unlink()
    after_loss = features(warehouse, 44)
    monkeypatch.setattr(build, "aggregate_cache", lambda *_: None)
    whole = features(warehouse, 44)
    assert {"a3", "b3"} <= set(whole["user_id"].to_pylist())
    assert after_older.equals(whole)
    assert after_loss.equals(whole)


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("CREATE TABLE made AS SELECT * FROM (VALUES (1, 7), (2, 9)) AS t (day_range, user_key)")
    con.execute("CREATE TABLE done AS SELECT 'u3' AS user_id, 'login' AS action")
    return con


def cache_of(warehouse: SnapshotContext, con: duckdb.DuckDBPyConnection, roles: str = "roles") -> ParquetAggregateCache:
    """A cache whose dictionary has one generation, the same in each call."""
    dictionary = ParquetKeyDictionary(aggregate_cache.cache_folder(warehouse.publication.folder))
    if not dictionary.generations:
        with DuckDBEngine(con, key_dictionary=dictionary) as engine:
            engine.assign_keys(engine.events("done"))
    return ParquetAggregateCache(warehouse.publication, roles, con, dictionary)


TWO_DAYS = DayRange(FIRST + timedelta(days=8), FIRST + timedelta(days=10))


@pytest.mark.slow
def test_a_stored_aggregate_is_read_back(warehouse: SnapshotContext, con: duckdb.DuckDBPyConnection) -> None:
    cache = cache_of(warehouse, con)
    assert not cache.holds("counts", TWO_DAYS)
    cache.put("counts", TWO_DAYS, "made", 2)
    assert cache.holds("counts", TWO_DAYS)
    assert not cache.holds("uses", TWO_DAYS)
    assert con.execute(f"SELECT * FROM {cache.show('counts', [TWO_DAYS])}").fetchall() == [(9,)]


@pytest.mark.slow
def test_pieces_without_events_are_left_out(warehouse: SnapshotContext, con: duckdb.DuckDBPyConnection) -> None:
    long_ago = DayRange(FIRST - timedelta(days=90), FIRST - timedelta(days=80))
    assert cache_of(warehouse, con).with_events([long_ago, TWO_DAYS]) == [TWO_DAYS]


@pytest.mark.slow
def test_an_aggregate_is_invalid_once_events_of_its_days_change(
    warehouse: SnapshotContext, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    cache_of(warehouse, con).put("counts", TWO_DAYS, "made", 2)
    ingest(warehouse, tmp_path / "other.csv", range(20, 22), 2)
    assert cache_of(warehouse, con).holds("counts", TWO_DAYS)
    ingest(warehouse, tmp_path / "second.csv", range(8, 10), 3)
    assert not cache_of(warehouse, con).holds("counts", TWO_DAYS)


@pytest.mark.slow
def test_other_roles_have_other_aggregates(warehouse: SnapshotContext, con: duckdb.DuckDBPyConnection) -> None:
    cache_of(warehouse, con).put("counts", TWO_DAYS, "made", 2)
    assert not cache_of(warehouse, con, "other roles").holds("counts", TWO_DAYS)


@pytest.mark.slow
def test_erasing_a_person_deletes_all_aggregates(warehouse: SnapshotContext, con: duckdb.DuckDBPyConnection) -> None:
    cache_of(warehouse, con).put("counts", TWO_DAYS, "made", 2)
    forget(Settings(warehouse=warehouse.publication.folder), "u3")
    assert list(aggregate_cache.cache_folder(warehouse.publication.folder).iterdir()) == []


@pytest.mark.slow
def test_withdrawing_a_file_deletes_all_aggregates(warehouse: SnapshotContext, con: duckdb.DuckDBPyConnection) -> None:
    cache_of(warehouse, con).put("counts", TWO_DAYS, "made", 2)
    rows = warehouse.publication.query("SELECT file_sha256 FROM ingested_files")
    withdraw(Settings(warehouse=warehouse.publication.folder), rows["file_sha256"][0].as_py())
    assert list(aggregate_cache.cache_folder(warehouse.publication.folder).iterdir()) == []


@pytest.mark.slow
def test_unread_aggregates_and_drafts_are_deleted(warehouse: SnapshotContext, con: duckdb.DuckDBPyConnection) -> None:
    cache, folder = cache_of(warehouse, con), warehouse.publication.folder
    cache.put("counts", TWO_DAYS, "made", 2)
    (aggregate_cache.cache_folder(folder) / ".half.parquet").touch()
    aggregate_cache.clear(folder)
    assert [path.name[0] != "." for path in aggregate_cache.cache_folder(folder).iterdir()] == [
        True,
        True,
    ]  # the aggregate and the dictionary
    for path in aggregate_cache.cache_folder(folder).iterdir():
        os.utime(path, (time.time() + 3600,) * 2)  # the clock was set back
    aggregate_cache.clear(folder, keep_days=0)
    assert not cache.holds("counts", TWO_DAYS)


def test_pieces_are_as_long_as_the_calendar_allows() -> None:
    start = datetime(1970, 1, 1) + timedelta(days=31)
    days = [(part.end - part.start).days for part in day_aggregates.split_days(start, start + timedelta(days=46))]
    assert days == [1, 32, 8, 1, 1, 1, 1, 1]
    assert day_aggregates.split_days(start, start) == []
    assert day_aggregates.split_days(start, start + timedelta(days=1))[0].start.date() == date(1970, 2, 1)


def test_days_aggregated_at_once_are_never_longer_than_the_longest_piece() -> None:
    parts = day_aggregates.split_days(datetime(1970, 2, 1), datetime(1970, 2, 1) + timedelta(days=100))
    aggregates = day_aggregates.DayAggregates(engine=None, events=None, ranges=parts, cache=None)  # type: ignore[arg-type]
    batches = aggregates._batches([number for number in range(len(parts)) if number != 4])
    days = [(parts[numbers[-1]].end - parts[numbers[0]].start).days for numbers in batches]
    assert [number for numbers in batches for number in numbers] == [n for n in range(len(parts)) if n != 4]
    assert max(days) <= 32
    assert len(batches) < len(parts)
    assert all(4 not in range(numbers[0], numbers[-1] + 1) for numbers in batches)


def test_other_code_has_other_aggregates() -> None:
    hashed: list[Path] = []
    read = Path.read_bytes

    def note(path: Path) -> bytes:
        hashed.append(path)
        return read(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", note)
        aggregate_cache.code_sha256.__wrapped__()
    assert {path.parent.name for path in hashed} == {"aggregates", "event_catalog", "features", "vocabulary"}
