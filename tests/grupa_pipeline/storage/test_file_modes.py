"""Who among the accounts of a machine may read a warehouse."""

import grp
import os
import stat
from datetime import date
from pathlib import Path

import pytest

from grupa_pipeline.maintenance.status import status
from grupa_pipeline.settings import SettingError, Settings
from grupa_pipeline.storage import audit_log, file_modes, parquet_files, warehouse
from grupa_pipeline.tables import EVENTS

GROUP = grp.getgrgid(os.getgid()).gr_name


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def publish(folder: Path) -> Path:
    """Publish a version and a Parquet file as runs do; returns the Parquet file."""
    with warehouse.publish(folder / warehouse.PIPELINE_FILE) as con:
        con.execute("CREATE TABLE IF NOT EXISTS t (x INT)")
    rows = folder / "rows.parquet"
    rows.write_bytes(b"rows")
    (folder / "staging").mkdir(exist_ok=True)
    return parquet_files.store(folder, EVENTS, date(2026, 3, 1), rows).path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "house" / "warehouse"


@pytest.mark.parametrize(
    ("group", "of_folder", "of_readable", "of_published"),
    [(None, 0o700, 0o700, 0o400), (GROUP, 0o750, 0o750, 0o440)],
)
def test_a_new_warehouse_is_private_or_its_groups(
    folder: Path, group: str | None, of_folder: int, of_readable: int, of_published: int
) -> None:
    settings = Settings(warehouse=folder, file_group=group)
    file_modes.prepare(settings)
    parquet = publish(folder)
    audit_log.record(folder, audit_log.AuditAction.RUN)
    assert mode(folder) == of_folder
    for readable in (folder / "published", folder / "data", parquet.parent, parquet.parent.parent):
        assert mode(readable) == of_readable
    assert mode(folder / warehouse.PIPELINE_FILE) == mode(parquet) == of_published
    assert folder.stat().st_gid == parquet.stat().st_gid
    closed = [folder / each for each in ("versions", "staging", "audit")]
    assert [mode(each) & 0o077 for each in closed] == [0, 0, 0]
    assert file_modes.reading_warning(settings) is None


def test_what_is_there_keeps_its_mode_and_is_told(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "README.md").touch()
    (folder / "inbox").mkdir()
    file_modes.prepare(Settings(warehouse=folder))
    parquet = publish(folder)
    assert (mode(folder), mode(parquet), mode(parquet.parent), mode(folder / "staging")) == (0o755, 0o444, 0o755, 0o755)
    warning = f"To keep them out: chmod 700 '{folder}'"
    assert warning in status(Settings(warehouse=folder))[0]
    folder.chmod(0o700)
    assert warning not in status(Settings(warehouse=folder))[0]


def test_a_folder_with_nothing_but_its_page_is_new(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "README.md").touch()
    file_modes.prepare(Settings(warehouse=folder))
    assert mode(folder) == 0o700


def test_the_advice_for_a_group_works(folder: Path) -> None:
    file_modes.prepare(Settings(warehouse=folder))
    parquet = publish(folder)
    settings = Settings(warehouse=folder, file_group=GROUP)
    warning = file_modes.reading_warning(settings)
    assert warning is not None
    os.system(warning.partition("read it: ")[2])
    assert file_modes.reading_warning(settings) is None
    assert (mode(folder), mode(parquet), mode(folder / "published")) == (0o750, 0o440, 0o750)
    assert mode(publish(folder)) == 0o440


def test_an_unknown_group_is_told_before_anything_is_made(folder: Path) -> None:
    with pytest.raises(SettingError, match="no such group"):
        file_modes.prepare(Settings(warehouse=folder, file_group="no-such-group"))
    assert not folder.exists()
