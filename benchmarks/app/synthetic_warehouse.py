"""Creates a warehouse with any number of users by resampling the per-user tables of a small run's snapshot."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.reliability.publishing import publish_drawn
from grupa.cli.run import run
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage.publication import Publication
from grupa_pipeline.tables import SNAPSHOT_TABLES, Table
from sample_data.generate import END, write_log

RUN_USERS = 3_000


def make_warehouse(folder: Path, users: int, seed: int = 1) -> Path:
    """Create the warehouse `folder` unless it exists: clusters of a run on 3,000 users, with `users` users."""
    if (folder / "complete").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    write_log(folder / "log.csv", users=RUN_USERS)
    run(Settings(warehouse=folder), [folder / "log.csv"])
    _resample(Publication(folder), users, np.random.default_rng(seed))
    (folder / "complete").touch()
    return folder


def _resample(publication: Publication, users: int, rng: np.random.Generator) -> None:
    """Publish the snapshot again with `users` users, each a copy of a user of the run, moved slightly on the map."""
    tables = {table: publication.load_published(table, END) for table in SNAPSHOT_TABLES}
    states = publication.states(END)
    clustered_users = next(rows for table, rows in tables.items() if table.name == "user_clusters")
    source = rng.integers(0, clustered_users.num_rows, users)
    drawn = {
        table: _resampled_table(table, rows, clustered_users["user_id"], source, rng) for table, rows in tables.items()
    }
    drawn = {table: _resized(table, rows, users / clustered_users.num_rows) for table, rows in drawn.items()}
    publish_drawn(publication, END, drawn, states)


def _resampled_table(
    table: Table, rows: pa.Table, clustered_users: pa.ChunkedArray, source: np.ndarray, rng: np.random.Generator
) -> pa.Table:
    """The rows of `table` for the new users, copied from their `source` users; users without a row are skipped."""
    if "user_id" not in rows.column_names:
        return rows
    position = {user: at for at, user in enumerate(rows["user_id"].to_pylist())}
    of_user = np.array([position.get(user, -1) for user in clustered_users.to_pylist()])[source]
    present = np.flatnonzero(of_user >= 0)
    rows = rows.take(pa.array(of_user[present]))
    rows = rows.set_column(
        rows.column_names.index("user_id"), "user_id", pa.array([f"user_{number:07}" for number in present])
    )
    for name in {"x", "y"} & set(rows.column_names):
        moved = rows[name].to_numpy() + rng.normal(scale=0.15, size=rows.num_rows)
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(moved))
    return rows


def _resized(table: Table, rows: pa.Table, factor: float) -> pa.Table:
    """Scale the counts of users and events in `clusters` and `segmentations` by `factor`."""
    for name in {"clusters": ("size",), "segmentations": ("users", "events")}.get(table.name, ()):
        counts = pa.array(np.rint(rows[name].to_numpy() * factor).astype(np.int64))
        rows = rows.set_column(rows.column_names.index(name), name, counts)
    return rows
