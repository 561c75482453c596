"""Where the days of the snapshots begin."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from grupa_pipeline.defs.partitions import first_day, snapshot_days
from grupa_pipeline.settings import SettingError, Settings
from grupa_pipeline.storage import inbox
from grupa_pipeline.storage.publication import Publication
from tests.grupa_pipeline import ingested_logs


def ingest(folder: Path, name: str, *lines: str) -> None:
    inbox.ingest_logs(Publication(folder), [ingested_logs.log(folder.parent / name, *lines)], None, ingested_logs.NOW)


@pytest.mark.slow
def test_snapshots_begin_at_the_first_accepted_event_and_an_earlier_log_moves_that(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path / "warehouse")
    assert first_day(settings) == datetime.now(UTC).date()
    ingest(settings.warehouse, "a.csv", "a,2025-06-01 10:00:00,login", "a,2025-06-03 10:00:00,login")
    assert first_day(settings) == date(2025, 6, 1)
    ingest(settings.warehouse, "b.csv", "a,2025-05-20 10:00:00,login")
    days = snapshot_days(settings)
    assert days.get_partition_keys()[0] == "2025-05-20"
    assert days.has_partition_key(datetime.now(UTC).date().isoformat())
    assert len(days.get_partition_keys()) < 20_000


@pytest.mark.slow
def test_the_setting_decides_and_no_day_is_before_1970(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path / "warehouse", first_day=date(2025, 6, 2))
    ingest(settings.warehouse, "a.csv", "a,1969-12-31 10:00:00,login", "a,2025-06-03 10:00:00,login")
    assert first_day(settings) == date(2025, 6, 2)
    assert first_day(Settings(warehouse=settings.warehouse)) == date(1970, 1, 1)


def test_a_warehouse_that_does_not_open_still_loads(tmp_path: Path) -> None:
    (tmp_path / "grupa.duckdb").write_text("no database")
    assert first_day(Settings(warehouse=tmp_path)) == date(1970, 1, 1)


@pytest.mark.parametrize("text", ["yesterday", "1969-12-31", "9999-01-01", "2025-02-30"])
def test_a_first_day_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"GRUPA_FIRST_DAY is .*1970-01-01 to today"):
        Settings.from_env({"GRUPA_FIRST_DAY": text})
