"""Days as Dagster partitions: each snapshot is one, and a run makes one or a range of them."""

from collections.abc import Mapping
from datetime import date, timedelta

import dagster as dg

SNAPSHOT_DAYS = dg.DailyPartitionsDefinition("1970-01-01", end_offset=2)
"""One partition a snapshot: any day that a log can hold. Today is one, and so is tomorrow: a log's clock may be a day ahead."""

_DAY = "dagster/partition"
_FIRST, _LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def days_of_run(tags: Mapping[str, str]) -> list[date]:
    """The snapshots that the run with these tags makes, in order; none for a run without partitions."""
    if _DAY in tags:
        return [date.fromisoformat(tags[_DAY])]
    if _FIRST not in tags:
        return []
    first, last = date.fromisoformat(tags[_FIRST]), date.fromisoformat(tags[_LAST])
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
