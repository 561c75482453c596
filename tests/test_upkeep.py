import os
import shutil
from pathlib import Path

import pytest

from grupa_pipeline import exclusive, warehouse
from grupa_pipeline.inbox import take_in_files
from grupa_pipeline.publication import Publication
from grupa_pipeline.settings import Settings
from grupa_pipeline.upkeep import mend, restore, status
from tests.takings import NOW, held, log


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    publication = Publication(tmp_path / "house")
    for number in range(2):
        path = log(tmp_path / f"{number}.csv", f"user-{number},2025-06-01T10:00:00,login")
        take_in_files(publication, [path], None, NOW)
    return publication


def state(publication: Publication) -> tuple[str, bool]:
    return status(Settings(warehouse=publication.folder))


def moved(publication: Publication) -> Publication:
    """The warehouse in another place; nothing is left in the old one."""
    shutil.move(publication.folder, publication.folder.with_name("moved"))
    return Publication(publication.folder.with_name("moved"))


def test_a_sound_warehouse_says_what_is_there(publication: Publication) -> None:
    text, sound = state(publication)
    assert sound and "2 events from 2 files, 0 snapshots" in text


def test_a_moved_folder_is_told_and_mended(publication: Publication) -> None:
    there = moved(publication)
    text, sound = state(there)
    assert not sound and "was moved or copied" in text
    mend(Settings(warehouse=there.folder))
    assert state(there)[1] and len(held(there)) == 2
    version = warehouse.version(there.database)
    mend(Settings(warehouse=there.folder))
    assert warehouse.version(there.database) == version


def test_a_copy_does_not_show_the_rows_of_what_it_was_copied_from(publication: Publication) -> None:
    copy = Publication(publication.folder.with_name("copy"))
    shutil.copytree(publication.folder, copy.folder, symlinks=True)
    assert "was moved or copied" in state(copy)[0]
    restore(Settings(warehouse=copy.folder), None)
    assert state(copy)[1] and held(copy) == {("user-0", "login")}
    assert state(publication)[1]


def test_a_link_that_somebody_removed_is_made_again(publication: Publication) -> None:
    publication.database.unlink()
    assert "is missing" in state(publication)[0]
    mend(Settings(warehouse=publication.folder))
    assert state(publication)[1] and len(held(publication)) == 2


@pytest.mark.parametrize("which", ["published", "versions"])
def test_a_file_that_somebody_spoilt_is_told_and_restored(publication: Publication, which: str) -> None:
    name = warehouse.version(publication.database)
    spoilt = publication.folder / which / f"{name}.duckdb"
    spoilt.chmod(0o644)
    spoilt.write_bytes(b"x" * 5000)
    text, sound = state(publication)
    assert not sound and (f"grupa restore {name}" if which == "published" else "does not open") in text
    restore(Settings(warehouse=publication.folder), name if which == "published" else None)
    assert state(publication)[1]
    assert len(held(publication)) == (2 if which == "published" else 1)


@pytest.mark.parametrize("content", [None, b"PAR1 and no more", b""])
def test_a_parquet_file_that_is_gone_or_spoilt_is_told(publication: Publication, content: bytes | None) -> None:
    path = publication.event_files()[0]
    path.unlink() if content is None else path.write_bytes(content)
    text, sound = state(publication)
    assert not sound and str(path) in text


def test_what_killed_runs_left_goes_with_the_next_one(publication: Publication) -> None:
    left = publication.folder / ".ingest-killed"
    left.mkdir()
    (left / "half.parquet").write_bytes(b"x")
    home = publication.folder / "staging" / "2025-06-01"
    home.mkdir(parents=True)
    (home / ".user_features.parquet").write_bytes(b"x")
    (home / "clusters.parquet").write_bytes(b"x")
    with exclusive.alone(publication.folder, purpose="a test"):
        assert not left.exists()
        assert [path.name for path in home.iterdir()] == ["clusters.parquet"]
    os.utime(home, (0, 0))
    with exclusive.alone(publication.folder, purpose="a test"):
        assert not home.exists()


def test_a_version_that_does_not_open_stops_no_clearing_of_others(publication: Publication) -> None:
    kept = publication.event_files()
    oldest = warehouse.versions(publication.database)[0]
    oldest.write_bytes(b"x" * 5000)
    publication.clear_out()
    assert all(path.exists() for path in kept)
