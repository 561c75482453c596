import os
import shutil
from pathlib import Path

import dagster as dg
import pytest

from grupa_pipeline.defs import weekly_check
from grupa_pipeline.defs.resources import WarehouseResource
from grupa_pipeline.maintenance.status import restore, status
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import run_lock, warehouse
from grupa_pipeline.storage.inbox import ingest_logs
from grupa_pipeline.storage.migrations import NewerFileError
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.storage.repair import repair
from tests.grupa_pipeline.ingested_logs import NOW, held, log


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    publication = Publication(tmp_path / "house")
    for number in range(2):
        path = log(tmp_path / f"{number}.csv", f"user-{number},2025-06-01T10:00:00,login")
        ingest_logs(publication, [path], None, NOW)
    return publication


def state(publication: Publication) -> tuple[str, bool]:
    return status(Settings(warehouse=publication.folder))


def moved(publication: Publication) -> Publication:
    """The warehouse in another place; nothing is left in the old one."""
    shutil.move(publication.folder, publication.folder.with_name("moved"))
    return Publication(publication.folder.with_name("moved"))


@pytest.mark.slow
def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    odd = Publication(tmp_path / "it's [our] house*")
    ingest_logs(odd, [log(tmp_path / "log[1].csv", "user-0,2025-06-01T10:00:00,login")], None, NOW)
    text, sound = state(odd)
    assert sound and "1 events from 1 files" in text
    assert held(odd) == {("user-0", "login")}


@pytest.mark.slow
def test_a_sound_warehouse_is_summarised(publication: Publication) -> None:
    text, sound = state(publication)
    assert sound and "2 events from 2 files, 0 snapshots" in text


@pytest.mark.slow
def test_a_moved_folder_is_reported_and_repaired(publication: Publication) -> None:
    there = moved(publication)
    text, sound = state(there)
    assert not sound and "was moved or copied" in text
    repair(Settings(warehouse=there.folder))
    assert state(there)[1] and len(held(there)) == 2
    version = warehouse.version(there.database)
    repair(Settings(warehouse=there.folder))
    assert warehouse.version(there.database) == version


@pytest.mark.slow
def test_a_copy_does_not_show_the_rows_of_what_it_was_copied_from(publication: Publication) -> None:
    copy = Publication(publication.folder.with_name("copy"))
    shutil.copytree(publication.folder, copy.folder, symlinks=True)
    assert "was moved or copied" in state(copy)[0]
    restore(Settings(warehouse=copy.folder), None)
    assert state(copy)[1] and held(copy) == {("user-0", "login")}
    assert state(publication)[1]


@pytest.mark.slow
def test_a_removed_link_is_created_again(publication: Publication) -> None:
    publication.database.unlink()
    assert "is missing" in state(publication)[0]
    repair(Settings(warehouse=publication.folder))
    assert state(publication)[1] and len(held(publication)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("which", ["published", "versions"])
def test_a_damaged_file_is_reported_and_restored(publication: Publication, which: str) -> None:
    name = warehouse.version(publication.database)
    damaged = publication.folder / which / f"{name}.duckdb"
    damaged.chmod(0o644)
    damaged.write_bytes(b"x" * 5000)
    text, sound = state(publication)
    assert not sound and (f"grupa restore {name}" if which == "published" else "does not open") in text
    restore(Settings(warehouse=publication.folder), name if which == "published" else None)
    assert state(publication)[1]
    assert len(held(publication)) == (2 if which == "published" else 1)


@pytest.mark.slow
def test_after_a_downgrade_the_last_readable_version_is_restored(publication: Publication) -> None:
    readable = warehouse.version(publication.database)
    for _ in range(2):
        with warehouse.publish(publication.database) as con:
            con.execute("UPDATE schema_version SET version = 99")
    newer = warehouse.version(publication.database)
    settings = Settings(warehouse=publication.folder)
    with pytest.raises(NewerFileError):
        restore(settings, newer)
    assert warehouse.version(publication.database) == newer, "nothing was published"
    damaged = publication.folder / "versions" / f"{newer}.duckdb"
    damaged.chmod(0o644)
    damaged.write_bytes(b"x" * 5000)
    with pytest.raises(warehouse.DamagedWarehouseError, match="another version"):
        restore(settings, newer)
    assert restore(settings, None).startswith(readable)
    assert len(held(publication)) == 2


@pytest.mark.slow
def test_restoring_again_goes_further_back(publication: Publication, tmp_path: Path) -> None:
    ingest_logs(publication, [log(tmp_path / "3.csv", "user-3,2025-06-01T10:00:00,login")], None, NOW)
    settings = Settings(warehouse=publication.folder)
    users = []
    for _ in range(2):
        restore(settings, None)
        users.append(len(held(publication)))
    assert users == [2, 1]
    with pytest.raises(warehouse.NoWarehouseError, match="no earlier version"):
        restore(settings, None)
    ingest_logs(publication, [log(tmp_path / "4.csv", "user-4,2025-06-01T10:00:00,login")], None, NOW)
    restore(settings, None)
    assert held(publication) == {("user-0", "login")}


def test_a_folder_without_a_warehouse_says_so(tmp_path: Path) -> None:
    text, sound = status(Settings(warehouse=tmp_path))
    assert sound and "no warehouse" in text and "grupa run LOG.csv" in text


@pytest.mark.slow
@pytest.mark.parametrize("content", [None, b"PAR1 and no more", b""])
def test_a_missing_or_damaged_parquet_file_is_reported(publication: Publication, content: bytes | None) -> None:
    path = publication.event_files()[0]
    path.unlink() if content is None else path.write_bytes(content)
    text, sound = state(publication)
    assert not sound and str(path) in text


@pytest.mark.slow
def test_the_deep_check_names_every_changed_file(publication: Publication) -> None:
    settings, paths = Settings(warehouse=publication.folder), publication.event_files()
    assert status(settings, deep=True)[1]
    for path in paths:
        content = bytearray(path.read_bytes())
        content[30] ^= 1
        path.write_bytes(content)
    assert status(settings)[1], "the files open and have as many rows"
    text, sound = status(settings, deep=True)
    assert not sound and all(str(path) in text for path in paths) and "grupa run" in text
    with pytest.raises(dg.Failure) as failure:
        weekly_check.check_files(WarehouseResource.of(settings))
    assert all(str(path) in (failure.value.description or "") for path in paths)


@pytest.mark.slow
def test_the_deep_check_reads_the_tables_of_both_databases(publication: Publication) -> None:
    own = publication.folder / "versions" / f"{warehouse.version(publication.database)}.duckdb"
    with warehouse.publish(publication.database) as con:
        con.execute("INSERT INTO rejected_rows SELECT 'x', i, 'reason', md5(i::VARCHAR) FROM range(50000) t(i)")
    own = publication.folder / "versions" / f"{warehouse.version(publication.database)}.duckdb"
    content = bytearray(own.read_bytes())
    content[len(content) // 2] ^= 1
    for path in (own, publication.database.resolve()):
        path.chmod(0o644)
        path.write_bytes(content)
    text, sound = status(Settings(warehouse=publication.folder), deep=True)
    assert not sound and own.stem in text and "grupa restore" in text


@pytest.mark.slow
def test_the_next_run_deletes_what_killed_runs_left(publication: Publication) -> None:
    left = publication.folder / ".ingest-killed"
    left.mkdir()
    (left / "half.parquet").write_bytes(b"x")
    home = publication.folder / "staging" / "2025-06-01"
    home.mkdir(parents=True)
    (home / ".user_features.parquet").write_bytes(b"x")
    (home / "clusters.parquet").write_bytes(b"x")
    with run_lock.hold_run_lock(publication.folder, purpose="a test"):
        assert not left.exists()
        assert [path.name for path in home.iterdir()] == ["clusters.parquet"]
    os.utime(home, (0, 0))
    with run_lock.hold_run_lock(publication.folder, purpose="a test"):
        assert not home.exists()


@pytest.mark.slow
def test_no_file_is_deleted_while_a_version_does_not_open(publication: Publication) -> None:
    kept = publication.event_files()
    oldest = warehouse.versions(publication.database)[0]
    oldest.write_bytes(b"x" * 5000)
    publication.delete_unreferenced_files()
    assert all(path.exists() for path in kept)


@pytest.mark.slow
def test_names_of_files_are_synced_before_a_version_names_them(
    publication: Publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(warehouse, "sync", synced.append)
    ingest_logs(publication, [log(tmp_path / "c.csv", "c,2025-06-02T10:00:00,login")], None, NOW)
    data = publication.folder / "data"
    [shown] = [number for number, path in enumerate(synced) if path == publication.folder / "published"]
    before = synced[:shown]
    assert {data / "events" / "2025-06-02", data / "events", data, publication.folder} <= set(before)
    assert any(path.suffix == ".parquet" for path in before)
    assert synced[-1] == publication.folder  # and the link last
