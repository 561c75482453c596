"""Days as Dagster partitions: a partition is a snapshot, and a run computes one or a range of them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import dagster as dg

from grupa_pipeline.setting_values import EARLIEST_DAY
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import warehouse
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.storage.warehouse import DamagedWarehouseError
from grupa_pipeline.tables import PUBLISHED_FILES

_TO_TOMORROW = 2
"""Offset of the last partition: up to tomorrow, as the clock of a log may be a day ahead."""

ANY_DAY = dg.DailyPartitionsDefinition(EARLIEST_DAY.isoformat(), end_offset=_TO_TOMORROW)
"""Any day that a log can hold."""

PARTITION_TAG = "dagster/partition"
"""Tag in which Dagster keeps a run's partition."""
_FIRST, _LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def snapshot_days(settings: Settings) -> dg.DailyPartitionsDefinition:
    """The days that a snapshot of this warehouse can have, from `first_day` to tomorrow."""
    return dg.DailyPartitionsDefinition(first_day(settings).isoformat(), end_offset=_TO_TOMORROW)


def first_day(settings: Settings) -> date:
    """The day of the first snapshot: `GRUPA_FIRST_DAY`, else that of the first accepted event or snapshot; today without any.

    Of a warehouse that does not open nothing is known, so that any day may be the first.
    """
    if settings.first_day:
        return settings.first_day
    today = datetime.now(UTC).date()
    try:
        published = _first_published_day(
            settings.warehouse, warehouse.version(Publication(settings.warehouse).database)
        )
    except DamagedWarehouseError:
        return EARLIEST_DAY
    return max(EARLIEST_DAY, min(today, published or today))


@lru_cache(maxsize=4)
def _first_published_day(folder: Path, version: str | None) -> date | None:
    """The first day of events or snapshots in this version; the sensor asks every few seconds."""
    rows = Publication(folder).query(f"SELECT min(day) AS day FROM {PUBLISHED_FILES.name}").to_pylist()
    return rows[0]["day"] if rows else None


def days_of_run(tags: Mapping[str, str]) -> list[date]:
    """The snapshots, in order, of the run with these tags; none for a run without partitions."""
    if PARTITION_TAG in tags:
        return [date.fromisoformat(tags[PARTITION_TAG])]
    if _FIRST not in tags:
        return []
    first, last = date.fromisoformat(tags[_FIRST]), date.fromisoformat(tags[_LAST])
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
