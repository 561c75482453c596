"""A small warehouse with journeys, read only, for what leaves the warehouse."""

import shutil
from pathlib import Path

import pytest

from dash_app.roadmap.store import Roadmap
from grupa_pipeline.storage import warehouse
from tests.dash_app.synthetic import DAYS, KINDS, write_warehouse

FUNNEL = {None: (330, 200), "C01": (140, 98), "C02": (90, 27), "C03": (60, 3), "unassigned": (40, 10)}
"""Users who logged in and who completed a deal, by group."""


@pytest.fixture(scope="session")
def small_written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    write_warehouse(folder)
    with warehouse.publish(folder / "grupa.duckdb") as con:
        con.execute("DELETE FROM journey_steps")  # the funnels are planted here
        con.execute("DELETE FROM journey_paths")
        for day in DAYS:
            for group, (reached, done) in FUNNEL.items():
                share = done / reached
                rest = None if group is None else (200 - done) / (330 - reached)
                con.executemany(
                    "INSERT INTO journey_steps (snapshot_date, cluster_id, goal, position, action, users_reached,"
                    " users_continued, continued_share, rest_continued_share, ci_low, ci_high, median_hours)"
                    " VALUES (?, ?, 'deal_complete', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [
                        [day, group, 1, "login", reached, done, share, rest, share - 0.02, share + 0.02, 5.0],
                        [day, group, 2, "deal_complete", done, None, None, None, None, None, None],
                    ],
                )
            for group in KINDS:
                con.execute(
                    "INSERT INTO journey_paths VALUES (?, ?, 'typical', 1, ['login', 'deal_complete'], 30, 0.3, NULL, NULL)",
                    [day, group],
                )
    Roadmap(folder).ensure()
    return folder


@pytest.fixture
def small_folder(small_written: Path, tmp_path: Path) -> Path:
    """A copy of it to write to."""
    return Path(shutil.copytree(small_written, tmp_path / "warehouse", symlinks=True))
