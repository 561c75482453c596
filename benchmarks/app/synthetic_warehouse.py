"""A warehouse of any number of users to look at: a small run's snapshot, its per-user tables drawn out to as many."""

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
    """The warehouse `folder`, made unless it is there: clusters of a run on 3,000 users, with `users` users to look at."""
    if (folder / "made").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    write_log(folder / "log.csv", users=RUN_USERS)
    run(Settings(warehouse=folder), [folder / "log.csv"])
    _draw_out(Publication(folder), users, np.random.default_rng(seed))
    (folder / "made").touch()
    return folder


def _draw_out(publication: Publication, users: int, rng: np.random.Generator) -> None:
    """Publish the snapshot again with `users` users: each one like a user of the run, a little beside it on the map."""
    made = {table: publication.load_published(table, END) for table in SNAPSHOT_TABLES}
    states = publication.states(END)
    everyone = next(rows for table, rows in made.items() if table.name == "user_clusters")
    like = rng.integers(0, everyone.num_rows, users)
    drawn = {table: _drawn(table, rows, everyone["user_id"], like, rng) for table, rows in made.items()}
    drawn = {table: _resized(table, rows, users / everyone.num_rows) for table, rows in drawn.items()}
    publish_drawn(publication, END, drawn, states)


def _drawn(
    table: Table, rows: pa.Table, everyone: pa.ChunkedArray, like: np.ndarray, rng: np.random.Generator
) -> pa.Table:
    """The rows of the users that the new ones are like; who has no row in `table` is without one."""
    if "user_id" not in rows.column_names:
        return rows
    place = {user: at for at, user in enumerate(rows["user_id"].to_pylist())}
    of_user = np.array([place.get(user, -1) for user in everyone.to_pylist()])[like]
    kept = np.flatnonzero(of_user >= 0)
    rows = rows.take(pa.array(of_user[kept]))
    rows = rows.set_column(
        rows.column_names.index("user_id"), "user_id", pa.array([f"user_{number:07}" for number in kept])
    )
    for name in {"x", "y"} & set(rows.column_names):
        moved = rows[name].to_numpy() + rng.normal(scale=0.15, size=rows.num_rows)
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(moved))
    return rows


def _resized(table: Table, rows: pa.Table, factor: float) -> pa.Table:
    """Counts of users in `clusters` and `segmentations`, as many times as there are now."""
    for name in {"clusters": ("size",), "segmentations": ("users", "events")}.get(table.name, ()):
        counts = pa.array(np.rint(rows[name].to_numpy() * factor).astype(np.int64))
        rows = rows.set_column(rows.column_names.index(name), name, counts)
    return rows
