"""Damage of published files: found when they are read, named with what brings them back, and brought back by it."""

import random
import shlex
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grupa_pipeline.storage import file_integrity, schema, staging, warehouse
from grupa_pipeline.storage.file_integrity import DamagedFileError, PublishedFile, VerifiedConnection, fill_hashes
from grupa_pipeline.storage.inbox import ingest_logs
from grupa_pipeline.storage.parquet_files import file_key, store
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import EVENTS, USER_CLUSTERS
from tests.grupa_pipeline.ingested_logs import NOW, held, log

DAY = date(2025, 6, 1)


def flip(path: Path, position: int | None = None) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[random.Random(0).randrange(len(content)) if position is None else position] ^= 1
    path.write_bytes(content)


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    """Events of two days: the first from two logs, of which the second repeats an event of the first."""
    publication, done = Publication(tmp_path / "house"), tmp_path / "house" / "inbox" / "done"
    done.mkdir(parents=True)
    shared, later = "a,2025-06-01T10:00:00,login", "a,2025-06-02T10:00:00,login"
    for number, lines in enumerate(
        (["b,2025-06-01T10:00:00,login", shared, later], [shared, "c,2025-06-01T11:00:00,x"])
    ):
        ingest_logs(publication, [log(done / f"{number}.csv", *lines)], None, NOW)
    return publication


@pytest.mark.slow
def test_no_changed_byte_of_a_file_is_read(publication: Publication) -> None:
    path = publication.event_files(DAY, date(2025, 6, 2))[0]
    sound = path.read_bytes()
    for position in (0, len(sound) // 3, len(sound) - 1):
        flip(path, position)
        with pytest.raises(DamagedFileError, match="its bytes are not those"):
            held(publication)
        with pytest.raises(DamagedFileError):
            publication.event_files()
        path.write_bytes(sound)
    assert len(held(publication)) == 3


@pytest.mark.slow
def test_a_file_is_read_once_a_process_and_again_when_it_was_written(
    publication: Publication, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    monkeypatch.setattr(file_integrity, "file_key", lambda path: read.append(path) or file_key(path))
    file_integrity.forget_checks()
    for _ in range(3):
        held(publication)
    assert sorted(read) == sorted(publication.event_files()) and len(read) == 3
    read[0].write_bytes(read[0].read_bytes())
    held(publication)
    assert len(read) == 4


@pytest.mark.slow
@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("which", range(3))
def test_the_command_that_the_message_names_brings_events_back(
    publication: Publication, which: int, gone: bool
) -> None:
    before, tables = held(publication), publication.query("SELECT * FROM ingested_files").to_pylist()
    damaged = publication.event_files()[which]
    damaged.unlink() if gone else flip(damaged)
    with pytest.raises(DamagedFileError) as error:
        held(publication)
    message = str(error.value)
    assert str(damaged) in message and damaged.parent.name in message
    command = shlex.split(message.partition("`")[2].partition("`")[0])
    assert command[:2] == ["grupa", "run"]
    ingest_logs(publication, [Path(name) for name in command[2:]], None, NOW)
    assert held(publication) == before and len(publication.event_files()) == 3
    assert publication.query("SELECT * FROM ingested_files").to_pylist() == tables


@pytest.mark.slow
def test_an_original_that_is_gone_is_named_with_its_hash(publication: Publication) -> None:
    original = publication.folder / "inbox" / "done" / "1.csv"
    sha256 = file_key(original)
    original.unlink()
    for path in publication.event_files():
        flip(path)
    with pytest.raises(DamagedFileError) as error:
        held(publication)
    assert f"ingest 1.csv (SHA-256 {sha256[:12]}) again" in str(error.value)


@pytest.mark.slow
def test_another_log_does_not_take_the_place_of_damaged_events(publication: Publication, tmp_path: Path) -> None:
    flip(publication.event_files()[0])
    with pytest.raises(DamagedFileError):
        ingest_logs(publication, [log(tmp_path / "new.csv", "d,2025-06-01T10:00:00,login")], None, NOW)
    ingest_logs(publication, [log(tmp_path / "other.csv", "d,2025-07-01T10:00:00,login")], None, NOW)
    assert publication.count_events() == 5


@pytest.mark.slow
def test_a_statement_checks_the_tables_and_days_that_it_reads(publication: Publication, tmp_path: Path) -> None:
    with warehouse.publish(publication.database) as con:
        for day in (1, 2):
            rows = pa.table({"snapshot_date": [date(2025, 6, day)], "user_id": ["a"]})
            pq.write_table(rows, tmp_path / "rows.parquet")
            path, sha256 = store(publication.folder, USER_CLUSTERS, date(2025, 6, day), tmp_path / "rows.parquet")
            state = staging.TableState(staging.content_key(rows), {}, 1, path, sha256)
            publication.record_state(con, USER_CLUSTERS, date(2025, 6, day), state)
            (tmp_path / "rows.parquet").unlink()
    flip(path)
    flip(publication.event_files()[0])
    with warehouse.read(publication.database) as con:
        checked = VerifiedConnection.of(con, publication.folder)
        assert checked.execute("SELECT events FROM segmentations").fetchall() == []
        checked.execute("SELECT 1 FROM user_embeddings WHERE snapshot_date = ?", [date(2025, 6, 2)])
        for sql in ("SELECT 1 FROM user_clusters", "WITH x AS (SELECT * FROM main.events) FROM x", 'FROM "events"'):
            with pytest.raises(DamagedFileError):
                checked.execute(sql)
        one = "SELECT count(*) FROM segmentations LEFT JOIN user_clusters u USING (snapshot_date) WHERE u.snapshot_date = $day"
        checked.execute(one, {"day": date(2025, 6, 1)})
        with pytest.raises(DamagedFileError, match="grupa run --as-of 2025-06-02"):
            checked.sql(one, params={"day": date(2025, 6, 2)})


def test_a_damaged_file_is_replaced_by_one_of_the_same_content(tmp_path: Path) -> None:
    source = tmp_path / "a.parquet"
    source.write_bytes(b"content")
    stored, sha256 = store(tmp_path, EVENTS, DAY, source)
    stored.unlink()
    stored.write_bytes(b"contend")
    assert store(tmp_path, EVENTS, DAY, source) == (stored, sha256)
    assert stored.read_bytes() == b"content"


@pytest.mark.slow
def test_files_of_an_earlier_release_get_hashes_where_their_rows_are_those_published(
    publication: Publication, tmp_path: Path
) -> None:
    rows = pa.table({"user_id": ["a", "b"], "x": [0.5, 1.0]})
    stored = []
    for day in (1, 2):
        pq.write_table(rows, tmp_path / "rows.parquet", compression="zstd")
        stored.append(store(publication.folder, USER_CLUSTERS, date(2025, 7, day), tmp_path / "rows.parquet").path)
        (tmp_path / "rows.parquet").unlink()
    flip(stored[1], 20)
    with warehouse.publish(publication.database) as con:
        for day, path in enumerate(stored, start=1):
            state = staging.TableState(staging.content_key(rows), {}, 2, path)
            publication.record_state(con, USER_CLUSTERS, date(2025, 7, day), state)
        con.execute("UPDATE published_files SET bytes_sha256 = NULL, inputs = '{}'")
    hashes = [file.sha256 for file in publication.published_files()]
    assert hashes == [None] * 5
    with warehouse.publish(publication.database) as con:
        fill_hashes(con, publication.folder)
    files = {file.path: file for file in publication.published_files()}
    assert files[stored[0]].sha256 == file_key(stored[0]) and files[stored[1]].sha256 is None
    events = [file for file in files.values() if file.table == EVENTS.name]
    originals = {file_key(path) for path in (publication.folder / "inbox" / "done").iterdir()}
    assert {file.log_sha256 for file in events} == originals
    assert all(file.sha256 == file_key(file.path) for file in events)


@pytest.mark.slow
def test_events_whose_log_is_not_known_come_back_from_all_logs_of_that_day(publication: Publication) -> None:
    before, damaged = held(publication), publication.event_files()[0]
    with warehouse.publish(publication.database) as con:
        con.execute("UPDATE published_files SET inputs = '{}'")
        schema.ensure_tables(con)
    flip(damaged)
    logs = sorted((publication.folder / "inbox" / "done").iterdir())
    ingest_logs(publication, logs[:1], None, datetime(2025, 7, 1))
    with pytest.raises(DamagedFileError) as error:
        held(publication)
    assert all(str(path) in str(error.value) for path in logs)
    ingest_logs(publication, logs, None, NOW)
    assert held(publication) == before


def test_duckdb_does_not_verify_page_checksums(tmp_path: Path) -> None:
    """Once it does, checking hashes before reading is no longer needed for what has page checksums."""
    path = tmp_path / "a.parquet"
    rows = pa.table({"x": list(range(1000))})
    pq.write_table(rows, path, compression="none", use_dictionary=False, write_page_checksum=True)
    flip(path, 300)
    with pytest.raises(OSError, match="CRC"):
        pq.read_table(path, page_checksum_verification=True)
    assert duckdb.connect().sql(f"SELECT count(*) FROM '{path}'").fetchall() == [(1000,)]
    assert duckdb.connect().sql(f"SELECT sum(x) FROM '{path}'").fetchall() != [(sum(range(1000)),)]


def test_a_published_file_without_a_hash_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"x")
    file = PublishedFile(tmp_path / "a.parquet", "user_clusters", DAY, "key", 1, None)
    assert file_integrity.find_damage([file]) == {}
