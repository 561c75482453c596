"""Days as Dagster partitions: a partition is a snapshot, and a run computes one or a range of them."""

from collections.abc import Mapping
from datetime import date, timedelta

import dagster as dg

SNAPSHOT_DAYS = dg.DailyPartitionsDefinition("1970-01-01", end_offset=2)
"""Any day that a log can hold: up to tomorrow, as the clock of a log may be a day ahead."""

PARTITION_TAG = "dagster/partition"
"""Tag in which Dagster keeps a run's partition."""
_FIRST, _LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def days_of_run(tags: Mapping[str, str]) -> list[date]:
    """The snapshots, in order, of the run with these tags; none for a run without partitions."""
    if PARTITION_TAG in tags:
        return [date.fromisoformat(tags[PARTITION_TAG])]
    if _FIRST not in tags:
        return []
    first, last = date.fromisoformat(tags[_FIRST]), date.fromisoformat(tags[_LAST])
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
