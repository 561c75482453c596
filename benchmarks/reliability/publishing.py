"""Cost of publishing a day as a share of the run that computes it, with 30 snapshots of 10,000 users kept."""

import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from grupa.cli.run import run
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import staging
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import SNAPSHOT_TABLES, Table
from sample_data.generate import END, write_log

USERS, SNAPSHOTS = 10_000, 30


def measure(folder: Path, users: int = USERS) -> tuple[float, float]:
    """Seconds spent publishing in a run on `users` users, and seconds of that run."""
    settings = Settings(warehouse=folder / "warehouse")
    write_log(folder / "few.csv", users=200)
    run(settings, [folder / "few.csv"])
    _publish_past_snapshots(Publication(settings.warehouse), users)
    write_log(folder / "log.csv", users=users, seed=7)
    spent: list[float] = []
    for name in ("publish_events", "publish_agreeing"):
        setattr(Publication, name, _timed(getattr(Publication, name), spent))
    began = time.monotonic()
    run(settings, [folder / "log.csv"])
    return sum(spent), time.monotonic() - began


def _publish_past_snapshots(publication: Publication, users: int) -> None:
    """Publish the snapshot of `END` again for the days before it, its per-user tables resampled to `users` users."""
    rows = {table: publication.load_published(table, END) for table in SNAPSHOT_TABLES}
    states = publication.states(END)
    rng = np.random.default_rng(1)
    for day in (END - timedelta(days=SNAPSHOTS - n) for n in range(SNAPSHOTS)):
        drawn = {table: _of_day(table, rows[table], day, users, rng) for table in SNAPSHOT_TABLES}
        publish_drawn(publication, day, drawn, states)


def publish_drawn(
    publication: Publication, day: date, drawn: Mapping[Table, pa.Table], states: Mapping[str, staging.TableState]
) -> None:
    """Publish resampled tables of a day as if each had been computed from the others, as those in `states` were."""
    keys = {table.name: staging.content_key(staging.conform(table, rows)) for table, rows in drawn.items()}
    for table, rows in drawn.items():
        inputs = {name: keys.get(name, key) for name, key in states[table.name].inputs.items()}
        staging.stage(publication.folder, table, day, rows, inputs)
    [reasons] = publication.publish_agreeing([day]).values()
    if reasons:
        raise RuntimeError(f"{day} was not published: {reasons}")


def _of_day(table: Table, rows: pa.Table, day: date, users: int, rng: np.random.Generator) -> pa.Table:
    if "user_id" in rows.column_names:
        rows = rows.take(pa.array(rng.integers(0, rows.num_rows, users)))
        position = rows.column_names.index("user_id")
        rows = rows.set_column(position, "user_id", pa.array([f"user_{number:07}" for number in range(users)]))
    if table.snapshot_column is None:
        return rows
    position = rows.column_names.index(table.snapshot_column)
    return rows.set_column(position, table.snapshot_column, pa.repeat(pa.scalar(day), rows.num_rows))


def _timed(work: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        try:
            return work(*args, **kwargs)
        finally:
            spent.append(time.monotonic() - began)

    return timed
